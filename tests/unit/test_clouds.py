"""Charts of the plane: what is drawn, what is left out and said, what is refused."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from helpers.show.clouds import (
    Circles,
    cloud_panels,
    draw_cloud,
    field_panels,
    points_of,
    quality_curves,
)
from helpers.show.style import new_figure

SITES = Circles(torch.tensor([[0.0, 0.0], [2.0, 0.0]]), 0.5)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_cloud_is_two_columns():
    assert points_of(torch.zeros(3, 2, requires_grad=True)).shape == (3, 2)
    with pytest.raises(ValueError, match=r"a cloud in the plane has shape \(n, 2\), got \(3,\)"):
        points_of(torch.zeros(3))


def test_points_outside_are_counted_not_drawn():
    _, ax = new_figure()
    x = torch.zeros(100, 2)
    x[:7] = 50.0
    x[7] = float("nan")
    draw_cloud(ax, x, "black", limit=4.0)
    assert len(ax.collections[0].get_offsets()) == 92
    assert [text.get_text() for text in ax.texts] == ["8.0 % outside"]


def test_a_cloud_that_is_all_inside_says_nothing():
    _, ax = new_figure()
    draw_cloud(ax, torch.zeros(100, 2), "black", limit=4.0)
    assert not ax.texts


def test_cloud_panels_share_their_axes_and_draw_the_modes():
    figure = cloud_panels({"a": torch.zeros(9, 2), "b": torch.ones(9, 2)}, SITES, most=4)
    assert [ax.get_title("left") for ax in figure.axes] == ["a", "b"]
    for ax in figure.axes:
        assert len(ax.collections[0].get_offsets()) == 4
        assert [patch.get_radius() for patch in ax.patches] == [0.5, 0.5]
        assert ax.get_xlim() == (-4.0, 4.0) == ax.get_ylim()


@pytest.mark.parametrize("panels", [cloud_panels, field_panels])
@pytest.mark.parametrize("count", [0, 3])
def test_panels_must_fill_their_columns(panels, count):
    with pytest.raises(ValueError, match=f"{count} panels do not fill 2 columns"):
        panels({str(i): torch.zeros(2, 2) for i in range(count)})


def test_arrows_keep_their_directions_and_share_a_scale_in_a_row():
    axis = torch.linspace(-3, 3, 5)
    places = torch.cartesian_prod(axis, axis)
    strong = torch.tensor([[4.0, 0.0]]).expand(25, 2)
    figure = field_panels({"weak": (places, strong / 4), "strong": (places, strong)})
    weak, full = (next(c for c in ax.collections if hasattr(c, "U")) for ax in figure.axes)
    assert np.allclose(weak.V, 0) and np.all(weak.U > 0)
    assert np.allclose(full.U, 2 * weak.U)  # roots of the lengths are shown


def test_quality_curves_have_a_floor_and_an_own_dress_each():
    figure = quality_curves(
        {"A": ([5, 10], [30.0, 4.0]), "B": ([5, 1000], [20.0, 1.0])}, floor=(0.7, 1.4)
    )
    (ax,) = figure.axes
    drawn = {line.get_label(): line for line in ax.lines}
    assert drawn["A"].get_marker() != drawn["B"].get_marker()
    assert drawn["A"].get_color() != drawn["B"].get_color()
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_xticklabels()][0] == "5"
    assert {"A", "B", "two true draws"} <= {text.get_text() for text in figure.legends[0].texts}


@pytest.mark.parametrize("count", [0, 7])
def test_more_curves_than_the_eye_can_tell_apart_are_refused(count):
    with pytest.raises(ValueError, match=f"{count} curves, need 1 to 6"):
        quality_curves({str(i): ([1], [1]) for i in range(count)})


def test_guides_are_grey_and_few():
    line = ([5, 10], [3.0, 2.0])
    (ax,) = quality_curves({"A": line}, guides={"exact": line}).axes
    drawn = {line.get_label(): line for line in ax.lines}
    assert drawn["exact"].get_linewidth() < drawn["A"].get_linewidth()
    with pytest.raises(ValueError, match="3 guides, need 2 at most"):
        quality_curves({"A": line}, guides=dict.fromkeys("abc", line))
