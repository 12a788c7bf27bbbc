"""The command line: what goes to stdout, what to stderr, and with which exit code it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command import run

from detector import report, sources
from detector.cli.app import Code, colour, note
from detector.errors import DetectorError
from detector.scoring import Detector
from detector.signals import SIGNALS
from detector.verdict import LABELS

SEEDS = Path(__file__).resolve().parents[1] / "seeds"
FEED = SEEDS / "bridge-feed.txt"
HEARING = SEEDS / "bridge-hearing.txt"


def label_of(path: Path) -> str:
    (row,) = run("score", path, "--format", "jsonl").rows
    return str(row["label"])


# score


def test_table_has_a_line_for_each_article_and_quotes_it():
    result = run("score", FEED, HEARING)
    head, *lines = result.out.splitlines()
    assert head.split() == ["label", *LABELS, "AI", "status", "article"]
    assert [line.split()[-1] for line in lines if not line.startswith(" ")] == [str(FEED), str(HEARING)]
    quoted = re.findall(r"“(.*)”", result.out)
    texts = " ".join((FEED.read_text() + HEARING.read_text()).split())
    assert quoted
    assert all(q.partition(" … ")[0] in texts for q in quoted)
    assert (result.code, result.err) == (0, "")


def test_json_is_a_list_and_jsonl_its_rows():
    as_list = run("score", FEED, HEARING, "--format", "json")
    as_lines = run("score", FEED, HEARING, "--format", "jsonl")
    assert json.loads(as_list.out) == as_lines.rows
    assert [row["id"] for row in as_lines.rows] == [str(FEED), str(HEARING)]
    assert as_list.out.splitlines()[1].rstrip(",") == as_lines.out.splitlines()[0]


@pytest.mark.parametrize(("asked", "given"), [("0", 0), ("3", 3), ("all", None), (None, 8)])
def test_contributions(asked: str | None, given: int | None):
    option = [] if asked is None else ["--contributions", asked]
    (row,) = run("score", HEARING, "--format", "jsonl", *option).rows
    everything = len(Detector.load().score(HEARING.read_text()).contributions)
    assert len(row["contributions"]) == (everything if given is None else given)


def test_stdin_is_scored():
    (row,) = run("score", "-", "--format", "jsonl", stdin=HEARING.read_bytes()).rows
    assert row["id"] == "-"
    assert row["label"] == label_of(HEARING)


def test_folder_is_searched_in_order_and_its_other_files_left_out(tmp_path: Path):
    for name in ("b.txt", "a.md", "deep/c.TEXT", ".hidden.txt", ".git/d.txt", "e.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("A few words.")
    rows = run("score", tmp_path, "--format", "jsonl").rows
    assert [os.path.relpath(row["id"], tmp_path) for row in rows] == ["a.md", "b.txt", os.path.join("deep", "c.TEXT")]


def test_glob_that_the_shell_left_is_expanded(tmp_path: Path):
    for name in ("b.txt", "a.txt", "c.md"):
        (tmp_path / name).write_text("A few words.")
    rows = run("score", tmp_path / "*.txt", "--format", "jsonl").rows
    assert [os.path.basename(row["id"]) for row in rows] == ["a.txt", "b.txt"]


def test_file_called_like_a_glob_is_itself(tmp_path: Path):
    (tmp_path / "[a].txt").write_text("A few words.")
    (tmp_path / "a.txt").write_text("Others.")
    (row,) = run("score", tmp_path / "[a].txt", "--format", "jsonl").rows
    assert row["id"].endswith("[a].txt")


def test_path_given_twice_is_scored_twice():
    assert len(run("score", FEED, FEED, "--format", "jsonl").rows) == 2


def test_fail_on():
    label = label_of(HEARING)
    other = next(x for x in LABELS if x != label)
    assert run("score", HEARING, "--fail-on", label).code == 1
    assert run("score", HEARING, "--fail-on", f"{other}, {label}").code == 1
    assert run("score", HEARING, "--fail-on", other).code == 0
    assert run("score", HEARING, "missing.txt", "--fail-on", label).code == 3


def test_table_obeys_no_terminal_codes_of_the_article(tmp_path: Path):
    name = tmp_path / "a\x1b[2Jb.txt"
    name.write_text("Leave a Reply\x1b]0;owned\x07 \u202eYour email address will not be published. \x9b31m")
    for command in ("score", "explain"):
        out = run(command, name).out
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", out)


# explain


def test_explain_quotes_every_span_in_brackets():
    result = run("explain", FEED)
    verdict = Detector.load().score(FEED.read_text())
    assert result.out.count("[") >= len(verdict.evidence) > 0
    assert f"label: {verdict.label}" in result.out or f"abstained: {verdict.abstained_because}" in result.out
    assert verdict.contributions[0].feature in result.out
    assert (result.code, result.err) == (0, "")


def test_explain_has_colour_only_if_asked():
    article, verdict = sources.read(str(FEED), None, note), Detector.load().score(FEED.read_text())
    assert not isinstance(article, sources.Failure)
    plain, coloured = ("\n".join(report.explain(article, verdict, 3, report.Ink(c))) for c in (False, True))
    assert "\x1b" not in plain
    assert "\x1b[" in coloured


@pytest.mark.parametrize(
    ("tty", "environment", "coloured"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
    ],
)
def test_colour(monkeypatch: pytest.MonkeyPatch, tty: bool, environment: dict[str, str], coloured: bool):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: tty)
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colour() is coloured


@pytest.mark.parametrize(
    ("text", "told"),
    [("14:05 17.3 88.1 2,004 9.7 63\n" * 40, "undetermined"), ("Nobody was hurt on the old bridge.", "en")],
)
def test_explain_says_the_language_in_words_where_there_is_none(tmp_path: Path, text: str, told: str):
    file = tmp_path / "text.txt"
    file.write_text(text)
    assert f"language {told}," in run("explain", file).out


def test_explain_all_contributions():
    everything = Detector.load().score(HEARING.read_text()).contributions
    out = run("explain", HEARING, "--contributions", "all").out
    assert all(c.feature in out for c in everything)


@pytest.mark.parametrize(
    ("probability", "told"),
    [(None, "-"), (0.004, "<1%"), (0.01, "1%"), (0.5, "50%"), (0.99, "99%"), (0.994, ">99%"), (1.0, ">99%")],
)
def test_percent_is_never_certain(probability: float | None, told: str):
    assert report.percent(probability) == told


# signals, model


def test_signals_lists_every_feature():
    names = [f.name for s in SIGNALS for f in s.FEATURES]
    text, listed = run("signals").out, json.loads(run("signals", "--format", "json").out)
    assert all(name in text for name in names)
    assert [f["name"] for s in listed for f in s["features"]] == names
    assert all(f["unit"] and f["direction"] for s in listed for f in s["features"])


def test_model_show_and_verify():
    model = Detector.load().model
    for command in ("show", "verify"):
        result = run("model", command)
        assert model.id in result.out
        assert (result.code, result.err) == (0, "")
        assert run("model", command, model.folder).out == result.out


# exit codes


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["score"], "PATH"),
        (["scroe", "x"], "No such command"),
        (["score", "x", "--format", "xml"], "xml"),
        (["score", "x", "--fail-on", "fake"], "original, rewritten, aggregated"),
        (["score", "x", "--contributions", "3"], "--format json"),
        (["score", "x", "--format", "json", "--contributions", "-1"], "neither a number nor 'all'"),
        (["score", "-", "-"], "read only once"),
        (["batch", "x"], "--output"),
        (["batch", str(FEED), "--output", str(FEED)], "which this run uses"),
        (["batch", str(FEED), "--output", "o", "--jobs", "0"], "jobs"),
        (["batch", str(FEED), "--output", str(FEED / "o")], "name another place"),
        (["batch", str(FEED), "--output", str(SEEDS)], "name a file in it"),
        (["batch", str(FEED), "--output", "o", "--summary", str(FEED)], "which this run uses"),
        (["batch", str(FEED), "--output", "o", "--summary", "o"], "which this run uses"),
    ],
    ids=lambda x: " ".join(x[:1] + x[2:4]) if isinstance(x, list) else "",
)
def test_usage(arguments: list[str], sentence: str):
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert sentence in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", FEED, "missing.txt", "--fail-on", "original"],
        ["explain", FEED],
        ["batch", FEED, "--output", "-"],
        ["model", "show"],
        ["model", "verify"],
    ],
    ids=lambda a: " ".join(map(str, a[:2])) if a[0] == "model" else a[0],
)
def test_no_usable_model(tmp_path: Path, arguments: list[object]):
    result = run(*arguments, *([tmp_path] if arguments[0] == "model" else ["--model", tmp_path]))
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith("detector: no model in ")


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device"), 74, "No space left on device"),
        (RuntimeError("the article's secret text"), 70, "internal error, RuntimeError at test_cli.py:"),
        (MemoryError(), 70, "internal error, MemoryError"),
        (DetectorError("odd"), 70, "internal error, DetectorError"),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, BaseException) else "",
)
def test_what_goes_wrong_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, sentence: str
):
    def score(self: Detector, article: object) -> object:
        raise error

    monkeypatch.setattr(Detector, "score", score)
    monkeypatch.setattr(Detector, "check_canaries", lambda self: 0)
    result = run("score", FEED, "--format", "jsonl")
    assert result.code == code
    assert sentence in result.err
    assert "secret" not in result.err
    assert result.err.count("\n") == 1


def test_every_exit_code_is_in_the_help_and_in_the_docs():
    told = run("score", "--help").out, (SEEDS.parent / "docs" / "wire-schema.md").read_text()
    for code in Code:
        assert re.search(rf"^ +{code.value} |   {code.value} ", told[0], re.M)
        assert f"| {code.value} |" in told[1]


def test_help_has_examples():
    for command in ([], ["score"], ["explain"], ["batch"], ["signals"], ["model", "show"], ["model", "verify"]):
        result = run(*command, "--help")
        assert result.code == 0
        assert re.search(r"Examples:\n    detector " + " ".join(command), result.out) or "detector score" in result.out


def test_version():
    from detector import __version__

    assert run("--version").out == f"detector {__version__}\n"


def spawn(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "detector.cli", *map(str, arguments)]


def test_reader_that_stops_early_ends_the_command_cleanly(tmp_path: Path):
    records = tmp_path / "records.jsonl"
    records.write_text((json.dumps({"text": HEARING.read_text()}) + "\n") * 300)
    for arguments in (
        ["batch", records, "--output", "-"],
        ["score", *[HEARING] * 60, "--format", "jsonl", "--contributions", "all"],
    ):
        process = subprocess.Popen(spawn(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"schema"')
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
        process.stderr.close()


def test_output_is_utf8_whatever_the_locale(tmp_path: Path):
    article = tmp_path / "café.txt"
    article.write_text("Leave a Reply. “Your email address will not be published.” 🙂", "utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    out = subprocess.run(spawn("score", article, "--format", "jsonl"), env=environment, capture_output=True, check=True)
    assert "café" in out.stdout.decode("utf-8")
