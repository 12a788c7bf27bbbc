"""The wire format: every output fits docs/wire-schema.json, and its spans index the text that was given."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from command import loaded, run
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from detector.article import Article
from detector.errors import InputError
from detector.report import to_row
from detector.sources import Failure
from detector.verdict import Contribution, Evidence, Frozen, Verdict, to_json

ROOT = Path(__file__).resolve().parents[1]
SCHEMA = json.loads((ROOT / "docs" / "wire-schema.json").read_text())
DOCS = (ROOT / "docs" / "wire-schema.md").read_text()
VALIDATOR = Draft202012Validator(SCHEMA)

FURNITURE = "Leave a Reply\nYour email address will not be published. Required fields are marked *\n"
PROSE = "It is important to note that the harbour office in Calder might close its gates before the winter. " * 6
TEXT = f"{PROSE}\n\n{FURNITURE}"


def check(row: dict[str, Any], text: str | None = None) -> dict[str, Any]:
    VALIDATOR.validate(row)
    assert "error" not in row or row["error"]["code"] in CODES
    for e in row.get("evidence", ()):
        if text is not None:
            assert text[e["start"] : e["end"]] == e["text"]
    if row.get("probabilities"):
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=3e-6)
    return row


def test_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


def test_documented_examples_fit_the_schema():
    examples = re.findall(r"```json\n(.*?)```", DOCS, re.S)
    assert len(examples) == 2
    for example in examples:
        check(json.loads(example))


def test_every_field_and_code_is_documented():
    for field in SCHEMA["$defs"]["verdict"]["properties"]:
        assert f"`{field}`" in DOCS
    for code in CODES:
        assert f"| `{code}` |" in DOCS


CODES = "empty not_text too_long not_found unreadable no_text_files malformed_json missing_field".split()


@pytest.mark.parametrize(
    "text",
    ["word", "Leave a Reply", TEXT, "Le conseil municipal a voté hier soir la fermeture du pont. " * 12, "🙂", "###"],
    ids=["word", "furniture", "article", "french", "emoji", "marks"],
)
def test_library_fits_the_schema(text: str):
    for n in (0, 8, None):
        check(loaded().score(text).to_dict(n), text)
        check(loaded().score(text).to_dict(n, sentences=True), text)
    check(loaded().score(Article(text, "an id")).to_dict(), text)


def test_command_fits_the_schema(tmp_path: Path):
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "c.txt").write_text("word")
    arguments = ("score", tmp_path, tmp_path / "missing", "--format")
    for rows in (run(*arguments, "jsonl").rows, json.loads(run(*arguments, "json").out)):
        assert [row["id"] for row in rows] == [str(tmp_path / name) for name in ("a.txt", "b.txt", "c.txt", "missing")]
        for row, text in zip(rows, (TEXT, None, "word", None), strict=True):
            check(row, text)


def test_batch_fits_the_schema():
    records = [{"id": "a", "text": TEXT}, {"text": None}, {"text": "word"}, [], {"id": 3}, {"text": " "}]
    rows = run("batch", "-", "--output", "-", stdin="\n".join(map(json.dumps, records)).encode()).rows
    assert len(rows) == len(records)
    for row in rows:
        check(row, TEXT if row["id"] == "a" else None)


BAD = {
    "extra field": {"extra": 1},
    "unknown label": {"label": "fake"},
    "ok without label": {"label": None},
    "ok with reason": {"abstained_because": "too_short"},
    "abstained with label": {"status": "abstained", "abstained_because": "too_short"},
    "probability over 1": {"ai_probability": 1.5},
    "two probabilities": {"probabilities": {"original": 0.5, "rewritten": 0.5}},
    "other schema": {"schema": 2},
    "model without digest": {"model": "v1"},
    "error too": {"error": {"code": "empty", "message": "x"}},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
def test_schema_refuses(change: dict[str, Any]):
    good = Verdict(
        "ok", None, "original", Frozen({"original": 0.8, "rewritten": 0.1, "aggregated": 0.1}), 0.2, (), (), 9, "en",
        "v1@0123456789ab",
    ).to_dict()  # fmt: skip
    check(good)
    assert not VALIDATOR.is_valid({**good, **change})


# spans, in the JSON that a reader gets

DISGUISES = {
    "plain": TEXT,
    "emoji": "🙂👩‍👩‍👧 " + TEXT.replace(". ", ". 🙂 "),
    "rtl": "\u202bשלום\u202c " + TEXT.replace("Calder", "قلعة"),
    "combining": unicodedata.normalize("NFD", "Café, naïve. " + TEXT.replace("e", "é")),
    "zero_width": TEXT.replace("published", "pub\u200blish\u200ded").replace("Reply", "\u2060Re\u00adply"),
    "homoglyphs": TEXT.replace("email", "еmаil").replace("published", "рublіshеd"),
    "entities": TEXT.replace("Your", "&#89;our").replace("*", "&ast;").replace(". ", ". &amp; "),
    "curly": TEXT.replace("the harbour", "“the” harbour’s—"),
    "crlf": TEXT.replace("\n", "\r\n"),
    "separators": TEXT.replace("\n", "\u2028"),
    "wide_spaces": TEXT.replace(" ", "\u00a0\u2003"),
    "full_width": TEXT.replace("Your", "Ｙｏｕｒ"),
    "surrogates": "\ud83d" + TEXT + "\udc00",
    "nuls": TEXT.replace(" ", "\0 "),
}


@pytest.mark.parametrize("text", DISGUISES.values(), ids=DISGUISES.keys())
def test_spans_are_right_in_json(text: str):
    data = json.dumps({"id": "a", "text": text}).encode()
    (row,) = run("batch", "-", "--output", "-", stdin=data).rows
    check(row, text)
    assert row["evidence"]


@pytest.mark.parametrize(
    "name", ["plain", "emoji", "rtl", "zero_width", "homoglyphs", "entities", "crlf", "surrogates"]
)
def test_disguised_furniture_is_still_found(name: str):
    text = DISGUISES[name]
    (row,) = run("batch", "-", "--output", "-", stdin=json.dumps({"text": text}).encode()).rows
    start = text.index("email" if name != "homoglyphs" else "еmаil")
    assert any(e["signal"] == "residue" and e["start"] <= start < e["end"] for e in row["evidence"])


@given(st.text(max_size=200))
@settings(max_examples=60)
def test_any_text_fits_the_schema(noise: str):
    text = f"{noise}\n{FURNITURE}{noise}"
    check(json.loads(to_row(loaded().score(text), None)), text)


# writing JSON


@given(st.text(st.characters()))
def test_json_is_one_line_of_utf8_that_reads_back(text: str):
    written = to_json({"text": text, "id": None})
    assert len(written.splitlines()) == 1
    # two halves of a surrogate pair that stand side by side are one character to any JSON reader
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    assert json.loads(written.encode())["text"] == joined


def test_json_keeps_order_and_script():
    assert to_json({"b": "é🙂", "a": 0.1}) == '{"b": "é🙂", "a": 0.1}'


def test_json_refuses_what_json_has_not():
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))


def test_row_of_a_failure():
    row = json.loads(to_row(Failure("a", "empty", "nothing"), 8))
    assert check(row) == {"schema": 1, "id": "a", "error": {"code": "empty", "message": "nothing"}}


def test_row_carries_what_was_asked_for():
    contributions = tuple(Contribution(f"f{i}", None, Frozen(dict.fromkeys(LABELS, 0.5)), 0.1) for i in range(9))
    verdict = Verdict(
        "abstained", "too_short", None, None, None, (Evidence("residue", 0, 1, "a", "n"),), contributions, 1, None,
        "v1@0123456789ab", "id",
    )  # fmt: skip
    assert [len(check(json.loads(to_row(verdict, n)))["contributions"]) for n in (0, 8, 9, 99, None)] == [0, 8, 9, 9, 9]


LABELS = ("original", "rewritten", "aggregated")


def test_empty_text_is_an_error_for_the_library_too():
    with pytest.raises(InputError) as e:
        loaded().score("")
    assert e.value.code == "empty"
