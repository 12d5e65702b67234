"""`make pdf`: the built book as one PDF, with the solutions at the end.

    python book/_tools/pdf.py                      _build/pdf/noise-to-crystals.pdf
    python book/_tools/pdf.py 01_integrators …     only these pages, into a file of their name

The pages of _build/html are joined to one, in the order of _toc.yml; solutions move to an
appendix, each with a link there and back; answers to questions open; the code of long drawings
stays folded away, it is in the notebooks. Chromium prints the whole, with bookmarks and tags.
"""

import argparse
import shutil
import sys
from pathlib import Path

import yaml
from bs4 import BeautifulSoup, Tag
from chapter import ROOT, PipelineError
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
STYLE = """
@page { size: A4; margin: 18mm 16mm 20mm }
html { font-size: 10pt } body { margin: 0; background: #fff }
article { break-before: page } article:first-of-type { break-before: auto }
details > summary { list-style: none } .course-scrubber .course-controls { display: none }
figure input, figure button, figure output, figure label { display: none }
figure img { max-height: 120mm; width: auto }
"""
FOOT = (
    '<div style="font-size: 8px; width: 100%; text-align: center; color: #444">'
    '<span class="pageNumber"></span></div>'
)


def pages(root: Path) -> list[str]:
    """The book's pages in their order, as "notebooks/01_integrators"."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf-8"))
    return [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]


def chosen(root: Path, names: list[str]) -> list[str]:
    """The pages of these names, or all; raises PipelineError for one that is not in the book."""
    known = pages(root)
    for name in names:
        if name not in {Path(page).name for page in known}:
            raise PipelineError(f"no page {name!r}; there are: {', '.join(known)}")
    return [page for page in known if not names or Path(page).name in names]


def parsed(html: Path, page: str) -> BeautifulSoup:
    """A built page; raises PipelineError when it has not been built."""
    path = html / f"{page}.html"
    if not path.exists():
        raise PipelineError(f"{path.name} is not built yet: run `make book`")
    return BeautifulSoup(path.read_text("utf-8"), "lxml")


def article(soup: BeautifulSoup, page: str, known: list[str]) -> Tag:
    """The page's text with anchors of its own, links into the joined file, and all unfolded."""
    found = soup.select_one("article.bd-article")
    assert isinstance(found, Tag), page
    name = Path(page).name
    for link in found.select("a.headerlink, script, .copybtn"):
        link.decompose()
    for code in found.select("details.hide"):
        code.decompose()
    for tag in found.select("[id]"):
        tag["id"] = f"{name}--{tag['id']}"
    targets = {f"{Path(one).name}.html": Path(one).name for one in known}
    for link in found.select("a[href]"):
        file, _, anchor = str(link["href"]).partition("#")
        if not file or file.rsplit("/", 1)[-1] in targets:
            target = name if not file else targets[file.rsplit("/", 1)[-1]]
            link["href"] = f"#{target}--{anchor}" if anchor else f"#{target}"
    for image in found.select("img"):
        del image["loading"]
        if not str(image["src"]).startswith("data:"):
            image["src"] = f"../html/{Path(page).parent}/{image['src']}"
    for details in found.select("details"):
        details["open"] = ""
    found["id"] = name
    return found


def moved(soup: BeautifulSoup, text: Tag, title: str) -> list[Tag]:
    """The solutions, taken out of the text; a link to each stays in its place."""
    out = []
    for number, details in enumerate(text.select("details"), start=1):
        summary = details.find("summary", recursive=False)
        if not isinstance(summary, Tag) or summary.get_text().strip() != "Solution":
            continue
        here, there = f"{text['id']}--exercise-{number}", f"{text['id']}--solution-{number}"
        link = soup.new_tag("p", id=here)
        link.append(soup.new_tag("a", href=f"#{there}", string="Solution: at the end of the book"))
        details.replace_with(link)
        summary.decompose()
        details.name = "div"
        details["id"] = there
        back = soup.new_tag("p")
        back.append(soup.new_tag("a", href=f"#{here}", string=f"{title}: back to the exercise"))
        details.append(back)
        out.append(details)
    return out


def joined(html: Path, names: list[str], known: list[str]) -> str:
    """One page of HTML that holds the pages and, last, their solutions."""
    first = parsed(html, names[0])
    body, solutions = [], []
    for page in names:
        soup = parsed(html, page)
        text = article(soup, page, known)
        heading = text.find("h1")
        title = heading.get_text().strip() if isinstance(heading, Tag) else page
        found = moved(soup, text, title)
        body.append(str(text))
        if found:
            solutions.append(f"<h2>{title}</h2>" + "".join(str(one) for one in found))
    if solutions:
        body.append('<article class="bd-article"><h1>Solutions</h1>' + "".join(solutions))
        body.append("</article>")
    head = "".join(
        str(tag).replace("../_static", "../html/_static").replace('"_static', '"../html/_static')
        for tag in first.select('link[rel="stylesheet"], script[src*="mathjax"], script')
        if tag.name == "link" or "mathjax" in str(tag).lower()
    )
    return (
        '<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        f"<title>Noise to Crystals</title>{head}<style>{STYLE}</style></head>"
        f'<body><main class="bd-main">{"".join(body)}</main></body></html>'
    )


def printed(source: Path, target: Path) -> None:
    """Prints a page of HTML as PDF, formulas set; raises PipelineError without a Chromium."""
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).is_file():
            raise PipelineError("no Chromium to print with: run `make browser`")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.goto(source.resolve().as_uri())
        page.wait_for_function("() => window.MathJax?.startup?.promise")
        page.evaluate("() => MathJax.startup.promise")
        page.evaluate("() => Promise.all([...document.images].map((image) => image.decode()))")
        page.pdf(
            path=target,
            prefer_css_page_size=True,
            print_background=True,
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=FOOT,
            outline=True,
            tagged=True,
        )
        browser.close()


def main(arguments: list[str], root: Path = ROOT) -> int:
    """The command; 0 when the PDF stands, 1 with words when it does not."""
    parser = argparse.ArgumentParser(description="Print the built book as one PDF.")
    parser.add_argument("names", nargs="*", help="pages, such as 01_integrators; all when left out")
    asked = parser.parse_args(arguments)
    folder = root / "_build" / "pdf"
    try:
        names = chosen(root, asked.names)
        text = joined(root / "_build" / "html", names, names)
        folder.mkdir(parents=True, exist_ok=True)
        name = "-".join(asked.names) or "noise-to-crystals"
        source, target = folder / f"{name}.html", folder / f"{name}.pdf"
        source.write_text(text, "utf-8")
        printed(source, target)
    except PipelineError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{target.relative_to(root)}: {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
