"""README.md's examples run as written, on the seeds."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FENCES = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
SHELL = [line for language, code in FENCES if language == "sh" for line in code.splitlines()]
# The two commands that set up are run by .ci/run.
COMMANDS = [line for line in SHELL if line.startswith("detector ")]

needs_model = pytest.mark.skipif(not (ROOT / "models" / "CURRENT").is_file(), reason="no model is published in models/")


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with the seeds, and the same articles as records."""
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    records = [{"id": p.stem, "text": p.read_text("utf-8")} for p in sorted((ROOT / "seeds").glob("*.txt"))]
    lines = "".join(json.dumps(r) + "\n" for r in records)
    (tmp_path / "articles.jsonl").write_text(lines, "utf-8")
    return tmp_path


def run(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + code
    return subprocess.run([sys.executable, "-c", code, *arguments], cwd=cwd, capture_output=True, text=True)


def test_two_commands_set_up() -> None:
    assert len([line for line in SHELL if line.startswith("python3 -m venv")]) == 2
    assert all(line.startswith(("detector ", "python3 -m venv")) for line in SHELL)


@needs_model
@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, workplace: Path) -> None:
    arguments = command.split("#")[0].split()[1:]
    done = run("from detector.cli import main; main()", *arguments, cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert done.stdout or "--output" in arguments


@needs_model
def test_batch_gives_a_line_for_each_article(workplace: Path) -> None:
    command = next(c for c in COMMANDS if c.startswith("detector batch"))
    run("from detector.cli import main; main()", *command.split()[1:], cwd=workplace)
    ids = [json.loads(line)["id"] for line in (workplace / "articles.jsonl").read_text("utf-8").splitlines()]
    verdicts = [json.loads(line) for line in (workplace / "verdicts.jsonl").read_text("utf-8").splitlines()]
    assert [v["id"] for v in verdicts] == ids


@needs_model
def test_python_examples(workplace: Path) -> None:
    done = run("".join(code for language, code in FENCES if language == "python"), cwd=workplace)
    assert done.returncode == 0, done.stderr
    assert "disclaimers AI features are experimental" in done.stdout


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / "README.md").read_text("utf-8"))
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing
