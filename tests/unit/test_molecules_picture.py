"""Pictures of molecules in pockets: what is joined, what hides, what stays still in a film."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from helpers.show.cells import rotation
from helpers.show.frames import AIM, compress, text_size
from helpers.show.molecules import complex_figure, complex_panels, draw_complex
from helpers.show.raster import pixels
from helpers.show.sticks import (
    LOOKS,
    bonded,
    checked,
    columns,
    contacts_of,
    dots_between,
    sticks_between,
    view_on,
)
from helpers.show.style import new_figure

# Formaldehyde-like: C=O along x, with a donor site in line with O and one hydrophobic behind C.
X = np.array([[0.0, 0, 0], [1.22, 0, 0], [-1.5, 0.3, 0]])
SYMBOLS = ["C", "O", "C"]
POCKET = np.array([[4.12, 0, 0], [-5.0, 1.0, 0], [0.0, -4.0, 0]])
KINDS = ["donor", "hydrophobic", "acceptor"]
FACE = (0.0, 90.0)  # from above: x runs to one side, y to another


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def drawn(**more):
    figure, ax = new_figure(width=4.0, height=4.0)
    more = {"view": FACE, "pixels": 160} | more
    return draw_complex(ax, X, SYMBOLS, POCKET, KINDS, **more), ax


def image(ax):
    return np.asarray(ax.images[0].get_array()).astype(int)


def test_bonds_and_contacts_are_found():
    found, ax = drawn()
    assert found.bonds.tolist() == [[0, 1], [0, 2]]
    assert found.contacts.tolist() == [[1, 0]]  # O before the donor; nothing before the acceptor
    assert bonded(X[[0, 2]] * [2, 1, 1], ["C", "C"]).size == 0
    assert contacts_of(X, ["C", "N", "C"], POCKET, KINDS).shape == (0, 2)
    letters = sorted(text.get_text() for text in ax.texts)
    assert letters == ["", "A", "D"]


def test_places_are_seen_from_the_middle_of_the_pocket():
    found, ax = drawn()
    look = rotation(FACE)
    assert np.allclose(found.sites, (POCKET - POCKET.mean(0)) @ look)
    assert np.allclose(found.atoms, (X - POCKET.mean(0)) @ look)
    left, right = ax.get_xlim()
    assert (np.abs(found.sites[:, :2]) + 0.95 < right).all() and left == -right


def test_frames_of_a_film_share_their_window():
    _, still = drawn(span=12.0)
    figure, ax = new_figure(width=4.0, height=4.0)
    draw_complex(ax, X * 3, SYMBOLS, POCKET, KINDS, view=FACE, span=12.0, pixels=80)
    assert ax.get_xlim() == still.get_xlim() == (-6.0, 6.0)
    first, second = drawn()[1], new_figure()[1]
    draw_complex(second, X + 0.7, SYMBOLS, POCKET, KINDS, view=FACE, pixels=80)
    assert first.get_xlim() == second.get_xlim()


def test_atoms_that_clash_are_magenta():
    usual, marked = image(drawn()[1]), image(drawn(clash=np.array([0, 0, 1]))[1])
    changed = np.abs(usual - marked).max(-1) > 40
    found, ax = drawn()
    # Only about the third atom, within its ball and half its bond.
    half = ax.get_xlim()[1]
    rows, cols = np.nonzero(changed)
    side = 2 * half / usual.shape[0]
    places = np.stack([-half + (cols + 0.5) * side, half - (rows + 0.5) * side], 1)
    assert len(places) > 30
    assert np.linalg.norm(places - found.atoms[2, :2], axis=1).max() < 1.0
    middle = marked[changed].mean(0)
    assert middle[0] > middle[1] + 40 and middle[2] > middle[1] + 20


def test_a_molecule_alone_and_a_real_pocket_are_drawn():
    figure, ax = new_figure(width=4.0, height=4.0)
    alone = draw_complex(ax, torch.tensor(X), SYMBOLS)
    assert alone.sites.shape == (0, 3) and len(alone.contacts) == 0
    assert image(ax)[..., 3].max() == 255
    figure, ax = new_figure(width=4.0, height=4.0)
    draw_complex(ax, X, SYMBOLS, np.array([[5.0, 0, 0], [6.5, 0, 0]]), ["C", "S"], view=FACE)
    assert not ax.texts and (image(ax)[..., 3] > 200).sum() > 100


def test_the_view_looks_at_the_widest_face():
    """A flat ring is seen as a ring from wherever it lies."""
    turn = 2 * np.pi * np.arange(6) / 6
    ring = np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1)
    for seed in range(5):
        q = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
        seen = (ring @ q) @ rotation(view_on(ring @ q))
        assert np.abs(seen[:, 2]).max() < 1e-9
        assert np.linalg.norm(seen[:, :2], axis=1) == pytest.approx(np.ones(6))
        assert view_on(ring @ q)[1] >= 0  # from above


def test_halves_of_a_bond_have_the_colours_of_their_ends():
    paint = np.array([[0.0, 0, 0], [1.0, 0, 0]])
    rows = sticks_between(X[:2], np.array([[0, 1]]), paint, 0.1)
    assert [tuple(row[1]) for row in rows] == [(0.61, 0, 0)] * 2
    assert rows[0][3].tolist() == pytest.approx([0.2] * 3) and rows[1][3][0] == pytest.approx(0.9)
    dots = dots_between(np.zeros(3), np.array([1.0, 0, 0]))
    assert len(dots) == 5 and all(a[0] < b[0] for a, b, *_ in dots)
    assert [part.shape for part in columns([], 4)] == [(0, 3), (0, 3), (0,), (0, 3)]


def test_panels_and_frames_are_figures_that_fit_a_page():
    pair = (X, SYMBOLS, POCKET, KINDS)
    figure = complex_panels({"one": pair, "two": pair}, pixels=120)
    assert [ax.get_title() for ax in figure.axes] == ["one", "two"]
    g = np.random.default_rng(0)
    frames = [
        pixels(complex_figure(X + s * g.normal(size=X.shape), SYMBOLS, POCKET, KINDS, pixels=200))
        for s in (3.0, 1.0, 0.0)
    ]
    assert text_size(compress(frames, "")) < AIM * 3 / 30  # thirty such frames fit
    assert complex_figure(*pair, "step 3").axes[0].get_title() == "step 3"


@pytest.mark.parametrize(
    "draw, words",
    [
        (lambda ax: draw_complex(ax, X[:2], SYMBOLS), r"positions \(2, 3\) for 3 names, need"),
        (lambda ax: draw_complex(ax, X * np.nan, SYMBOLS), "the ligand: nan or infinite"),
        (lambda ax: draw_complex(ax, X, ["C", "O", "Qq"]), "Qq is no element and no kind of site"),
        (lambda ax: draw_complex(ax, X, SYMBOLS, POCKET, ["C"]), "the pocket: positions"),
        (lambda ax: draw_complex(ax, X, SYMBOLS, span=-1.0), "the width of the picture in Å must"),
        (lambda ax: complex_panels({"one": (X, SYMBOLS)}), "1 pairs do not fill 2 columns"),
        (lambda ax: view_on(X[:1]), "1 atoms look alike from everywhere"),
        (lambda ax: checked(X, ["donor"] * 3, ["C"], "the ligand"), "donor is no element"),
    ],
)
def test_what_cannot_be_drawn_is_said(draw, words):
    with pytest.raises(ValueError, match=words):
        draw(new_figure()[1])
    assert set(LOOKS) == {"donor", "acceptor", "hydrophobic"}
