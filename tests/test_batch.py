"""Batch runs: exactly one row for each line, in order, the same bytes with any number of jobs, all of it or nothing."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from command import loaded, run
from hypothesis import given
from hypothesis import strategies as st

from detector import batch
from detector.article import MAX_CHARS, Article
from detector.batch import Options, chunks, work, writing
from detector.batch import run as runs
from detector.batch.records import read_record
from detector.errors import ModelError, UsageError
from detector.report import to_row
from detector.sources import Failure
from detector.verdict import Verdict

TEXT = "The ferry was late again, and nobody on the quay could say why it had not left the other side."


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(r).encode() + b"\n" for r in records)


def score_lines(data: bytes, *arguments: object) -> tuple[int, list[dict[str, Any]], str]:
    result = run("batch", "-", "--output", "-", *arguments, stdin=data)
    return result.code, result.rows, result.err


def test_one_row_for_each_line_in_order():
    code, rows, err = score_lines(lines(*({"id": f"r{i}", "text": f"{TEXT} {i}"} for i in range(200))))
    assert [row["id"] for row in rows] == [f"r{i}" for i in range(200)]
    assert code == 0
    assert err.startswith("detector: 200 records: ")
    assert " articles a second, " in err


def test_no_lines_give_no_rows():
    assert score_lines(b"") == (0, [], "detector: 0 records: the input is empty\n")


def test_last_line_needs_no_newline():
    assert len(score_lines(lines({"text": TEXT}, {"text": TEXT}).rstrip())[1]) == 2


def test_fields_can_be_named():
    records = lines({"url": "u1", "body": TEXT}, {"url": "u2", "text": TEXT})
    _, rows, _ = score_lines(records, "--text-field", "body", "--id-field", "url")
    assert [(row["id"], row.get("error", {}).get("code")) for row in rows] == [("u1", None), ("u2", "missing_field")]


@pytest.mark.parametrize(
    ("given", "id"),
    [
        ("a", "a"), ("", "9"), (7, "7"), (0, "0"), (1.5, "1.5"), (True, "true"), (None, "9"),
        ({"$oid": "é"}, '{"$oid": "é"}'),
    ],
)  # fmt: skip
def test_record_id(given: object, id: str):
    assert read_record(lines({"id": given, "text": TEXT}), 9, Options()).id == id


def test_record_without_id_has_its_line_number():
    assert read_record(lines({"text": TEXT}), 9, Options()).id == "9"


@pytest.mark.parametrize(
    ("line", "id", "code", "sentence"),
    [
        (b"\n", "9", "malformed_json", "blank"),
        (b"word\n", "9", "malformed_json", "column 1"),
        (b'{"id": "a", "text": "cut\n', "9", "malformed_json", "Unterminated string"),
        (b'{"id": "a", "text": "a\tb"}\n', "9", "malformed_json", "Invalid control character"),
        (b'{"id": "a", "text": "x"} {}\n', "9", "malformed_json", "Extra data"),
        (b'["a"]\n', "9", "malformed_json", "a list, not an object"),
        (b"null\n", "9", "malformed_json", "null, not an object"),
        (b'"text"\n', "9", "malformed_json", "a string, not an object"),
        (b'{"text": "na\xefve"}\n', "9", "malformed_json", "not UTF-8 at byte 13"),
        (b"[" * 200_000 + b"\n", "9", "malformed_json", "nesting too deep"),
        (b'{"text": "Text", "x": ' + b"[" * 300 + b"]" * 300 + b"}\n", "9", "malformed_json", "nesting too deep"),
        (b'{"id": ' + b"9" * 5000 + b"}\n", "9", "malformed_json", "number too long"),
        (b'{"id": "a"}\n', "a", "missing_field", "its fields: id"),
        (b'{"id": "a", "Text": "x"}\n', "a", "missing_field", "Text, id"),
        (b"{}\n", "9", "missing_field", "its fields: none"),
        (b'{"id": "a", "text": null}\n', "a", "not_text", "is null"),
        (b'{"id": "a", "text": 5}\n', "a", "not_text", "is a number"),
        (b'{"id": "a", "text": false}\n', "a", "not_text", "is true or false"),
        (b'{"id": "a", "text": ["x"]}\n', "a", "not_text", "is a list"),
        (b'{"id": "a", "text": {"x": 1}}\n', "a", "not_text", "is an object"),
        (lines({"id": "a", "text": "x" * (MAX_CHARS + 1)}), "a", "too_long", "2,000,001"),
        (None, "9", "too_long", "32,388,608 bytes"),
    ],
    ids=(
        "blank word cut control_character two_objects list null string latin1 deep deep_within long_number no_text "
        "other_case no_fields null_text number true list_text object_text too_long line_too_long"
    ).split(),
)
def test_record_refused(line: bytes | None, id: str, code: str, sentence: str):
    failure = read_record(line, 9, Options())
    assert isinstance(failure, Failure)
    assert (failure.id, failure.code) == (id, code)
    assert sentence in failure.message


def test_bad_lines_become_rows_beside_the_good():
    good = lines({"id": "g", "text": TEXT})
    code, rows, err = score_lines(good + b"{\n" + lines({"id": "b", "text": None}, {"id": "e", "text": " \n"}) + good)
    assert code == 3
    assert [(row["id"], row.get("error", {}).get("code")) for row in rows] == [
        ("g", None), ("2", "malformed_json"), ("b", "not_text"), ("e", "empty"), ("g", None),
    ]  # fmt: skip
    assert rows[0] == rows[4]
    assert rows[3]["error"]["message"].startswith("line 4: ")
    assert "3 failed (empty 1, malformed_json 1, not_text 1)" in err


def test_refusal_quotes_no_article():
    for line in (b'{"text": "secret', b'{"text": ["secret"]}', b'"secret"', b'{"id": "secret'):
        failure = read_record(line, 1, Options())
        assert isinstance(failure, Failure)
        assert "secret" not in failure.message


def test_fifty_megabyte_line_is_one_row_and_is_never_held():
    data = lines({"text": TEXT}, {"id": "x", "text": "word " * 10_000_000}, {"text": TEXT})
    held = [line.data for group in chunks.split(io.BytesIO(data).read1) for line in group]
    assert [len(d or b"") < 200 for d in held] == [True] * 3
    code, rows, err = score_lines(data)
    assert (code, [row["id"] for row in rows]) == (3, ["1", "2", "3"])
    assert "1 failed (too_long 1)" in err


def test_byte_order_mark_is_no_part_of_the_first_line():
    code, rows, _ = score_lines(b"\xef\xbb\xbf" + lines({"id": "a", "text": TEXT}))
    assert (code, rows[0]["id"]) == (0, "a")


def test_line_ends_of_any_kind():
    code, rows, _ = score_lines(lines({"text": TEXT}).replace(b"\n", b"\r\n") * 3)
    assert (code, len(rows)) == (0, 3)


def test_separators_within_a_text_end_no_row():
    text = f"{TEXT}\u2028{TEXT}\u0085{TEXT}\x1e"
    result = run(
        "batch", "-", "--output", "-", stdin=json.dumps({"id": text, "text": text}, ensure_ascii=False).encode()
    )
    assert len(result.out.splitlines()) == 1
    assert json.loads(result.out)["id"] == text


@pytest.mark.parametrize("text", ["\ud83d", f"{TEXT} \udc00", f"\x00{TEXT}\x1b[2J", f"🙂{TEXT}"])
def test_hostile_text_comes_back_whole(text: str):
    data = json.dumps({"id": text, "text": text}).encode()
    (row,) = score_lines(data)[1]
    assert row["id"] == text
    assert all(text[e["start"] : e["end"]] == e["text"] for e in row.get("evidence", []))


def test_duplicate_ids_are_scored_and_warned_of():
    code, rows, err = score_lines(lines(*({"id": i, "text": TEXT} for i in ("a", "b", "a", "a", 3))))
    assert (code, len(rows)) == (0, 5)
    assert "warning: 2 records have the id of an earlier one (rows 3, 4)" in err


@given(st.lists(st.integers(0, 50)), st.integers(1, 7))
def test_duplicates_are_found_in_any_number_of_passes(ids: list[int], at_once: int):
    seen = set[int]()
    expected = [i for i, id in enumerate(ids, 1) if id in seen or seen.add(id)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "_IDS_AT_ONCE", at_once)
        told = runs.Ids(None)
        told.add(b"".join(work._digest(str(id)) for id in ids))
        repeats = told.duplicates()
    assert (repeats.total, list(repeats.first)) == (len(expected), expected[: work.SHOWN])


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b""))), st.booleans(), st.integers(1, 9))
def test_lines_are_split_once_however_they_arrive(given: list[bytes], ended: bool, at_once: int):
    data = b"\n".join(given) + (b"\n" if ended and given else b"")
    source = io.BytesIO(data)
    read = [line for group in chunks.split(lambda n: source.read(at_once)) for line in group]
    assert b"".join(line.data or b"" for line in read) == data
    assert [line.number for line in read] == list(range(1, len(read) + 1))
    assert all((line.data or b"").count(b"\n") <= 1 for line in read)


def test_chunks_are_numbered_and_bounded(tmp_path: Path):
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"x\n" * 1000 + (b"y" * 3_000_000 + b"\n") * 5)
    cut = list(chunks.cut(chunks.Inputs((str(source),)), Options(chunk=64), None))
    assert [(c.first, c.start) for c in cut[1:]] == [(a.first + a.records, a.start + a.length) for a in cut[:-1]]
    assert sum(c.records for c in cut) == 1005
    assert all(c.records <= 64 and c.length < chunks.CHUNK_BYTES + 3_000_001 for c in cut)
    assert cut[-1].position == source.stat().st_size


def test_twenty_thousand_lines():
    code, rows, err = score_lines(b'{"text": ""}\n' * 20_000)
    assert (code, len(rows)) == (3, 20_000)
    assert rows[-1]["id"] == "20000"
    assert "detector: 20,000 records: 20,000 failed (empty 20,000)\n" in err


def test_rows_are_the_same_with_any_number_of_jobs(tmp_path: Path):
    source = tmp_path / "in.jsonl"
    source.write_bytes(
        b"".join(lines({"id": f"r{i}", "text": f"{TEXT} {i} " * (i % 50)}) if i % 7 else b"{\n" for i in range(300))
    )
    jobs = (1, 3)
    results = [run("batch", source, "--output", tmp_path / f"{n}", "--jobs", n, "--chunk", 16) for n in jobs]
    assert {r.code for r in results} == {3}
    assert len({r.err.splitlines()[0] for r in results}) == 1
    outputs = {(tmp_path / f"{n}").read_bytes() for n in jobs}
    piped = [run("batch", source, "--output", "-", "--jobs", n, "--chunk", 16).stdout for n in jobs]
    assert outputs == set(piped)
    assert sorted(os.listdir(tmp_path)) == ["1", "3", "in.jsonl"]


def test_library_command_and_batch_give_the_same_bytes(tmp_path: Path):
    """The one way through: Detector.score, `detector score` in both JSON formats, and batch with one job and two."""
    seeds = sorted((Path(__file__).resolve().parents[1] / "seeds").glob("*.txt"))
    texts = {str(p): p.read_bytes().decode() for p in seeds}
    data = lines(*({"id": id, "text": text} for id, text in texts.items()))
    expected = "".join(to_row(loaded().score(Article(t, id)), 8) + "\n" for id, t in texts.items()).encode()
    many = loaded().score_many(Article(t, id) for id, t in texts.items())
    assert "".join(to_row(v, 8) + "\n" for v in many).encode() == expected
    assert run("score", *seeds, "--format", "jsonl").stdout == expected
    as_list = run("score", *seeds, "--format", "json").stdout
    assert as_list == b"[\n" + expected.rstrip(b"\n").replace(b"\n", b",\n") + b"\n]\n"
    for jobs in (1, 2):
        assert run("batch", "-", "--output", "-", "--jobs", jobs, stdin=data).stdout == expected


@pytest.mark.parametrize(("option", "n"), [("0", 0), ("2", 2), ("all", None)])
def test_contributions(option: str, n: int | None):
    text = f"{TEXT} " * 10
    (row,) = score_lines(lines({"text": text}), "--contributions", option)[1]
    assert row["contributions"] == loaded().score(text).to_dict(n)["contributions"]


def test_model_that_changed_during_the_run_is_refused():
    with pytest.raises(ModelError, match="start the run again"):
        work.load.__wrapped__(None, None, "v1@000000000000")


# output


def test_output_appears_whole_or_not_at_all(tmp_path: Path):
    target = tmp_path / "out.jsonl"
    target.write_bytes(b"old")

    def break_off() -> None:
        with writing(str(target)) as sink:
            sink.write(b"new")
            sink.flush()
            assert target.read_bytes() == b"old"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()
    assert (target.read_bytes(), os.listdir(tmp_path)) == (b"old", ["out.jsonl"])
    with writing(str(target)) as sink:
        sink.write(b"new")
    assert (target.read_bytes(), os.listdir(tmp_path)) == (b"new", ["out.jsonl"])


def test_output_link_stays_a_link(tmp_path: Path):
    (tmp_path / "link").symlink_to("real")
    with writing(str(tmp_path / "link")) as sink:
        sink.write(b"x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"x"


def test_device_is_written_and_not_replaced():
    with writing(os.devnull) as sink:
        sink.write(b"x")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_output_that_cannot_be_written_is_a_usage_error(tmp_path: Path):
    with pytest.raises(UsageError, match="name another place"), writing(str(tmp_path / "no" / "out")):
        pass


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_full_disk_is_one_sentence(tmp_path: Path):
    source = tmp_path / "in.jsonl"
    source.write_bytes(lines({"text": TEXT}) * 100)
    result = run("batch", source, "--output", "/dev/full")
    assert result.code == 74
    assert "No space left on device" in result.err


def test_input_that_is_missing(tmp_path: Path):
    result = run("batch", tmp_path / "no.jsonl", "--output", tmp_path / "out")
    assert (result.code, result.out) == (3, "")
    assert f"{tmp_path / 'no.jsonl'}: no such file" in result.err
    assert os.listdir(tmp_path) == []


def test_input_is_never_the_output(tmp_path: Path):
    source = tmp_path / "in.jsonl"
    source.write_bytes(lines({"text": TEXT}))
    (tmp_path / "link").symlink_to(source)
    for output in (source, tmp_path / "link", tmp_path / "." / "in.jsonl"):
        assert run("batch", source, "--output", output).code == 2
    assert source.read_bytes() == lines({"text": TEXT})


def test_score_one_passes_a_failure_through():
    failure = Failure("a", "empty", "x")
    assert batch.score_one(loaded(), failure) is failure
    assert isinstance(batch.score_one(loaded(), Article(TEXT, "a")), Verdict)
