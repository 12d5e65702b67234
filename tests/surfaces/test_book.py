"""The web book in a real browser: whole, quiet, legible, operable, and asking nobody."""

import itertools
import re
import sys
from collections.abc import Iterator

import pages
import pytest
from pages import BOOK, EXTRA, ROOT, Reading, Scheme
from playwright.sync_api import Page, expect

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# In no group: pages are read by whichever worker is free.
pytestmark = [pytest.mark.surface]

CHAPTERS = [page for page in pages.toc() if page.startswith("notebooks/")]
PAGES = [*pages.toc(), *EXTRA]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
MOST_BYTES = 3_000_000
AXE = pages.MODULES / "axe-core" / "axe.min.js"
SCREENS = ROOT / "_build" / "screens"


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The address of the built book on this machine."""
    with pages.served(pages.build()) as address:
        yield address


@pytest.fixture(scope="session")
def readings(site: str) -> dict[str, Reading]:
    """Every page's source, by its name without suffix."""
    files = sorted(path for path in BOOK.rglob("*.html") if "_static" not in path.parts)
    return {path.relative_to(BOOK).with_suffix("").as_posix(): Reading(path) for path in files}


def settled(page: Page, address: str) -> Page:
    """`page` at `address`, its scripts, formulas and letters done."""
    page.goto(address, wait_until="load")
    page.evaluate("window.MathJax?.startup?.promise")
    page.evaluate("document.fonts.ready.then(() => true)")
    return page


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")


def fold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = false))")


# --- whole ----------------------------------------------------------------------------------


def test_the_built_pages_are_those_of_the_contents(readings):
    assert set(readings) == {*PAGES, "index"}


def test_links_and_anchors_resolve(readings):
    assert pages.broken(readings.values(), BOOK) == []


def test_the_link_check_notices_a_broken_one(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="#here">1</a><a href="#gone">2</a><a href="b.html">3</a>'
        '<a href="../outside.html">4</a><a href="https://example.org">5</a></p>'
    )
    found = pages.broken([Reading(tmp_path / "a.html")], tmp_path)
    assert [line.split()[1] for line in found] == ["#gone", "b.html", "../outside.html"]


@pytest.mark.parametrize("page", PAGES)
def test_ids_are_unique(page, readings):
    assert [name for name, count in readings[page].ids.items() if count > 1] == []


@pytest.mark.parametrize("page", PAGES)
def test_pictures_say_what_they_show(page, readings):
    for picture in readings[page].pictures:
        assert picture.get("alt") is not None, f"no alt: {str(picture)[:200]}"
        if "_static/" not in (picture.get("src") or ""):  # the theme's logos name themselves
            assert len(str(picture["alt"]).split()) > 4, f"too short: {picture['alt']}"


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_has_a_figure_and_a_scrubber(page, readings):
    source = readings[page].path.read_text(encoding="utf-8")
    assert len(readings[page].pictures) > 3
    assert 'class="course-figure course-scrubber"' in source


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_light_enough(page, readings):
    size = readings[page].path.stat().st_size
    assert size < MOST_BYTES, f"{page} has {size / 1e6:.1f} MB"


# --- quiet ----------------------------------------------------------------------------------

LEFT_OVER = r"""() => {
  const raw = [], walker = document.createTreeWalker(
    document.querySelector("article") || document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.parentElement.closest("code, pre, script, style, mjx-container")) continue;
    if (/\\[(\[a-zA-Z]|\$[^$]+\$|<!--/.test(node.data)) raw.push(node.data.trim());
  }
  return raw;
}"""


