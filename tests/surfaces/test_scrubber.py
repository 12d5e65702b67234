"""The scrubber in a real browser: by mouse, by keys, without JavaScript, without motion, on paper.

The pages here are bare: one snippet and nothing else, so that it must bring all it needs.
"""

import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from helpers.show.frames import compress
from helpers.show.scrubber import Control, scrubber_html

pytestmark = [pytest.mark.surface, pytest.mark.xdist_group("scrubber")]

COUNTS = (3, 4)
SIZE = (600, 380)


def frames(count: int) -> list[bytes]:
    return compress([Image.new("RGB", SIZE, (20 * k, 80, 90)) for k in range(count)], "")


@pytest.fixture(scope="module")
def explorer() -> str:
    controls = [
        Control("θ (1/ps)", ("0.25", "1", "4")),
        Control("σ (Å/√ps)", ("0.5", "1", "2", "4")),
        Control("h", ("0.1",)),
    ]
    alts = [f"picture {k}" for k in range(12)]
    return scrubber_html(frames(12), alts, controls, SIZE, start=5, speaks=True)


@pytest.fixture(scope="module")
def film() -> str:
    times = tuple(f"{0.5 * k:g}" for k in range(6))
    alts = [f"picture {k}" for k in range(6)]
    return scrubber_html(frames(6), alts, [Control("t (ps)", times)], SIZE, fps=2)


@pytest.fixture
def open_page(visit, tmp_path):
    """`open_page(body, **options)`: a page with `body` in it, in a fresh watched window."""
    visits = []

    def start(body: str, dark: bool = False, **options):
        colours = "background:#14181c;color:#e8e8e8;color-scheme:dark" if dark else ""
        page_file = tmp_path / f"page{len(visits)}.html"
        page_file.write_text(
            f'<!doctype html><html lang="en" style="{colours}"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>One figure</title><body>{body}</body></html>",
            encoding="utf-8",
        )
        made = visit(**options)
        visits.append(made)
        made.page.goto(page_file.as_uri())
        return made.page

    yield start
    for made in visits:
        assert made.errors == [] and made.outside == []


def test_each_slider_setting_shows_its_own_frame(explorer, open_page):
    page = open_page(explorer)
    picture = page.locator("figure img")
    first, second = page.get_by_role("slider").all()
    expect(picture).to_have_attribute("alt", "picture 5")
    sources = set()
    for i in range(COUNTS[0]):
        first.fill(str(i))
        for j in range(COUNTS[1]):
            second.fill(str(j))
            expect(picture).to_have_attribute("alt", f"picture {i * COUNTS[1] + j}")
            sources.add(picture.get_attribute("src"))
    assert len(sources) == 12


def test_by_keyboard_alone(explorer, open_page):
    page = open_page(explorer)
    picture = page.locator("figure img")
    page.keyboard.press("Tab")
    slider = page.get_by_role("slider", name="θ (1/ps)")
    expect(slider).to_be_focused()
    outline = slider.evaluate(
        "e => getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth"
    )
    assert outline == "solid3px"
    page.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("alt", "picture 9")
    expect(slider).to_have_attribute("aria-valuetext", "4")
    expect(page.locator(".scrub-row output").first).to_have_text("4")
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    expect(picture).to_have_attribute("alt", "picture 8")
    page.keyboard.press("End")
    expect(picture).to_have_attribute("alt", "picture 11")


def test_by_mouse(explorer, open_page):
    page = open_page(explorer)
    box = page.get_by_role("slider").nth(1).bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 3, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 1, y, steps=7)
    page.mouse.up()
    expect(page.locator("figure img")).to_have_attribute("alt", "picture 7")


def test_the_new_picture_is_told_once_the_hand_rests(explorer, open_page):
    page = open_page(explorer)
    said = page.locator(".scrub-said")
    expect(said).to_have_text("picture 5")
    page.get_by_role("slider").first.fill("0")
    expect(said).to_have_text("picture 1")
    assert said.evaluate("e => e.tagName") == "OUTPUT"  # a live region by its nature


def test_a_picture_that_comes_late_does_not_replace_a_newer_one(explorer, open_page):
    page = open_page(explorer)
    page.evaluate(
        """() => { let wait = 600;  // the first picture asked for is the last to be ready
        HTMLImageElement.prototype.decode = () => {
          const mine = wait; wait = 10;
          return new Promise((ready) => setTimeout(ready, mine)); };
        const slider = document.querySelectorAll("input")[1];
        for (const place of [3, 2]) {
          slider.value = place;
          slider.dispatchEvent(new Event("input")); } }"""
    )
    expect(page.locator("figure img")).to_have_attribute("alt", "picture 6")
    page.wait_for_timeout(900)
    expect(page.locator("figure img")).to_have_attribute("alt", "picture 6")


def still_picture(page, words: str) -> None:
    """A poster with a line below, and nothing that looks as if it could be moved."""
    expect(page.locator("figure img")).to_be_visible()
    assert page.locator("figure img").evaluate("e => e.naturalWidth") > 0
    expect(page.locator(".scrub-note")).to_be_visible()
    expect(page.locator(".scrub-shown")).to_have_text(words)
    assert page.locator("input, button").count() == 0


