"""What a chapter's outputs depend on, as one number.

A chapter is executed again only when this number changes: it is made of the chapter's code and
of every file of `helpers/` and `solutions/` that the code reaches through imports.
"""

import ast
import hashlib
from pathlib import Path

from chapter import Chapter, PipelineError

PACKAGES = ("helpers", "solutions")


def text_sha(chapter: Chapter, root: Path) -> str:
    """Changes when anything in the chapter's text or in the code behind it changes."""
    return digest([chapter.text, code_sha(chapter, root)])


def code_sha(chapter: Chapter, root: Path) -> str:
    """Changes when a code cell, or the code behind it, changes: then outputs may differ."""
    cells = [f"{cell.tags} {cell.code}" for cell in chapter.cells]
    return digest(
        [chapter.slug, *cells, *(f"{p} {content(p, root)}" for p in files(chapter, root))]
    )


def digest(parts: list[str]) -> str:
    """The first 16 hexadecimal digits of the parts' sha256."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def content(path: str, root: Path) -> str:
    """The sha256 of a file's bytes."""
    return hashlib.sha256((root / path).read_bytes()).hexdigest()


def files(chapter: Chapter, root: Path) -> list[str]:
    """Every file that the chapter's code reaches, relative to `root`, in order.

    These are the modules that it imports, whatever they import, the modules that judge its
    exercises, and what lies beside them and is not Python (scripts and styles they read).
    """
    paths = {module_path(name, root) for name in modules(chapter, root)}
    found = set()
    for path in paths:
        beside = path.parent.glob("*")
        found |= {path, *(p for p in beside if p.is_file() and not p.suffix.startswith(".py"))}
    return sorted(path.relative_to(root).as_posix() for path in found)


def modules(chapter: Chapter, root: Path) -> set[str]:
    """The names of all modules of the course that the chapter's code reaches."""
    code = "\n".join(cell.code for cell in chapter.cells)
    todo = imported(code, "", root) | judges(chapter.stubs(), root)
    reached: set[str] = set()
    while todo:
        name = todo.pop()
        reached.add(name)
        path = module_path(name, root)
        todo |= imported(path.read_text("utf-8"), package_of(name, path), root) - reached
    return reached


def outside(chapter: Chapter, root: Path) -> set[str]:
    """The top names that the chapter's code reaches outside the course: torch, math, …"""
    sources = [("\n".join(cell.code for cell in chapter.cells), "")]
    for name in modules(chapter, root):
        path = module_path(name, root)
        sources.append((path.read_text("utf-8"), package_of(name, path)))
    names = {name.split(".")[0] for source, package in sources for name in named(source, package)}
    return names - {*PACKAGES}


def imported(source: str, package: str, root: Path) -> set[str]:
    """The modules of the course that a source imports, with the packages that hold them."""
    found = set()
    for name in named(source, package):
        parts = name.split(".")
        # Importing a.b.c runs a, then a.b; and c may be a module or something inside a.b.
        prefixes = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
        found |= {prefix for prefix in prefixes if exists(prefix, root)}
    return found


def named(source: str, package: str) -> set[str]:
    """The dotted names in a source's import statements, relative ones made absolute.

    Raises PipelineError for a source that is no Python.
    """
    # Lines for IPython ("%pip", "!ls") are no Python.
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    names: set[str] = set()
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError as error:
        raise PipelineError(f"this is no Python ({error.msg}): {error.text}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            above = parents[: len(parents) - node.level + 1] if node.level else []
            base = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            names |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return names


def judges(stubs: list[str], root: Path) -> set[str]:
    """The modules of `solutions/` that hold these exercises: `check` finds them by name."""
    found = set()
    for path in sorted((root / "solutions").glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if names & set(stubs):
            found |= {"solutions", f"solutions.{path.stem}"}
    return found


def exists(name: str, root: Path) -> bool:
    """Whether the name is a module or a package of the course."""
    return name.split(".")[0] in PACKAGES and module_path(name, root).is_file()


def module_path(name: str, root: Path) -> Path:
    """The file of a module, or the `__init__.py` of a package."""
    path = root.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def package_of(name: str, path: Path) -> str:
    """The package that relative imports in a module start from."""
    return name if path.name == "__init__.py" else name.rpartition(".")[0]
