"""The room for figures: words for every picture, the same bytes on every run, small pages."""

import base64
import io
import json
import math
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from celluloid import Camera
from matplotlib.animation import FuncAnimation
from PIL import Image

from helpers.show import (
    COLORS,
    animate,
    error_orders,
    fan_panels,
    legend_below,
    new_figure,
    show,
    trajectories_with_histogram,
    use,
)
from helpers.show.figure import figure_html
from helpers.show.frames import compress, require_few, text_size
from helpers.show.raster import pixels, png
from helpers.show.scrubber import Control, frame_index, scrubber_html
from helpers.show.style import STYLE, WIDTH


@pytest.fixture(autouse=True)
def clean_figures():
    yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch):
    """What was displayed, bundle by bundle."""
    bundles: list[dict[str, str]] = []
    for function in (show, animate):
        monkeypatch.setitem(
            function.__globals__, "display", lambda bundle, raw: bundles.append(bundle)
        )
    return bundles


def grey(level: int, size=(40, 30)) -> Image.Image:
    return Image.new("RGB", size, (level, level, level))


def stored_frames(html: str) -> list[Image.Image]:
    """The frames of a snippet in their order, the poster put back in its place."""
    data = json.loads(re.search(r"\}\)\((\{.*\})\);</script>", html).group(1))
    poster = re.search(r'<img src="([^"]+)"', html).group(1)
    sources = [source or poster for source in data["frames"]]
    return [Image.open(io.BytesIO(base64.b64decode(s.split(",")[1]))) for s in sources]


def level(picture: Image.Image) -> float:
    return float(np.asarray(picture.convert("L"), dtype=float).mean())


# --- style -----------------------------------------------------------------------------------

# Machado, Oliveira, Fernandes (2009): what full protanopia, deuteranopia, tritanopia leave.
SIGHT = {
    "usual": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}  # fmt: skip
TO_XYZ = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])


def linear(colour: str) -> np.ndarray:
    value = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(light: np.ndarray) -> np.ndarray:
    x, y, z = TO_XYZ @ np.clip(light, 0, 1) / [0.9505, 1.0, 1.0888]
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
def test_roles_are_told_apart_with_any_sight(sight):
    roles = ("data", "model", "exact", "drift", "noise")
    seen = {role: lab(np.asarray(SIGHT[sight]) @ linear(COLORS[role])) for role in roles}
    for first in roles:
        for second in roles:
            if first < second:
                assert np.linalg.norm(seen[first] - seen[second]) > 15, (first, second)


@pytest.mark.parametrize("role", ["data", "model", "exact", "drift", "noise", "muted"])
def test_lines_stand_out_from_white_paper(role):
    luminance = (TO_XYZ @ linear(COLORS[role]))[1]
    assert 1.05 / (luminance + 0.05) >= 3  # WCAG 1.4.11


def test_letters_are_tall_enough_on_a_phone():
    sizes = [value for name, value in STYLE.items() if name.endswith("size") and "font" in name]
    sizes += [STYLE[f"{axis}tick.labelsize"] for axis in "xy"] + [STYLE["axes.labelsize"]]
    shrink = 340 / (WIDTH * 72)  # a 390-pixel page leaves 340 pixels; WIDTH inches have 72 points
    assert min(sizes) * shrink >= 11


def test_importing_the_room_or_use_sets_the_style():
    plt.rcdefaults()
    use()
    figure, axes = plt.subplots()
    assert tuple(figure.get_size_inches()) == STYLE["figure.figsize"]
    assert not axes.spines["top"].get_visible()


def test_new_figure_gives_one_axes_or_an_array():
    assert isinstance(new_figure()[1], plt.Axes)
    figure, axes = new_figure(3)
    assert axes.shape == (3,) and figure.get_figwidth() == WIDTH


def test_new_figure_needs_rows():
    with pytest.raises(ValueError, match="at least one row and one column, got 0 × 1"):
        new_figure(0)


def test_legend_below_gathers_each_label_once():
    figure, axes = new_figure(2)
    for ax in axes:
        ax.plot([0, 1], label="same")
    axes[1].plot([1, 0], label="other")
    legend_below(figure)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["same", "other"]


