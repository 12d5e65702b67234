"""explore(): the same figure with sliders, live and stored; what it refuses, in words."""

import base64
import io
import itertools
import json
import re

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from helpers.course import explore
from helpers.course.explore import control_values, value_text


@pytest.fixture(autouse=True)
def clean_figures():
    yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch):
    """What was displayed: bundles from pages, widgets from a live kernel."""
    things: list = []
    monkeypatch.setitem(
        explore.__globals__, "display", lambda thing, raw=False: things.append(thing)
    )
    return things


@pytest.fixture
def page(monkeypatch, shown):
    """As while a notebook is executed for the book."""
    monkeypatch.setenv("COURSE_STATIC", "1")
    return shown


@pytest.fixture
def live(monkeypatch, shown):
    """As in a notebook that a reader runs."""
    monkeypatch.setenv("COURSE_STATIC", "")
    return shown


def paint(shade=0.0, more=0.0):
    """A figure that is nothing but one shade of grey, so that frames can be told apart."""
    return plt.figure(figsize=(0.6, 0.4), facecolor=str(round(shade + more, 3)))


def picture(source: str) -> float:
    """The mean brightness, 0 to 1, of a picture given by its address."""
    content = base64.b64decode(source.split(",")[1])
    return float(np.asarray(Image.open(io.BytesIO(content)).convert("L")).mean()) / 255


def stored(html: str) -> dict:
    return json.loads(re.search(r"\}\)\((\{.*\})\);</script>", html).group(1))


# --- values ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec, values",
    [
        ([1, 2], [1, 2]),
        ((0, 0.3, 4), [0, 0.1, 0.2, 0.3]),
        ((1.0, 2.0), [1.0, 2.0]),
        (range(3), [0, 1, 2]),
        (np.array([0.5, 1.0]), [0.5, 1.0]),
        (["a", "b"], ["a", "b"]),
    ],
)
def test_controls_are_lists_or_ranges(spec, values):
    assert control_values("x", spec) == values


@pytest.mark.parametrize("spec", [3, "abc", None])
def test_a_control_that_is_no_list_says_so(spec):
    with pytest.raises(ValueError, match=r"x must be a list of values or \(low, high, n\), got"):
        control_values("x", spec)


def test_an_empty_control_says_so():
    with pytest.raises(ValueError, match="x has no values"):
        control_values("x", [])


@pytest.mark.parametrize(
    "value, text", [(0.25, "0.25"), (-1, "−1"), (True, "on"), (False, "off"), ("a-b", "a-b")]
)
def test_values_read_well(value, text):
    assert value_text(value) == text


# --- what is refused, live and on a page --------------------------------------------------------


@pytest.mark.parametrize("static", ["", "0", "1"])
@pytest.mark.parametrize(
    "options, words",
    [
        ({"alt": " "}, "alt is empty"),
        ({"start": {"sade": 1}}, r"start names \['sade'\], the controls are \['shade'\]"),
        ({"static": {"sade": [1]}}, r"static names \['sade'\]"),
        ({"labels": {"sade": "s"}}, r"labels names \['sade'\]"),
        ({"start": {"shade": 0.3}}, r"start has shade = 0.3, the values are \[0.0, 1.0\]"),
    ],
)
def test_mistakes_are_named(monkeypatch, shown, static, options, words):
    monkeypatch.setenv("COURSE_STATIC", static)
    with pytest.raises(ValueError, match=words):
        explore(paint, **{"alt": "grey", "shade": [0.0, 1.0], **options})
    assert shown == []


def test_something_must_move(shown):
    with pytest.raises(ValueError, match="needs something to move: a list of values"):
        explore(paint, alt="grey")


@pytest.mark.parametrize("static", ["", "1"])
def test_draw_must_return_a_figure(monkeypatch, shown, static):
    monkeypatch.setenv("COURSE_STATIC", static)
    with pytest.raises(TypeError, match=r"what draw\(\) returns must be a matplotlib Figure, got"):
        explore(lambda shade: None, alt="grey", shade=[0, 1])


# --- the stored page ---------------------------------------------------------------------------


def test_every_combination_is_stored_in_the_order_of_the_sliders(page):
    shades, more = [0.0, 0.3, 0.6], [0.0, 0.2]
    explore(paint, alt="Grey.", shade=shades, more=more)
    html = page[0]["text/html"]
    data = stored(html)
    poster = re.search(r'<img src="([^"]+)"', html).group(1)
    levels = [picture(source or poster) for source in data["frames"]]
    expected = [a + b for a, b in itertools.product(shades, more)]
    assert np.allclose(levels, expected, atol=0.01)
    assert [control["label"] for control in data["controls"]] == ["shade", "more"]
    assert [control["values"] for control in data["controls"]] == [
        ["0", "0.3", "0.6"],
        ["0", "0.2"],
    ]
    assert plt.get_fignums() == []


