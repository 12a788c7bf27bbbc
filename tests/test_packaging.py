"""The built wheel and sdist: what they carry, and that the wheel, installed alone, scores without a network."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OFFLINE = """
import socket, sys

def refuse(*args, **kwargs):
    raise RuntimeError("a socket was opened")

class Refused(socket.socket):
    __init__ = refuse

socket.socket = Refused
socket.create_connection = socket.getaddrinfo = refuse
from detector.cli import main
sys.argv = ["detector", "score", "--format", "json", sys.argv[1]]
main()
"""

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="the build backend is not installed"),
    pytest.mark.skipif(not (ROOT / "models" / "CURRENT").is_file(), reason="no model is published in models/"),
]


def run(*command: str | Path, cwd: Path) -> str:
    """What the command prints; a failure shows its complaint."""
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


def test_wheel_carries_model_lexicons_assets_and_types(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    folders = [
        ("models", "detector/models"),
        ("detector/lexicons", "detector/lexicons"),
        ("detector/assets", "detector/assets"),
    ]
    for folder, inside in folders:
        files = [f for f in (ROOT / folder).rglob("*") if f.is_file()]
        assert files
        assert {f"{inside}/{f.relative_to(ROOT / folder).as_posix()}" for f in files} <= names
    assert "detector/py.typed" in names


def test_wheel_carries_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {n.split("/")[0] for n in names if ".dist-info/" not in n} == {"detector"}
    assert not [n for n in names if n.endswith((".pkl", ".pickle", ".joblib", ".jsonl", ".gz"))]


def test_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < 12_000_000


def test_sdist_can_build_and_test(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        names = {n.split("/", 1)[1] for n in sdist.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "models/CURRENT", "seeds/labels.json"} <= names


def test_editable_install_reads_the_models_of_the_checkout(tmp_path: Path) -> None:
    code = "import sys; from hatchling.build import build_editable; build_editable(sys.argv[1])"
    run(sys.executable, "-c", code, tmp_path, cwd=ROOT)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert not [n for n in names if "models" in n]


@pytest.mark.skipif("CI" not in os.environ, reason="installs every dependency anew; runs in CI")
def test_wheel_alone_scores_with_sockets_blocked(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", wheel, cwd=tmp_path)
    # -I and another folder keep the checkout out of reach
    printed = run(python, "-I", "-c", OFFLINE, ROOT / "seeds" / "bridge-feed.txt", cwd=tmp_path)
    verdicts = json.loads(printed)
    verdict = verdicts[0] if isinstance(verdicts, list) else verdicts
    assert verdict["status"] == "ok"
    assert verdict["evidence"]