# --- still figures ---------------------------------------------------------------------------


def test_show_displays_the_picture_and_its_words_and_closes_it(shown):
    figure, axes = new_figure()
    axes.plot([0, 1])
    show(figure, alt="A line that\n rises.", caption="a < b")
    (bundle,) = shown
    assert bundle["text/plain"] == "A line that rises."
    assert '<figure class="course-figure"' in bundle["text/html"]
    assert 'alt="A line that rises."' in bundle["text/html"]
    assert "<figcaption>a &lt; b</figcaption>" in bundle["text/html"]
    assert 'width="600" height="380"' in bundle["text/html"]
    assert not plt.fignum_exists(figure.number)


@pytest.mark.parametrize("alt", ["", "   \n"])
def test_show_needs_words(alt):
    with pytest.raises(ValueError, match="alt is empty: write one or two sentences"):
        show(new_figure()[0], alt=alt)


def test_words_must_be_text():
    with pytest.raises(TypeError, match="alt must be a text that says what the figure shows"):
        show(new_figure()[0], alt=3)


def test_show_needs_a_figure():
    with pytest.raises(TypeError, match="must be a matplotlib Figure, got list"):
        show([1, 2], alt="numbers")


def test_words_cannot_break_out_of_the_page():
    html = figure_html(new_figure()[0], alt='"><script>x</script>')
    assert "<script>" not in html and "&quot;&gt;&lt;script&gt;" in html


def test_a_figure_gives_the_same_bytes_twice_and_says_nothing_about_the_machine():
    def content():
        figure, axes = new_figure()
        axes.plot(np.random.default_rng(0).normal(size=(50, 20)), alpha=0.4)
        return png(pixels(figure))

    first = content()
    assert first == content()
    for chunk in (b"tEXt", b"iTXt", b"tIME", b"Software"):
        assert chunk not in first


def test_a_plot_is_stored_small_and_true():
    figure, axes = new_figure()
    axes.plot(np.random.default_rng(0).normal(size=(200, 60)).cumsum(0), color="C0", alpha=0.4)
    drawn = pixels(figure)
    full = io.BytesIO()
    drawn.save(full, format="PNG", optimize=True)
    stored = png(drawn)
    change = np.asarray(Image.open(io.BytesIO(stored)).convert("RGB"), float) - np.asarray(drawn)
    assert len(stored) < 0.7 * len(full.getvalue())
    assert math.sqrt((change**2).mean()) <= 2.5


def test_a_picture_of_many_colours_keeps_them_all():
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    stored = Image.open(io.BytesIO(png(Image.fromarray(noise))))
    assert (np.asarray(stored.convert("RGB")) == noise).all()


def test_a_transparent_figure_lies_on_white_paper():
    figure, axes = plt.subplots()
    figure.patch.set_alpha(0)
    assert pixels(figure).getpixel((0, 0)) == (255, 255, 255)


# --- frames and the scrubber -----------------------------------------------------------------


def rgb(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=float)


def test_frames_keep_their_order():
    contents = compress([grey(0), grey(120), grey(240)], "draw less")
    assert np.allclose([rgb(content).mean() for content in contents], [0, 120, 240], atol=3)


def test_line_drawings_are_stored_without_loss_on_white_paper():
    contents = compress([grey(255), grey(30)], "")
    assert (rgb(contents[0]) == 255).all() and (rgb(contents[1]) == 30).all()


def test_a_frame_unlike_all_others_keeps_its_colours():
    many = [grey(k) for k in range(0, 240, 10)]
    means = [rgb(content).mean() for content in compress(many, "")]
    assert np.allclose(means, range(0, 240, 10), atol=3)


def speckles(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(count)
    ]


def test_a_palette_is_not_used_where_it_would_show():
    with_palette = [rgb(content) for content in compress([grey(9), grey(99)], "")]
    assert all(len(np.unique(picture)) <= 64 for picture in with_palette)
    photograph = rgb(compress(speckles(1), "")[0])
    assert len(np.unique(photograph.reshape(-1, 3), axis=0)) > 64


