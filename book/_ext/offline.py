"""Pages that ask nobody: what jupyter-book 1 puts on every page, made fit to be read offline.

* Scripts that come twice are dropped (two of them declare the same constants, an error on every
  page), and so are the live-code scripts, which the course does not use and which point outside.
* A style sheet from elsewhere, which stored animations bring along, is dropped.
* A stored live widget would be an empty spot here; the build stops and says where it is.
"""

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)

#: Font Awesome of 2015, linked by matplotlib's own animation player.
FOREIGN_STYLE = re.compile(r"<link[^>]*font-awesome[^>]*>")
WIDGET = "application/vnd.jupyter.widget-view+json"


def script_key(script: Any) -> tuple[str, str]:
    """(file, inline body) of a script on Sphinx's list: equal for a script that comes twice."""
    return (
        str(getattr(script, "filename", script) or ""),
        str(getattr(script, "attributes", {}).get("body") or ""),
    )


def tidy_scripts(scripts: list[Any]) -> list[Any]:
    """`scripts` in their order, each once, without those of the live-code button."""
    kept = {script_key(script): script for script in reversed(scripts)}
    order = sorted(kept, key=lambda key: [script_key(s) for s in scripts].index(key))
    return [kept[key] for key in order if "thebe" not in (key[0] + key[1]).lower()]


def tidy_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Sphinx's last word on a page before it is written."""
    context["script_files"] = tidy_scripts(list(context.get("script_files", [])))
    context["css_files"] = [
        sheet for sheet in context.get("css_files", []) if "thebe" not in script_key(sheet)[0]
    ]
    body = context.get("body") or ""
    if WIDGET in body:
        LOGGER.warning(
            "%s holds a stored live widget, which shows nothing without a kernel: "
            "use explore() or a text progress bar",
            pagename,
            location=pagename,
        )
    context["body"] = FOREIGN_STYLE.sub("", body)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", tidy_page, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
