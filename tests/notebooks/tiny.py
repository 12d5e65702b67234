"""A course of one chapter in a folder of its own, to try the pipeline on."""

from pathlib import Path

from chapter import Chapter, chapters
from sync import Sources

ADDRESS = "https://github.com/someone/some-course"

TEXT = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# 01 · Tiny

<!-- badge -->

<!-- measured -->

```{code-cell} ipython3
:tags: [bootstrap]
```

```{code-cell} ipython3
:tags: [stub]
def double(): ...
```

```{code-cell} ipython3
double = check(double)
```

<details>
<summary>Solution</summary>

<!-- solution: double -->

</details>

Some words.

```{code-cell} ipython3
---
tags: [hide-input, nbval-check-output]
---
print(double(2))
```
"""

FILES = {
    "pyproject.toml": f'[project]\nname = "x"\n[project.urls]\nRepository = "{ADDRESS}"\n',
    "README.md": "<!-- repository -->https://github.com/old/name.git<!-- /repository -->\n",
    "book/notes.md": "no chapter\n\n<!-- times -->\nnothing yet\n<!-- /times -->\n",
    "helpers/__init__.py": "",
    "helpers/course/__init__.py": "from .stage import setup\nfrom helpers.course.stage import a\n",
    "helpers/course/stage.py": "import json\n\n"
    "a = json\n\n\ndef setup(chapter):\n"
    '    import builtins\n    print("chapter", chapter)\n    builtins.check = lambda f: answer\n'
    "\n\ndef answer(x):\n    return 2 * x\n",
    "helpers/course/look.css": "p {}\n",
    "helpers/other/__init__.py": "",
    "helpers/other/look.css": "p {}\n",
    "solutions/__init__.py": "",
    "solutions/tiny.py": "def double(x):\n    return 2 * x\n",
    "solutions/more.py": "def triple(x):\n    return 3 * x\n",
}


def stub(name: str) -> str:
    return f"def {name}(x):\n    # TODO: twice x\n    raise NotImplementedError"


def solution(name: str) -> str:
    return f"def {name}(x):\n    return 2 * x"


SOURCES = Sources(stub, solution, ADDRESS)


def course(root: Path, text: str = TEXT) -> Chapter:
    """Writes the course and gives its chapter."""
    for name, content in {**FILES, "book/01_tiny.md": text}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (chapter,) = chapters(root)
    return chapter


def with_cell(code: str, header: str = "") -> str:
    """The chapter's text with one more cell at its end."""
    text = TEXT.replace("kernelspec:", f"{header}kernelspec:", 1)
    return f"{text}\n```{{code-cell}} ipython3\n{code}\n```\n"