@pytest.mark.parametrize("way", ["http", "file"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_nobody_and_has_no_error(page, way, site, visit):
    here = visit()
    unfolded = settled(here.page, (site if way == "http" else BOOK.as_uri()) + f"/{page}.html")
    unfold(unfolded)
    unfolded.wait_for_load_state("networkidle")
    assert here.outside == []
    assert here.errors == []
    asked = unfolded.locator(".math").count()
    assert unfolded.locator("mjx-container").count() == asked
    assert unfolded.locator("mjx-merror, mjx-mtext[style*='red']").all_inner_texts() == []
    assert unfolded.evaluate(LEFT_OVER) == []
    blank = "[...document.images].filter((i) => !i.naturalWidth).map((i) => i.alt)"
    assert unfolded.evaluate(blank) == []


def test_the_watch_notices_requests_and_errors(site, visit):
    here = visit()
    here.page.goto(f"{site}/no-such-page.html")
    here.page.set_content(
        '<img src="https://example.org/a.png"><script>console.error("said"); throw Error("x")'
        "</script>"
    )
    here.page.wait_for_load_state("networkidle")
    assert here.outside == ["https://example.org/a.png"]
    assert any("404" in error for error in here.errors)
    assert {"said", "x"} <= set(here.errors)


# --- operable -------------------------------------------------------------------------------


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_solutions_are_folded_and_open(chapter, site, visit):
    page = settled(visit().page, f"{site}/{chapter}.html")
    stubs = page.locator("div.cell.tag_stub").count()
    solutions = page.locator("details", has=page.locator("> summary", has_text="Solution"))
    assert stubs > 0
    assert solutions.count() == stubs
    for index in range(stubs):
        solution = solutions.nth(index)
        code = solution.locator("div.highlight-python").first
        expect(code).not_to_be_visible()
        if index % 2:
            solution.locator("> summary").click()
        else:
            solution.locator("> summary").focus()
            page.keyboard.press("Enter")
        expect(code).to_be_visible()
        assert code.locator("span.k").count() > 0, "the code is not highlighted"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_scrubbers_move_by_keyboard_and_by_mouse(chapter, site, visit):
    here = visit()
    page = settled(here.page, f"{site}/{chapter}.html")
    for scrubber in page.locator("figure.course-scrubber").all():
        scrubber.scroll_into_view_if_needed()
        picture = scrubber.locator("img")
        for slider in scrubber.get_by_role("slider").all():
            before, value = picture.get_attribute("src"), slider.input_value()
            slider.focus()
            at_end = value == slider.get_attribute("max")
            page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
            expect(picture).not_to_have_attribute("src", before or "")
            assert slider.input_value() != value
            after, box = picture.get_attribute("src"), slider.bounding_box()
            assert box
            far = (
                0.95
                if int(slider.input_value()) * 2 < int(slider.get_attribute("max") or 0)
                else 0.05
            )
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.mouse.down()
            page.mouse.move(box["x"] + far * box["width"], box["y"] + box["height"] / 2, steps=5)
            page.mouse.up()
            expect(picture).not_to_have_attribute("src", after or "")
            assert (picture.get_attribute("alt") or "").strip()
    assert here.errors == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_without_javascript_the_text_and_a_still_picture_stay(chapter, site, visit):
    page = visit(java_script_enabled=False).page
    page.goto(f"{site}/{chapter}.html")
    expect(page.locator("figure.course-scrubber img").first).to_be_visible()
    page.locator("details > summary", has_text="Solution").first.click()
    expect(page.locator("details[open] div.highlight-python").first).to_be_visible()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_colab_links_name_the_notebook(chapter, readings):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    repository = re.sub(r"^https://github\.com/", "", project["urls"]["Repository"])
    address = f"https://colab.research.google.com/github/{repository}/blob/main/{chapter}.ipynb"
    colab = [a for a in readings[chapter].addresses if "colab.research" in a]
    assert (ROOT / f"{chapter}.ipynb").is_file()
    assert set(colab) == {address}
    assert len(colab) == 2, "one in the text, one behind the rocket"


@pytest.mark.parametrize("words", ["Euler–Maruyama", "Euler-Maruyama"])
def test_search_finds_the_method(words, site, visit):
    here = visit()
    page = settled(here.page, f"{site}/book/welcome.html")
    page.keyboard.press("Control+k")
    field = page.locator("input[type=search]")
    expect(field).to_be_focused()
    field.fill(words)
    field.press("Enter")
    page.wait_for_url("**/search.html?*")
    found = page.locator("#search-results li a[href*='01_integrators.html']")
    expect(found.first).to_be_visible()
    expect(page.locator("#search-results")).to_contain_text("found")
    found.first.click()
    expect(page.locator("article h1")).to_contain_text("Integrators")
    assert here.errors == []
    assert here.outside == []


def test_the_menus_open_on_a_phone_and_fold_on_a_desk(site, visit):
    phone = settled(visit(390).page, f"{site}/{CHAPTERS[0]}.html")
    menus = ((".primary-toggle", "Glossary", 385), (".secondary-toggle", "References", 5))
    for toggle, entry, beside in menus:
        link = phone.get_by_role("link", name=entry, exact=True)
        expect(link).not_to_be_in_viewport()
        phone.locator(toggle).click()
        expect(link).to_be_in_viewport()
        phone.mouse.click(beside, 600)
        expect(link).not_to_be_in_viewport()
    desk = settled(visit().page, f"{site}/{CHAPTERS[0]}.html")
    link = desk.get_by_role("link", name="Glossary", exact=True)
    expect(link).to_be_visible()
    desk.locator(".primary-toggle").click()
    expect(link).not_to_be_in_viewport()


def test_the_switch_changes_and_keeps_the_colours(site, visit):
    page = settled(visit().page, f"{site}/book/welcome.html")
    seen = set()
    for _ in range(3):
        page.locator(".theme-switch-button").click()
        mode = page.evaluate("document.documentElement.dataset.mode")
        settled(page, f"{site}/book/notation.html")
        assert page.evaluate("document.documentElement.dataset.mode") == mode
        seen.add((mode, brightness(page) < 0.5))
    assert {("dark", True), ("light", False)} <= seen


# --- legible --------------------------------------------------------------------------------

OUT_OF_SIGHT = """() => {
  const wide = document.documentElement.clientWidth, out = [];
  for (const e of document.querySelectorAll("article *")) {
    const box = e.getBoundingClientRect();
    if (!box.width || box.right <= wide + 1) continue;
    let scrolls = false;
    for (let p = e.parentElement; p && p.tagName !== "ARTICLE"; p = p.parentElement)
      scrolls ||= /auto|scroll|hidden/.test(getComputedStyle(p).overflowX);
    if (!scrolls && !e.closest("mjx-assistive-mml")) out.push(e.tagName + "." + e.className);
  }
  return out;
}"""
SMALLEST = """() => {
  const sizes = [...document.querySelectorAll("article :is(p, li, td, th, dd, summary, pre)")]
    .filter((e) => e.textContent.trim() && e.checkVisibility())
    .map((e) => parseFloat(getComputedStyle(e).fontSize));
  return Math.min(99, ...sizes);
}"""


def wear(page: Page, scheme: Scheme) -> None:
    """Give the page the reader's preferred colours, and see that it takes them."""
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function("(s) => document.documentElement.dataset.theme === s", arg=scheme)
    page.wait_for_function("document.getAnimations().every((a) => a.playState !== 'running')")
    assert (brightness(page) < 0.5) == (scheme == "dark")


def brightness(page: Page) -> float:
    """0 black to 1 white: the page's background."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) / 765


@pytest.mark.parametrize("page", PAGES)
def test_a_page_fits_the_screen(page, site, visit):
    here = settled(visit().page, f"{site}/{page}.html")
    SCREENS.mkdir(parents=True, exist_ok=True)
    for width, scheme in itertools.product((1280, 390), SCHEMES):
        here.set_viewport_size({"width": width, "height": 900})
        wear(here, scheme)
        name = f"{page.replace('/', '_')}-{width}-{scheme}"
        if (width, scheme) in ((1280, "light"), (390, "dark")):  # for our own eyes
            here.screenshot(path=SCREENS / f"{name}.png", full_page=True)
        unfold(here)
        assert here.evaluate("document.documentElement.scrollWidth") <= width, name
        assert here.evaluate(OUT_OF_SIGHT) == [], name
        assert here.evaluate(SMALLEST) >= 13, name
        lines = "[...document.querySelectorAll('article p')].map((p) => p.clientWidth)"
        assert max(here.evaluate(lines), default=0) < 800, f"{name}: lines too long to read"
        fold(here)


def test_the_eye_notices_planted_faults(site, visit):
    page = settled(visit(scheme="dark").page, f"{site}/book/welcome.html")
    page.evaluate(
        r"""document.querySelector("article").insertAdjacentHTML("beforeend",
          "<p>raw $x^2$ left</p><pre style='width:3000px'>wide</pre>" +
          "<p style='font-size:8px'>tiny</p>")"""
    )
    assert page.evaluate(LEFT_OVER) == ["raw $x^2$ left"]
    assert page.evaluate(OUT_OF_SIGHT) == ["PRE."]
    assert page.evaluate(SMALLEST) == 8
    assert page.evaluate(PAPER) > 20, "a dark screen has pale letters"


PAPER = """() => [...document.querySelectorAll("article :is(p, li, h2, summary, pre span)")]
  .filter((e) => e.checkVisibility())
  .map((e) => getComputedStyle(e).color.match(/[\\d.]+/g).slice(0, 3).map(Number))
  .filter(([r, g, b]) => r + g + b > 480).length"""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_paper_shows_everything_dark_on_white_and_no_menus(chapter, scheme, site, visit):
    page = settled(visit(scheme=scheme).page, f"{site}/{chapter}.html")
    page.emulate_media(media="print", color_scheme=scheme)
    seen = "(e) => e.checkVisibility({contentVisibilityAuto: true})"
    for code in page.locator("details div.highlight").all():
        assert code.evaluate(seen)
    for menu in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".bd-header-article"):
        assert not page.locator(menu).first.evaluate(seen), f"{menu} is printed"
    assert brightness(page) > 0.99
    assert page.evaluate(PAPER) == 0, "pale letters on paper"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_printing_unfolds_and_folds_again(chapter, site, visit):
    page = settled(visit(scheme="dark").page, f"{site}/{chapter}.html")
    page.evaluate(
        """addEventListener("beforeprint", () => {
          const shut = document.querySelectorAll("details:not([open])").length;
          window.printed = [shut, document.documentElement.dataset.theme];
        })"""
    )
    paper = page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    assert len(re.findall(rb"/Type ?/Page\b", paper)) > 5
    assert page.evaluate("window.printed") == [0, "light"]
    assert page.locator("details[open]").count() == 0
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


#: What colours can change; everything else axe looks at is the same in light and dark.
COLOURS = ["color-contrast", "link-in-text-block"]


def audit(page: Page, rules: list[str] | None = None) -> list[str]:
    """The serious and critical findings of axe, one line each; of `rules` only, if given."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = page.evaluate("(options) => axe.run(document, options)", options)["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("page", PAGES)
def test_axe_finds_nothing_serious(page, site, visit):
    here = settled(visit().page, f"{site}/{page}.html")
    here.add_script_tag(path=AXE)
    unfold(here)
    assert audit(here) == []
    wear(here, "dark")
    assert audit(here, COLOURS) == []


def test_axe_finds_a_planted_fault(site, visit):
    here = settled(visit().page, f"{site}/book/welcome.html")
    here.add_script_tag(path=AXE)
    here.evaluate("document.querySelector('article h1').style.color = '#eee'")
    assert any("color-contrast" in line for line in audit(here, COLOURS))
    here.evaluate("document.querySelector('article').innerHTML += '<img src=x.png>'")
    assert any("image-alt" in line for line in audit(here))
