"""The layers of docs/architecture.md: each module imports only what lies below it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "detector"

# Room -> the rooms of this package that it may import.
BELOW = {
    "errors": set[str](),
    "verdict": {"errors"},
    "lexicon": {"errors"},
    "article": {"errors", "lexicon"},
    "language": {"errors", "lexicon", "article"},
    "trees": set[str](),
    "signals": {"errors", "lexicon", "article", "language", "trees"},
    "features": {"errors", "lexicon", "article", "language", "signals", "verdict"},
    "model": {"errors", "verdict", "trees"},
    "storage": {"errors"},
    "sources": {"errors", "storage", "article", "verdict"},
}
BELOW["trace"] = {"errors", "lexicon", "article", "language", "verdict", "storage", "sources"}
BELOW["scoring"] = set(BELOW) - {"storage", "sources"}
BELOW["batch"] = set(BELOW)
BELOW["arrow"] = set(BELOW)
BELOW["report"] = set(BELOW) - {"arrow"}
BELOW["page"] = set(BELOW)
BELOW["training"] = set(BELOW) - {"page"}
BELOW["cli"] = set(BELOW)

# Library -> the one file, or folder, that may import it.
ONLY_HOME = {
    "textstat": "signals/readability.py",
    "typer": "cli",
    "py3langid": "language.py",
    "ahocorasick_rs": "lexicon.py",
    "jinja2": "page.py",
    "inscriptis": "sources.py",
    "markdown_it": "sources.py",
    "fsspec": "storage.py",
    "zstandard": "storage.py",
    "distributed": "batch/engines.py",
    "ray": "batch/engines.py",
}

FILES = sorted(PACKAGE.rglob("*.py"))


def name(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def room(module: str) -> str:
    """The room of `detector.signals.hedging` is `signals`; of `detector`, nothing."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports(file: Path) -> set[str]:
    """Dotted names of the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(file)} imports relatively: write the whole name"
            module = node.module or ""
            # `from detector import lexicon` imports a module, `from detector.errors import X` a name of one
            found |= {f"{module}.{a.name}" for a in node.names} if module == "detector" else {module}
    return found


@pytest.mark.parametrize("file", FILES, ids=name)
def test_file_belongs_to_a_room(file: Path) -> None:
    first = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert first in BELOW or first in ("__init__", "__main__")


@pytest.mark.parametrize("file", [f for f in FILES if f.name != "__init__.py" or f.parent != PACKAGE], ids=name)
def test_imports_point_down(file: Path) -> None:
    own = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = BELOW.get(own, set(BELOW)) | {own}
    ours = {m for m in imports(file) if m.split(".")[0] == "detector"}
    assert {room(m) for m in ours} - {"__version__"} <= allowed


@pytest.mark.parametrize("file", sorted((PACKAGE / "signals").glob("*.py")), ids=name)
def test_signals_know_only_the_reading_of_each_other(file: Path) -> None:
    if file.stem != "__init__":
        others = {m for m in imports(file) if m.startswith("detector.signals")}
        assert others <= {"detector.signals.reading", "detector.signals.content", "detector.signals.layout"}


@pytest.mark.parametrize(("library", "home"), ONLY_HOME.items())
def test_library_is_imported_by_one_file(library: str, home: str) -> None:
    users = {name(f) for f in FILES if library in {m.split(".")[0] for m in imports(f)}}
    assert {u for u in users if u != home and not u.startswith(f"{home}/")} == set()


def test_import_is_light() -> None:
    code = "import sys, detector; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert "detector" in loaded
    assert not loaded & {"sklearn", "scipy", "numpy", "textstat", "joblib", "typer", "py3langid", "ahocorasick_rs"}


def test_nothing_unpickles() -> None:
    users = {name(f) for f in FILES if imports(f) & {"pickle", "cloudpickle", "dill", "marshal", "shelve"}}
    assert not users