def test_without_javascript_it_is_a_picture(explorer, open_page):
    page = open_page(explorer, java_script_enabled=False)
    still_picture(page, "Shown: θ (1/ps) = 1, σ (Å/√ps) = 1, h = 0.1.")


def test_where_scripts_and_styles_are_stripped_it_is_a_picture(explorer, open_page):
    # As JupyterLab shows a notebook that it does not trust, and GitHub any notebook.
    stripped = re.sub(r"<(script|style)>.*?</\1>", "", explorer, flags=re.DOTALL)
    still_picture(open_page(stripped), "Shown: θ (1/ps) = 1, σ (Å/√ps) = 1, h = 0.1.")


def test_on_paper_there_are_no_controls_but_the_values_shown(explorer, open_page):
    page = open_page(explorer)
    expect(page.locator(".scrub-note")).to_be_hidden()
    page.get_by_role("slider").first.fill("0")
    page.emulate_media(media="print")
    expect(page.locator("figure img")).to_be_visible()
    expect(page.locator(".scrub-controls")).to_be_hidden()
    expect(page.locator(".scrub-hint")).to_be_hidden()
    shown = page.locator(".scrub-shown")
    expect(shown).to_be_visible()
    expect(shown).to_have_text("Shown: θ (1/ps) = 0.25, σ (Å/√ps) = 1, h = 0.1.")


def test_twins_on_one_page_move_alone(explorer, open_page):
    page = open_page(explorer + explorer)
    assert page.locator(".scrub-controls").count() == 2
    page.locator("figure").nth(1).get_by_role("slider").first.fill("2")
    expect(page.locator("figure img").nth(1)).to_have_attribute("alt", "picture 9")
    expect(page.locator("figure img").nth(0)).to_have_attribute("alt", "picture 5")
    assert page.evaluate("() => document.querySelectorAll('[id]').length") == 0


def test_a_script_run_again_changes_nothing(film, open_page):
    page = open_page(film)
    page.get_by_role("slider").fill("3")
    page.evaluate("() => eval(document.querySelector('figure script').textContent)")
    assert page.locator(".scrub-controls").count() == 1
    expect(page.locator("figure img")).to_have_attribute("alt", "picture 3")


def test_an_output_put_in_later_works_as_notebooks_do_it(film, open_page):
    # JupyterLab fills a node that is not in the page yet, makes its scripts anew, attaches it.
    page = open_page("<main></main>")
    page.evaluate(
        """(html) => { const host = document.createElement("div"); host.innerHTML = html;
        for (const old of host.querySelectorAll("script")) {
          const script = document.createElement("script");
          script.textContent = old.textContent; old.replaceWith(script); }
        document.querySelector("main").append(host); }""",
        film,
    )
    page.get_by_role("slider").fill("4")
    expect(page.locator("figure img")).to_have_attribute("alt", "picture 4")


def test_an_animation_waits_plays_pauses_and_ends(film, open_page):
    page = open_page(film)
    picture = page.locator("figure img")
    page.wait_for_timeout(900)
    expect(picture).to_have_attribute("alt", "picture 0")  # nothing moves by itself
    play = page.get_by_role("button", name="Play")
    play.click()
    expect(picture).to_have_attribute("alt", "picture 2")
    page.get_by_role("button", name="Pause").click()
    held = picture.get_attribute("alt")
    page.wait_for_timeout(900)
    expect(picture).to_have_attribute("alt", held)
    play.click()
    expect(picture).to_have_attribute("alt", "picture 5")
    expect(play).to_be_visible()  # the end: no loop, and the button plays again
    play.click()
    expect(picture).to_have_attribute("alt", "picture 1")
    page.get_by_role("slider").fill("4")  # a hand on the slider stops the film
    page.wait_for_timeout(900)
    expect(picture).to_have_attribute("alt", "picture 4")


def test_with_reduced_motion_there_are_steps_and_no_play_button(film, open_page):
    page = open_page(film, reduced_motion="reduce")
    picture = page.locator("figure img")
    assert page.get_by_role("button", name="Play").count() == 0
    page.get_by_role("button", name="Next").click()
    expect(picture).to_have_attribute("alt", "picture 1")
    page.get_by_role("button", name="Back").click()
    page.get_by_role("button", name="Back").click()  # the first frame has none before it
    expect(picture).to_have_attribute("alt", "picture 0")


def test_asking_for_less_motion_stops_a_running_film(film, open_page):
    page = open_page(film, reduced_motion="no-preference")
    page.get_by_role("button", name="Play").click()
    page.emulate_media(reduced_motion="reduce")
    expect(page.get_by_role("button", name="Next")).to_be_visible()
    held = page.locator("figure img").get_attribute("alt")
    page.wait_for_timeout(900)
    expect(page.locator("figure img")).to_have_attribute("alt", held)


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_the_page_and_the_finger(explorer, film, open_page, width, dark):
    page = open_page(explorer + film, dark=dark, width=width)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("figure img").first.bounding_box()["width"] <= 600
    for control in page.locator("input, button:visible").all():
        box = control.bounding_box()
        assert box["height"] >= 32 and box["width"] >= 96
    # Words take the page's colour, whatever it is.
    for words in page.locator("label span, output, button").all():
        assert words.evaluate("e => getComputedStyle(e).color") == page.evaluate(
            "() => getComputedStyle(document.body).color"
        )