def test_quality_falls_until_the_frames_fit(monkeypatch):
    pictures = speckles(8)
    best = text_size(compress(pictures, ""))
    for share in (0.9, 0.6, 0.3):
        monkeypatch.setattr("helpers.show.frames.AIM", share * best)
        assert 0.1 * best < text_size(compress(pictures, "")) <= share * best


def test_frames_that_cannot_fit_say_their_size(monkeypatch):
    monkeypatch.setattr("helpers.show.frames.AIM", 100)
    assert compress(speckles(2), "")  # larger than hoped for, and still within what a page takes
    monkeypatch.setattr("helpers.show.frames.BUDGET", 100)
    with pytest.raises(ValueError, match=r"2 frames take \d+ kB even at the lowest .* draw less"):
        compress(speckles(2), "draw less")


def test_too_many_frames_say_how_many():
    require_few(150, "")
    with pytest.raises(ValueError, match="151 frames, and a page takes at most 150: draw less"):
        require_few(151, "draw less")


def test_the_last_control_runs_fastest():
    controls = [Control("a", ("1", "2")), Control("b", ("1", "2", "3"))]
    order = [frame_index(controls, (i, j)) for i in range(2) for j in range(3)]
    assert order == list(range(6))


CONTROLS = [Control("θ", ("0.5", "1")), Control("h<", ("a", "b", "c"))]


def snippet(**options) -> str:
    frames = compress([grey(40 * k) for k in range(6)], "")
    alts = [f"picture {k} </script>" for k in range(6)]
    return scrubber_html(frames, alts, CONTROLS, (40, 30), **options)


def test_the_snippet_holds_all_frames_in_order_and_the_poster_once():
    html = snippet(start=4)
    assert np.allclose([level(p) for p in stored_frames(html)], [40 * k for k in range(6)], atol=3)
    assert html.count("data:image/webp") == 6
    assert 'alt="picture 4 &lt;/script&gt;"' in html
    assert "Shown: θ = 1, h&lt; = b." in html


def test_the_snippet_is_the_same_twice_and_named_after_its_content():
    name = re.compile(r'data-scrubber="(\w+)"')
    assert snippet() == snippet()
    assert name.search(snippet()).group(1) != name.search(snippet(start=1)).group(1)
    assert not re.search(r'\sid="', snippet())  # twins on one page share no id


def test_words_cannot_end_the_script():
    assert snippet().count("</script>") == 1


def test_the_snippet_asks_for_nothing_from_outside():
    assert not re.search(r"https?://|@import|url\(", snippet())


def test_counts_must_fit():
    with pytest.raises(ValueError, match="6 combinations, got 2 frames and 2 descriptions"):
        scrubber_html([b"", b""], ["", ""], CONTROLS, (1, 1))


@pytest.mark.parametrize("start", [-1, 6])
def test_start_must_be_a_frame(start):
    with pytest.raises(ValueError, match=f"start is frame {start}, need 0 to 5"):
        snippet(start=start)


def test_a_snippet_too_large_says_so(monkeypatch):
    monkeypatch.setattr("helpers.show.scrubber.MOST_CHARACTERS", 1000)
    with pytest.raises(ValueError, match="the snippet takes .* kB and a page takes 1 kB"):
        snippet()


# --- animations ------------------------------------------------------------------------------