def test_the_middle_is_shown_first_or_what_start_says(page):
    explore(paint, alt="Grey.", shade=[0.0, 0.5, 1.0])
    explore(paint, alt="Grey.", shade=[0.0, 0.5, 1.0], start={"shade": 1.0})
    assert [bundle["text/plain"] for bundle in page] == [
        "Grey. (shade = 0.5)",
        "Grey. (shade = 1)",
    ]
    posters = [re.search(r'<img src="([^"]+)"', b["text/html"]).group(1) for b in page]
    assert np.allclose([picture(poster) for poster in posters], [0.5, 1.0], atol=0.01)


def test_two_runs_store_the_same_bytes(page):
    for _ in range(2):
        explore(paint, alt="Grey.", shade=[0.0, 0.5, 1.0])
    assert page[0] == page[1]


def test_words_may_depend_on_the_values_and_are_escaped(page):
    explore(paint, alt=lambda shade: f'shade "{shade}" <b>', shade=[0.0, 1.0])
    html = page[0]["text/html"]
    assert 'alt="shade &quot;0.0&quot; &lt;b&gt;"' in html and "<b>" not in html
    assert stored(html)["alts"] == ['shade "0.0" <b>', 'shade "1.0" <b>']
    assert stored(html)["speaks"] is True


def test_names_become_letters_or_what_labels_say(page):
    explore(
        lambda theta, h: paint(theta), alt="Grey.", theta=[0, 1], h=[0, 1], labels={"h": "step"}
    )
    assert [control["label"] for control in stored(page[0]["text/html"])["controls"]] == [
        "θ",
        "step",
    ]


def test_static_gives_the_page_fewer_values(page):
    explore(paint, alt="Grey.", static={"shade": [0.0, 1.0]}, shade=(0, 1, 101), more=[0.0])
    data = stored(page[0]["text/html"])
    assert len(data["frames"]) == 2
    assert data["fixed"] == ["more = 0"]  # one value is told, not offered as a slider


def test_too_many_frames_say_what_to_do(page):
    with pytest.raises(ValueError, match=r"200 frames, and a page takes at most 150: .*static="):
        explore(paint, alt="Grey.", shade=(0, 1, 20), more=(0, 0, 10))


def test_frames_too_large_say_what_to_do(page, monkeypatch):
    monkeypatch.setattr("helpers.show.frames.AIM", 10)
    monkeypatch.setattr("helpers.show.frames.BUDGET", 10)
    with pytest.raises(ValueError, match=r"2 frames take .* kB even at the lowest .*static="):
        explore(paint, alt="Grey.", shade=[0, 1])


def test_figures_must_have_one_size(page):
    with pytest.raises(
        ValueError, match=r"figures of one size, got \[\(100, 100\), \(200, 100\)\]"
    ):
        explore(lambda w: plt.figure(figsize=(w, 1)), alt="Grey.", w=[1, 2])


# --- a live kernel -----------------------------------------------------------------------------


def screen_and_sliders(box):
    screen, *sliders = box.children
    assert isinstance(screen, ipywidgets.HTML)
    return screen, sliders


def level(screen) -> float:
    return picture(re.search(r'<img src="([^"]+)"', screen.value).group(1))


def test_a_slider_changes_the_picture_and_its_words(live):
    explore(paint, alt="Grey.", shade=[0.0, 0.5, 1.0], more=[0.0])
    screen, sliders = screen_and_sliders(live[0])
    assert [slider.description for slider in sliders] == ["shade", "more"]
    assert level(screen) == pytest.approx(0.5, abs=0.01)
    assert 'alt="Grey. (shade = 0.5, more = 0)"' in screen.value
    sliders[0].value = 2
    assert level(screen) == pytest.approx(1.0, abs=0.01)
    assert 'alt="Grey. (shade = 1, more = 0)"' in screen.value
    assert plt.get_fignums() == []


def test_sliders_wait_for_the_hand_to_rest(live):
    explore(paint, alt="Grey.", shade=[0.0, 1.0])
    _, (slider,) = screen_and_sliders(live[0])
    assert slider.continuous_update is False


def test_an_error_in_draw_is_shown_and_the_next_move_works(live):
    def draw(shade):
        if shade == 1.0:
            raise ZeroDivisionError("no <ink> left")
        return paint(shade)

    explore(draw, alt="Grey.", shade=[0.0, 0.5, 1.0])
    screen, (slider,) = screen_and_sliders(live[0])
    slider.value = 2
    assert "draw() stopped" in screen.value and "no &lt;ink&gt; left" in screen.value
    assert "test_explore.py" in screen.value and "<img" not in screen.value
    slider.value = 0
    assert level(screen) == pytest.approx(0.0, abs=0.01)


def test_an_error_in_the_first_drawing_fails_the_cell(live):
    with pytest.raises(ZeroDivisionError):
        explore(lambda shade: 1 / 0, alt="Grey.", shade=[0.0, 1.0])
    assert live == []
