"""What turns notebooks into quiet pages: the fetched scripts and the two Sphinx extensions."""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load(path: str) -> ModuleType:
    """A module of book/, which is no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / "book" / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


vendor, offline, course = (
    load(p) for p in ("_tools/vendor.py", "_ext/offline.py", "_ext/course.py")
)


# --- vendor.py ------------------------------------------------------------------------------


def test_the_lock_pins_by_checksum_and_names_no_host():
    lock = json.loads((ROOT / "book/_tools/package-lock.json").read_text(encoding="utf-8"))
    asked = json.loads((ROOT / "book/_tools/package.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert not any("resolved" in entry for entry in packages.values())
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    wanted = asked["dependencies"] | asked["devDependencies"]
    assert {f"node_modules/{n}": v for n, v in wanted.items()} == {
        name: entry["version"] for name, entry in packages.items()
    }


def test_npm_of_the_environment_serves_where_none_is_installed(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    done = subprocess.run([*vendor.find_npm(), "--version"], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.count(".") == 2


def test_npm_on_the_path_comes_first(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: "/somewhere/npm")
    assert vendor.find_npm() == ["/somewhere/npm"]
    assert vendor.find_npm(wheel=True) != ["/somewhere/npm"]


def test_without_any_npm_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(vendor, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="npm is not installed. Install Node.js, or"):
        vendor.find_npm()


def test_a_failed_fetch_says_so_and_leaves_no_stamp(tmp_path, monkeypatch, capsys):
    with pytest.raises(RuntimeError, match="is there a network"):
        vendor.install(["false"], tmp_path)
    monkeypatch.setattr(vendor, "VENDOR", tmp_path / "vendor")
    monkeypatch.setattr(vendor, "MODULES", tmp_path / "npm" / "node_modules")
    monkeypatch.setattr(vendor, "find_npm", lambda wheel: ["false"])
    assert vendor.main([]) == 1
    assert "could not fetch" in capsys.readouterr().err
    assert not (tmp_path / "vendor" / ".stamp").exists()


def test_a_file_that_moved_is_named(tmp_path):
    (tmp_path / "a.js").touch()
    assert list(vendor.chosen(tmp_path, ("*.js",))) == [tmp_path / "a.js"]
    with pytest.raises(RuntimeError, match=r"no fonts/\* in .* did an upgrade move it"):
        list(vendor.chosen(tmp_path, ("*.js", "fonts/*")))


# --- offline.py -----------------------------------------------------------------------------


def script(filename: str | None, body: str = "") -> SimpleNamespace:
    return SimpleNamespace(filename=filename, attributes={"body": body} if body else {})


def test_scripts_come_once_in_order_and_without_live_code():
    scripts = [
        script("a.js"),
        script(None, "let x = 1"),
        script("sphinx-thebe.js"),
        script("b.js"),
        script(None, "let x = 1"),
        script(None, 'const THEBE_JS_URL = "elsewhere"'),
        script(None, "let y = 1"),
        script("a.js"),
    ]
    kept = [offline.script_key(s) for s in offline.tidy_scripts(scripts)]
    assert kept == [("a.js", ""), ("", "let x = 1"), ("b.js", ""), ("", "let y = 1")]


def test_foreign_styles_go_and_a_stored_widget_is_reported(monkeypatch):
    said: list[tuple] = []
    monkeypatch.setattr(offline.LOGGER, "warning", lambda *words, **_: said.append(words))
    body = '<p>1</p><link rel="stylesheet" href="https://x/font-awesome.min.css"><p>2</p>'
    context = {"body": body, "script_files": [], "css_files": [script("a.css")]}
    offline.tidy_page(SimpleNamespace(), "notebooks/01", "page.html", context, None)
    assert context["body"] == "<p>1</p><p>2</p>"
    assert said == []
    context["body"] = f'<script type="{offline.WIDGET}">{{}}</script>'
    offline.tidy_page(SimpleNamespace(), "notebooks/01", "page.html", context, None)
    assert "live widget" in said[0][0]


# --- course.py ------------------------------------------------------------------------------


def test_the_address_comes_from_pyproject(tmp_path):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n[project.urls]\nRepository = "https://github.com/a/b.git/"\n'
    )
    assert course.repository(tmp_path / "pyproject.toml") == "https://github.com/a/b"
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    with pytest.raises(KeyError, match="urls"):
        course.repository(tmp_path / "pyproject.toml")
    config = SimpleNamespace(html_theme_options={"launch_buttons": {}})
    course.set_repository(SimpleNamespace(), config)
    assert config.html_theme_options["repository_url"] == course.repository()


def test_prompts_are_marked_and_formulas_tied():
    math = r'<span class="math notranslate nohighlight">\(x\)</span>'
    assert course.polish("<p><strong>Exercise 3.</strong> Now</p>").startswith(
        '<p class="course-exercise">'
    )
    assert "course-question" in course.polish(
        "<blockquote>\n<div><p><strong>Question.</strong> Why?</p></div></blockquote>"
    )
    assert "course-question" not in course.polish(
        "<blockquote>\n<div><p>Why?</p></div></blockquote>"
    )
    tied = course.polish(f"<p>at ({math}), then {math} and {math}/ps.</p>")
    assert tied.count("course-tied") == 2
    assert f'<span class="course-tied">({math}),</span> then' in tied
    assert f'<span class="course-tied">{math}/ps.</span></p>' in tied


@pytest.mark.parametrize("already", [True, False])
def test_the_cost_is_said_once(already):
    stored = json.dumps({"chapter": "01", "cpu_seconds": 61.3, "peak_memory_mb": 812.0})
    app = SimpleNamespace(env=SimpleNamespace(metadata={"notebooks/01": {"course": stored}}))
    said = "<p>Takes 60 s of CPU.</p>" if already else ""
    context = {"body": f"<h1>A</h1>{said}<h2>B</h2><p>CPU</p>"}
    course.finish_page(app, "notebooks/01", "page.html", context, None)
    line = "Runs in 61 s of CPU time with 0.8 GB of memory."
    assert (line in context["body"]) != already