def camera(levels=(0.0, 0.5, 1.0)) -> Camera:
    figure, axes = plt.subplots(figsize=(2, 1), layout="none")
    axes.set(position=[0, 0, 1, 1], xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    taken = Camera(figure)
    for value in levels:
        axes.axvspan(0, 1, color=str(value))
        taken.snap()
    return taken


def test_a_camera_becomes_frames_in_order_with_a_play_button(shown):
    animate(camera(), alt="It gets light.", fps=5, name="t (ps)", values=[0.0, 0.25, 0.5])
    html = shown[0]["text/html"]
    levels = [level(picture) for picture in stored_frames(html)]
    assert np.allclose(levels, [0, 127.5, 255], atol=3)
    assert '"fps": 5' in html and '"values": ["0", "0.25", "0.5"]' in html
    assert shown[0]["text/plain"] == "It gets light. (t (ps) = 0)"
    assert plt.get_fignums() == []


def test_a_matplotlib_animation_works_too(shown):
    figure, axes = plt.subplots()
    (line,) = axes.plot([0, 1], [0, 1])
    movie = FuncAnimation(figure, lambda k: line.set_data([0, 1], [k, 1]), frames=4)
    animate(movie, alt=lambda k: f"picture {k}", start=-1)
    assert len(stored_frames(shown[0]["text/html"])) == 4
    assert shown[0]["text/plain"] == "picture 3"


def test_an_animation_is_the_same_twice(shown):
    for _ in range(2):
        animate(camera(), alt="It gets light.")
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    "options, words",
    [
        ({"alt": " "}, "alt is empty"),
        ({"fps": 0}, "fps must be positive, got 0"),
        ({"values": [1]}, "3 frames need 3 values, got 1"),
        ({"start": 3}, "start is frame 3, need -3 to 2"),
    ],
)
def test_animate_says_what_is_wrong(options, words):
    with pytest.raises(ValueError, match=words):
        animate(camera(), **{"alt": "It gets light.", **options})


def test_a_camera_without_a_picture_says_so():
    with pytest.raises(ValueError, match=r"took no picture: call camera.snap\(\)"):
        animate(camera(levels=()), alt="nothing")


def test_animate_needs_a_movie():
    with pytest.raises(TypeError, match="celluloid Camera or a matplotlib Animation, got list"):
        animate([1], alt="numbers")


# --- charts ----------------------------------------------------------------------------------


def test_fan_and_histogram_show_the_paths_and_their_law():
    times = torch.linspace(0, 1, 11)
    states = torch.randn(11, 400, 1, generator=torch.Generator().manual_seed(0))
    figure = trajectories_with_histogram(
        times, states, lambda x: torch.exp(-torch.tensor(x) ** 2 / 2) / 2.5066,
        envelope=lambda t: 2 + 0 * t, paths=7, limits=(-4, 4), highest=0.5,
    )  # fmt: skip
    fan, side = figure.axes
    assert len(fan.lines) == 7 + 2 and fan.get_ylim() == (-4, 4) and side.get_xlim() == (0, 0.5)
    values, edges, _ = side.patches[0].get_data()
    assert math.isclose((values * np.diff(edges)).sum(), 1, abs_tol=0.01)


def test_walkers_outside_are_counted_in_words_and_do_not_break_the_picture():
    states = np.full((3, 8), 1e30)
    states[-1, 0] = np.nan
    figure = trajectories_with_histogram([0, 1, 2], states, limits=(-1, 1))
    assert [text.get_text() for text in figure.axes[1].texts] == ["100 %\noutside"]
    figure_html(figure, "far away")


def test_fans_need_fitting_shapes():
    with pytest.raises(ValueError, match=r"need times \(n_times,\).*got \(3,\) and \(2, 5\)"):
        trajectories_with_histogram([0, 1, 2], np.zeros((2, 5)))


def test_panels_share_their_axes_and_carry_their_titles():
    fans = {name: ([0, 1, 2], np.zeros((3, 4))) for name in ("a, b", "c", "d")}
    figure = fan_panels(fans, bands={"c": 0.5}, limits=(-1, 1))
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a, b", "c", "d"]
    assert [len(ax.patches) for ax in figure.axes] == [0, 1, 0]


def test_panels_must_fill_their_columns():
    with pytest.raises(ValueError, match="1 panels do not fill 2 columns"):
        fan_panels({"a": ([0], np.zeros((1, 1)))}, columns=2)


def test_orders_show_steps_taken_and_two_standard_errors():
    class Estimate:
        value, error = 0.1, 0.02

    figure = error_orders({"SDE": {"Euler": ([0.1, 0.2], [Estimate(), Estimate()])}})
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.1", "0.2"]
    low, high = ax.collections[0].get_segments()[0][:, 1]
    assert math.isclose(high - low, 0.08)
