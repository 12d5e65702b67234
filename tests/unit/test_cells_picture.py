"""Pictures of crystals: what is in front hides, images stand on the faces, words for bad input."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from celluloid import Camera

from helpers.show import animate
from helpers.show.atoms import (
    bond_length,
    checked,
    colours_of,
    pairs_within,
    radii_of,
    with_images,
)
from helpers.show.cells import VIEW, crystal_panels, draw_crystal, letter_places, rotation, scene
from helpers.show.spheres import Balls, Sticks, lit, raster
from helpers.show.style import new_figure

BOX = 4.0 * np.eye(3)
RED, BLUE = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
NONE = Sticks(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3)))
WINDOW = (-2.0, 2.0, -1.0, 1.0)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def balls(*rows):
    """Balls from rows (x, y, z, radius, colour, opacity)."""
    return Balls(
        np.array([row[:3] for row in rows]),
        np.array([row[3] for row in rows]),
        np.array([row[4] for row in rows]),
        np.array([row[5] for row in rows]),
    )


# --- spheres.py ---------------------------------------------------------------------------------
def test_a_ball_covers_its_disc_and_nothing_else():
    picture = raster(balls((0.5, 0.0, 0.0, 0.8, RED, 1.0)), NONE, WINDOW, pixels=400)
    assert picture.shape == (200, 400, 4) and picture.dtype == np.uint8
    x = -2 + (np.arange(400) + 0.5) / 100
    y = 1 - (np.arange(200) + 0.5) / 100
    distance = np.hypot(x[None] - 0.5, y[:, None])
    assert (picture[distance < 0.78, 3] == 255).all() and (picture[distance > 0.82, 3] == 0).all()
    # π r² of the window's area, to a pixel along the rim
    assert picture[..., 3].mean() / 255 == pytest.approx(np.pi * 0.64 / 8, rel=0.005)


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_nearer_hides_what_is_behind_in_any_order(order):
    rows = [(0.0, 0.0, 1.0, 0.3, RED, 1.0), (0.0, 0.0, -1.0, 0.6, BLUE, 1.0)]
    picture = raster(balls(*rows[::order]), NONE, WINDOW, pixels=200).astype(int)
    middle, beside = picture[50, 100], picture[50, 100 + 22]
    assert middle[0] > middle[2] + 80  # red in front
    assert beside[2] > beside[0] + 40  # blue looks out behind it


def test_crossing_balls_share_the_picture_where_they_cross():
    rows = [(-0.2, 0.0, 0.0, 0.5, RED, 1.0), (0.2, 0.0, 0.0, 0.5, BLUE, 1.0)]
    picture = raster(balls(*rows), NONE, WINDOW, pixels=400).astype(int)
    left, right = picture[100, 190], picture[100, 210]
    assert left[0] > left[2] and right[2] > right[0]


def test_a_ball_that_is_not_opaque_lets_through_what_is_behind_and_hides_nothing():
    solid = balls((0.0, 0.0, -1.0, 0.5, BLUE, 1.0))
    both = balls((0.0, 0.0, 1.0, 0.5, RED, 0.3), (0.0, 0.0, -1.0, 0.5, BLUE, 1.0))
    a = raster(solid, NONE, WINDOW, pixels=100)[25, 50].astype(int)
    b = raster(both, NONE, WINDOW, pixels=100)[25, 50].astype(int)
    assert b[0] > a[0] + 20 and b[2] > 80 and b[3] == 255
    alone = raster(balls((0.0, 0.0, 0.0, 0.5, RED, 0.3)), NONE, WINDOW, pixels=100)
    assert alone[25, 50, 3] == pytest.approx(0.3 * 255, abs=2)


def test_a_stick_has_its_length_and_its_thickness():
    sticks = Sticks(
        np.array([[-1.0, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.5]]), np.array([0.1]), RED[None]
    )
    cover = raster(balls((9.0, 9.0, 0.0, 0.1, RED, 1.0)), sticks, WINDOW, pixels=400)[..., 3]
    assert cover.mean() / 255 == pytest.approx(2 * 0.2 / 8, rel=0.03)
    assert cover[100, 150] == 255 and cover[100, 320] == 0 and cover[115, 200] == 0


def test_a_stick_towards_the_viewer_and_one_of_no_length_show_nothing():
    point = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
    sticks = Sticks(
        point, point + [[0, 0, 2.0], [0, 0, 0]], np.array([0.1, 0.1]), RED[None][[0, 0]]
    )
    picture = raster(balls((9.0, 9.0, 0.0, 0.1, RED, 1.0)), sticks, WINDOW, pixels=100)
    assert picture[..., 3].max() == 0


def test_the_side_towards_the_light_is_brighter():
    up, down = np.array([[-0.5, 0.6, 0.62], [0.5, -0.6, 0.62]])
    assert (lit(up, RED * 0.7) >= lit(down, RED * 0.7)).all()
    assert lit(up, RED * 0.7)[0] > lit(down, RED * 0.7)[0] + 0.2


def test_bad_input_to_the_picture_is_named():
    with pytest.raises(ValueError, match="is empty: need left < right and bottom < top"):
        raster(balls((0.0, 0.0, 0.0, 1.0, RED, 1.0)), NONE, (1.0, 1.0, 0.0, 1.0))
    with pytest.raises(ValueError, match="balls and sticks need finite numbers"):
        raster(balls((np.nan, 0.0, 0.0, 1.0, RED, 1.0)), NONE, WINDOW)


# --- atoms.py -----------------------------------------------------------------------------------
def test_atoms_on_faces_edges_and_corners_have_their_images():
    fcc = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    atoms = with_images(BOX, fcc, np.full(4, 13))
    assert len(atoms.cart) == 14 and (atoms.solid == 1).all()  # 8 corners, 6 faces
    assert (np.bincount(atoms.source) == [8, 2, 2, 2]).all()
    inside = with_images(BOX, np.array([[0.5, 0.5, 0.5]]), np.array([6]))
    assert len(inside.cart) == 1


def test_images_fade_with_their_distance_from_the_cell():
    solid = [
        with_images(BOX, np.array([[x, 0.5, 0.5]]), np.array([6])).solid[1:].tolist()
        for x in (0.01, 0.07, 0.11, 0.2)
    ]
    assert solid[0] == [1.0] and solid[1] == [pytest.approx(0.5)] and solid[2][0] < 0.11
    assert solid[3] == []


def test_images_stand_beyond_both_faces():
    for x, image in ((0.01, 1.01), (0.99, -0.01)):
        atoms = with_images(BOX, np.array([[x, 0.5, 0.5]]), np.array([6]))
        assert atoms.cart[1, 0] == pytest.approx(4 * image)


def test_an_atom_given_outside_is_drawn_inside():
    a = with_images(BOX, np.array([[1.3, -0.2, 0.5]]), np.array([6]))
    assert a.cart[0] == pytest.approx([1.2, 3.2, 2.0])


def test_bonds_are_the_first_shell_only():
    bcc = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
    cell = 2.87 * np.eye(3)
    reach = bond_length(cell, bcc)
    assert 2.87 * 3**0.5 / 2 < reach < 2.87
    atoms = with_images(cell, bcc, np.full(2, 26))
    i, j, d = pairs_within(atoms, reach)
    assert len(i) == 8 and d == pytest.approx(2.87 * 3**0.5 / 2)
    assert bond_length(cell, bcc[:1]) == pytest.approx(1.15 * 2.87)  # one atom: its own image


def test_elements_look_different_and_balls_fit_the_cell():
    paint = colours_of(np.array([6, 13, 26, 8]))
    assert np.linalg.norm(paint[:, None] - paint[None], axis=-1)[np.triu_indices(4, 1)].min() > 0.15
    radii = radii_of(np.array([1, 6, 13, 26, 55]), 4.0)
    assert (np.diff(radii) > 0).all() and radii.max() < 0.2 * 4


@pytest.mark.parametrize(
    "cell, frac, species",
    [
        (np.eye(2), [[0, 0, 0]], [1]),
        (np.eye(3), [[0, 0]], [1]),
        (np.eye(3), [[0, 0, 0]], [1, 2]),
    ],
)
def test_shapes_that_do_not_fit_are_named(cell, frac, species):
    with pytest.raises(ValueError, match="to draw a crystal: cell"):
        checked(cell, frac, species)


def test_nan_and_unknown_elements_are_named():
    with pytest.raises(ValueError, match="a crystal with nan or infinite numbers"):
        checked(np.eye(3), [[0, 0, float("nan")]], [1])
    with pytest.raises(ValueError, match="no element has one of the atomic numbers"):
        checked(np.eye(3), [[0, 0, 0.0]], [200])


# --- cells.py -----------------------------------------------------------------------------------
def test_the_view_is_a_rotation_with_c_upwards():
    look = rotation(VIEW)
    assert look.T @ look == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(look) == pytest.approx(1)
    right, up, towards = np.array([0, 0, 1.0]) @ look
    assert right == pytest.approx(0, abs=1e-12) and up > 0.9
    front = np.array([np.cos(np.radians(VIEW[0])), np.sin(np.radians(VIEW[0])), 0.0])
    assert (front @ look)[2] > 0.9


def test_the_scene_has_twelve_edges_and_bonds_in_two_halves():
    cell, bcc = 2.87 * np.eye(3), np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
    atoms = with_images(cell, bcc, np.full(2, 26))
    spheres, sticks, corners = scene(cell, atoms, VIEW, bond_length(cell, bcc), 0.0)
    assert len(sticks.start) == 12 + 2 * 8 and len(spheres.radius) == 9
    lengths = np.linalg.norm(sticks.end - sticks.start, axis=1)
    assert lengths[:12] == pytest.approx(2.87) and lengths[12:] == pytest.approx(2.87 * 3**0.5 / 4)
    assert corners.mean(0) == pytest.approx(np.zeros(3), abs=1e-9)


def test_a_clash_changes_the_colour_of_both_atoms_and_of_nobody_else():
    frac = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.6], [0.3, 0.5, 0.2]])
    atoms = with_images(BOX, frac, np.full(3, 6))
    calm, *_ = scene(BOX, atoms, VIEW, 0.0, 0.0)
    loud, *_ = scene(BOX, atoms, VIEW, 0.0, 0.7)
    changed = (calm.colour != loud.colour).any(1)
    assert changed.tolist() == [True, True, False]


def test_letters_stand_outside_the_picture_of_the_cell():
    for cell in (BOX, np.array([[4.0, 0, 0], [-2, 3.5, 0], [1, 1, 5]])):
        corners = (np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) - 0.5) @ (
            cell @ rotation(VIEW)
        )
        places = letter_places(corners, 5.0)
        assert sorted(places) == ["a", "b", "c"]
        apart = [np.linalg.norm(places[x] - places[y]) for x, y in ("ab", "ac", "bc")]
        assert min(apart) > 0.5


def test_draw_crystal_draws_one_picture_and_leaves_padding_out():
    _, ax = new_figure()
    atoms = draw_crystal(
        ax,
        torch.tensor(BOX),
        torch.tensor([[0.5, 0.5, 0.5], [0.0, 0.0, 0.0]]),
        torch.tensor([6, 0]),
        pixels=80,
    )
    assert len(atoms.cart) == 1 and len(ax.images) == 1
    assert sorted(text.get_text() for text in ax.texts) == ["a", "b", "c"]
    draw_crystal(ax, BOX, [[0.5, 0.5, 0.5]], [6], letters=False, pixels=80)
    assert len(ax.texts) == 3


def test_panels_fill_their_columns_and_carry_their_titles():
    one = (BOX, np.array([[0.5, 0.5, 0.5]]), np.array([6]))
    figure = crystal_panels({"first": one, "second": one}, pixels=60)
    assert [ax.get_title(loc="center") for ax in figure.axes] == ["first", "second"]
    with pytest.raises(ValueError, match="3 crystals do not fill 2 columns"):
        crystal_panels({"a": one, "b": one, "c": one})


def test_a_film_of_a_crystal_stays_small(monkeypatch):
    shown = []
    module = sys.modules["helpers.show.animate"]
    monkeypatch.setattr(module, "display", lambda data, raw: shown.append(data))
    fig, ax = new_figure(height=3.0, width=3.2)
    camera, rng = Camera(fig), np.random.default_rng(0)
    for _ in range(6):
        draw_crystal(ax, BOX, rng.random((4, 3)), np.full(4, 13), pixels=200)
        camera.snap()
    animate(camera, alt="Four atoms at random places of a cubic cell", name="t")
    html = shown[0]["text/html"]
    assert len(html) < 150_000 and html.count("data:image/webp") == 6
