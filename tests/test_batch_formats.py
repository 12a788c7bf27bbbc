"""What batch reads and writes: CSV, Parquet, compressed files, folders of pages; which columns come out."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import os
import zlib
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from command import Result, run
from hypothesis import given
from hypothesis import strategies as st

from detector import storage
from detector.batch import Inputs, Options, chunks, read_articles
from detector.errors import InputError, UsageError
from detector.sources import Failure, visible_text

pa = pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'detector[parquet]'")
pq = pytest.importorskip("pyarrow.parquet")
zstandard = pytest.importorskip("zstandard", reason="needs zstandard: pip install 'detector[zstd]'")

TEXT = 'The ferry was late again, and "nobody" on the quay, not even the pilot,\ncould say why it had not left.'
ROWS = [{"id": f"r{i}", "text": f"{TEXT} {i}", "outlet": "Wharf é", "n": i} for i in range(7)]


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


def as_jsonl(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(r).encode() + b"\n" for r in rows)


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, row_group_size=3)
    return sink.getvalue()


WRITTEN = {
    "in.jsonl": as_jsonl(ROWS),
    "in.jsonl.gz": gzip.compress(as_jsonl(ROWS[:3])) + gzip.compress(as_jsonl(ROWS[3:])),
    "in.ndjson.zst": b"".join(zstandard.compress(as_jsonl(part)) for part in (ROWS[:3], ROWS[3:])),
    "in.csv": as_csv(ROWS),
    "bom.csv": b"\xef\xbb\xbf" + as_csv(ROWS),
    "in.csv.gz": gzip.compress(as_csv(ROWS)),
    "in.parquet": as_parquet(ROWS),
}


def score(folder: Path, name: str, data: bytes, *arguments: object, out: str = "out.jsonl") -> Result:
    (folder / name).write_bytes(data)
    return run("batch", folder / name, "--output", folder / out, *arguments)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("name", WRITTEN)
def test_same_records_give_the_same_rows_from_any_format(name: str, tmp_path: Path):
    expected = score(tmp_path, "plain.jsonl", as_jsonl(ROWS), "--keep", "outlet", out="plain.out")
    result = score(tmp_path, name, WRITTEN[name], "--keep", "outlet", "--chunk", 2)
    assert (result.code, expected.code) == (0, 0)
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "plain.out").read_bytes()
    assert rows_of(tmp_path / "out.jsonl")[2]["outlet"] == "Wharf é"


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst", "out.csv", "out.csv.gz", "out.parquet"])
def test_output_in_any_format_is_the_same_with_any_number_of_jobs(name: str, tmp_path: Path):
    read = []
    for jobs in (1, 2):
        result = score(tmp_path, "in.jsonl", as_jsonl(ROWS), "--jobs", jobs, "--chunk", 2, out=name)
        assert result.code == 0
        read.append((tmp_path / name).read_bytes())
    assert read[0] == read[1]
    assert [str(row["id"]) for row in read_rows(tmp_path / name)] == [r["id"] for r in ROWS]


def read_rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    elif path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()
    if ".csv" in path.name:
        return list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    return [json.loads(line) for line in data.splitlines()]


def test_tables_say_what_jsonl_says(tmp_path: Path):
    mixed = [*ROWS[:2], {"id": "bad", "text": None, "outlet": "x"}]
    for out in ("out.jsonl", "out.csv", "out.parquet"):
        assert score(tmp_path, "in.jsonl", as_jsonl(mixed), "--keep", "outlet,n", out=out).code == 3
    rows, table, sheet = (read_rows(tmp_path / f"out.{e}") for e in ("jsonl", "parquet", "csv"))
    for row, told, cells in zip(rows, table, sheet, strict=True):
        for name in ("id", "status", "label", "ai_probability", "n_words", "model", "outlet"):
            assert told[name] == row.get(name)
            assert cells[name] == ("" if row.get(name) is None else str(row[name]))
        for label, p in (row.get("probabilities") or {}).items():
            assert told[f"probability_{label}"] == p
        if "error" in row:
            assert (told["error_code"], cells["error_code"]) == ("not_text", "not_text")
        else:
            assert told["contributions"] == row["contributions"]
            assert json.loads(cells["evidence"]) == row["evidence"]


def test_parquet_schema_is_the_same_whatever_the_rows(tmp_path: Path):
    schemas = []
    for rows in (ROWS, [{"text": None}], [{"text": TEXT * 40}]):
        score(tmp_path, "in.jsonl", as_jsonl(rows), out="out.parquet")
        schemas.append(pq.read_schema(tmp_path / "out.parquet").remove_metadata())
    from detector.arrow import SCHEMA

    assert schemas == [SCHEMA] * 3


def test_parquet_keeps_types_of_parquet(tmp_path: Path):
    score(tmp_path, "in.parquet", as_parquet(ROWS), "--keep", "all", "--columns", "label", out="out.parquet")
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert schema.names == ["label", "error_code", "error_message", "input.id", "text", "outlet", "n"]
    assert schema.field("n").type == pa.int64()


def test_kept_field_never_hides_a_verdict(tmp_path: Path):
    score(tmp_path, "in.jsonl", as_jsonl([{"text": TEXT, "label": "mine", "x": [1]}]), "--keep", "all")
    (row,) = rows_of(tmp_path / "out.jsonl")
    assert (row["label"], row["input.label"], row["x"], row["text"]) == (None, "mine", [1], TEXT)


TYPED = pa.table(
    {
        "id": pa.array([b"a", b"b"]),
        "text": pa.array([TEXT.encode(), b"na\xefve"]),
        "rating": pa.array([math.inf, 4.5]),
        "day": pa.array([date(2024, 2, 29), None]),
        "at": pa.array([datetime(2024, 2, 29, 12, 30, tzinfo=UTC), None]),
        "noon": pa.array([time(12), None]),
        "price": pa.array([Decimal("1.10"), None]),
        "took": pa.array([timedelta(minutes=1), None]),
        "raw": pa.array([b"na\xefve \xc3\xa9", None]),
        "story": pa.array([{"days": [date(2024, 2, 29)], "scores": [math.nan, 1.5]}, None]),
    }
)
PLAIN = {
    "rating": None,
    "day": "2024-02-29",
    "at": "2024-02-29T12:30:00+00:00",
    "noon": "12:00:00",
    "price": "1.10",
    "took": "0:01:00",
    "raw": "na\\xefve é",
    "story": {"days": ["2024-02-29"], "scores": [None, 1.5]},
}


def test_binary_text_is_read_and_values_of_any_type_are_kept(tmp_path: Path):
    pq.write_table(TYPED, tmp_path / "in.parquet")
    for out in ("out.jsonl", "out.csv", "out.parquet"):
        result = run("batch", tmp_path / "in.parquet", "--output", tmp_path / out, "--keep", ",".join(PLAIN))
        assert result.code == 3
    row, bad = read_rows(tmp_path / "out.jsonl")
    assert (row["id"], bad["id"], bad["error"]["code"]) == ("a", "b", "not_text")
    assert {name: row[name] for name in PLAIN} == PLAIN
    cells = read_rows(tmp_path / "out.csv")[0]
    assert {name: cells[name] for name in PLAIN} == PLAIN | {"rating": "", "story": json.dumps(PLAIN["story"])}
    told, given = (t.select(list(PLAIN)) for t in (pq.read_table(tmp_path / "out.parquet"), TYPED))
    assert (told.schema, repr(told.to_pylist())) == (given.schema, repr(given.to_pylist()))  # NaN equals nothing


def test_kept_number_that_is_none_is_null(tmp_path: Path):
    score(tmp_path, "in.jsonl", b'{"text": "x", "a": NaN, "b": [-Infinity, 1], "c": 1e999}\n', "--keep", "a,b,c")
    (row,) = rows_of(tmp_path / "out.jsonl")
    assert (row["a"], row["b"], row["c"]) == (None, [None, 1], None)


def test_kept_column_has_a_type_in_parquet_only_where_all_inputs_agree(tmp_path: Path):
    for name, kept in {"a": {"n": [1], "k": [1]}, "b": {"n": [2], "k": [["x", "y"]]}, "c": {"n": [None]}}.items():
        pq.write_table(pa.table({"text": [TEXT], **kept}), tmp_path / f"{name}.parquet")
    (tmp_path / "d.csv").write_text("text,n\nx,many\n")
    same = run("batch", tmp_path / "*.parquet", "--output", tmp_path / "o.parquet", "--keep", "n,k", "--jobs", 2)
    mixed = run("batch", tmp_path / "[abcd].*", "--output", tmp_path / "mixed.parquet", "--keep", "all")
    assert (same.code, mixed.code) == (0, 0)
    table, strings = (pq.read_table(tmp_path / name) for name in ("o.parquet", "mixed.parquet"))
    assert table.schema.field("n").type == pa.int64()
    assert table.select(["n", "k"]).to_pydict() == {"n": [1, 2, None], "k": ["1", '["x", "y"]', None]}
    assert strings.select(["n", "k"]).to_pydict() == {
        "n": ["1", "2", None, "many"],
        "k": ["1", '["x", "y"]', None, None],
    }


def test_what_no_type_holds_is_a_sentence_that_names_the_column():
    from detector.batch.tables import to_table

    with pytest.raises(UsageError, match="column 'n' holds what is no int64 in Parquet: leave it out of --keep"):
        to_table([{"n": 2**70}], pa.schema({"n": pa.int64()}))


def test_keep_all_of_tables_keeps_the_columns_of_all(tmp_path: Path):
    (tmp_path / "a.csv").write_text("id,text\na,x\n")
    (tmp_path / "b.csv").write_text("id,text,outlet\nb,x,Wharf\n")
    (tmp_path / "c.parquet").write_bytes(b"no Parquet, and named when its turn comes")
    result = run("batch", tmp_path, "--output", tmp_path / "out.csv", "--keep", "all")
    assert (result.code, "c.parquet" in result.err) == (3, True)
    assert [row["outlet"] for row in read_rows(tmp_path / "out.csv")] == ["", "Wharf"]


@pytest.mark.parametrize("name", ["in.csv", "in.parquet"])
def test_kept_column_that_no_table_has_is_refused(name: str, tmp_path: Path):
    result = score(tmp_path, name, WRITTEN[name], "--keep", "outlet,nosuch")
    assert result.code == 2
    assert "no input has a column 'nosuch' (their columns: id, text, outlet, n): correct --keep" in result.err
    (tmp_path / "more.jsonl").write_bytes(as_jsonl(ROWS))
    assert run("batch", tmp_path, "--output", tmp_path / "out.csv", "--keep", "outlet,nosuch").code == 0


def test_column_that_is_read_and_stands_twice_is_refused(tmp_path: Path):
    said = "column 'text' stands twice in the header: rename one of them"
    data = b"id,text,text\na,x,y\n"
    twice = pa.table([["a"], ["x"], ["y"]], names=["id", "text", "text"])
    pq.write_table(twice, tmp_path / "in.parquet")
    for result in (
        score(tmp_path, "in.csv", data),
        run("batch", tmp_path / "in.parquet", "--output", tmp_path / "o", "--dry-run"),
    ):
        assert (result.code, said in result.err) == (2, True)
    piped = run("batch", "-", "--from", "csv", "--output", "-", stdin=data)
    assert (piped.code, [row["error"]["message"] for row in piped.rows]) == (3, [f"line 2: {said}"])


def test_other_column_that_stands_twice_is_refused_where_all_are_kept(tmp_path: Path):
    data = b"id,text,k,k\na,x,1,2\n"
    assert score(tmp_path, "in.csv", data).code == 0
    for out in ("out.jsonl", "out.parquet"):
        result = score(tmp_path, "in.csv", data, "--keep", "all", out=out)
        assert (result.code, "column 'k' stands twice" in result.err) == (2, True)


def test_columns_are_chosen(tmp_path: Path):
    score(tmp_path, "in.jsonl", as_jsonl([*ROWS[:1], {"id": "b"}]), "--columns", "id,label")
    first, bad = rows_of(tmp_path / "out.jsonl")
    assert list(first) == ["id", "label"]
    assert list(bad) == ["id", "error"]


def test_unknown_column_is_refused(tmp_path: Path):
    result = score(tmp_path, "in.jsonl", as_jsonl(ROWS), "--columns", "lable")
    assert (result.code, "the columns are schema, id," in result.err) == (2, True)


def test_columns_of_a_table_are_chosen_by_their_names_there(tmp_path: Path):
    for out in ("out.csv", "out.jsonl"):
        score(tmp_path, "in.jsonl", as_jsonl(ROWS[:1]), "--columns", "probability_original,id", out=out)
    assert list(read_rows(tmp_path / "out.csv")[0]) == ["id", "probability_original", "error_code", "error_message"]
    assert list(rows_of(tmp_path / "out.jsonl")[0]) == ["id", "probabilities"]


def test_no_columns_are_refused(tmp_path: Path):
    result = score(tmp_path, "in.jsonl", as_jsonl(ROWS), "--columns", "")
    assert (result.code, "--columns names none; the columns are schema, id," in result.err) == (2, True)


def test_keep_all_of_jsonl_into_a_table_is_refused(tmp_path: Path):
    result = score(tmp_path, "in.jsonl", as_jsonl(ROWS), "--keep", "all", out="out.csv")
    assert (result.code, "name the fields" in result.err) == (2, True)


# CSV

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=20), st.sampled_from(["\n", "\r\n"]), st.integers(1, 5))
def test_csv_rows_are_cut_where_the_csv_module_cuts(cells: list[tuple[str, str]], end: str, chunk: int):
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([("id", "text"), *cells])
    source = io.BytesIO(written.getvalue().encode())
    read = [
        (record.fields["id"], record.fields["text"])
        for piece in chunks.cut(Inputs(("-",), "csv"), Options(chunk=chunk), source)
        for _, record, _ in chunks.read_chunk(piece, Options(chunk=chunk), lambda *_: None)
    ]
    assert read == cells


def test_csv_errors_have_their_line(tmp_path: Path):
    data = b'id,text\r\na,"one\r\ntwo"\r\n\r\nb,na\xefve\r\nc\r\nd,"last\r\nline"\r\n'
    result = score(tmp_path, "in.csv", data, "--chunk", 1)
    rows = rows_of(tmp_path / "out.jsonl")
    assert result.code == 3
    assert [row["id"] for row in rows] == ["a", "5", "6", "d"]
    assert [row["error"]["message"].split(":")[0] for row in rows if "error" in row] == ["line 5", "line 6"]
    assert {row["error"]["code"] for row in rows if "error" in row} == {"malformed_csv"}


def test_csv_row_with_a_carriage_return_in_a_cell_is_read_again(tmp_path: Path):
    kept = [{"id": "a", "text": TEXT, "note": "one\rtwo"}]
    assert score(tmp_path, "in.jsonl", as_jsonl(kept), "--keep", "text,note", out="out.csv").code == 0
    assert read_rows(tmp_path / "out.csv")[0]["note"] == "one\rtwo"
    result = run("batch", tmp_path / "out.csv", "--output", tmp_path / "again.jsonl", "--keep", "note")
    assert (result.code, rows_of(tmp_path / "again.jsonl")[0]["note"]) == (0, "one\rtwo")


def test_csv_whose_lines_end_with_a_carriage_return_is_told_so(tmp_path: Path):
    result = score(tmp_path, "in.csv", b"id,text\ra,one\rb,two\r")
    assert (result.code, "in.csv: a carriage return stands outside quotes: end lines with LF" in result.err) == (
        3,
        True,
    )


def test_empty_id_is_the_number(tmp_path: Path):
    score(tmp_path, "in.csv", b"id,text\n,one\nb,two\n,three\n", "--columns", "id")
    assert [row["id"] for row in rows_of(tmp_path / "out.jsonl")] == ["2", "b", "4"]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    "after",
    [b"c,fine\nd,fine\n", b'c,"fine"\nd,fine\n', b'c,"fine,\n\nand so on"\nd,"fine"\n'],
    ids=["bare", "one", "two"],
)
def test_csv_quote_that_never_ends_costs_its_own_row_alone(after: bytes, jobs: int, tmp_path: Path):
    data = b'id,text\na,fine\n\nb,"never ends\n' + after
    result = score(tmp_path, "in.csv", data, "--chunk", 2, "--jobs", jobs)
    rows = rows_of(tmp_path / "out.jsonl")
    assert (result.code, [r["id"] for r in rows]) == (3, ["a", "4", "c", "d"])
    assert "line 4: no CSV (a quote is opened and never closed)" in rows[1]["error"]["message"]


def test_tsv_needs_no_quoting(tmp_path: Path):
    texts = ['"No," she said', 'a "b', '"whole"', '"']
    data = "id\ttext\n" + "".join(f"{i}\t{text}\n" for i, text in enumerate(texts)) + '9\t"two\nlines"\n'
    score(tmp_path, "in.tsv", data.encode(), "--keep", "text", "--chunk", 1)
    kept = [row["text"] for row in rows_of(tmp_path / "out.jsonl")]
    assert kept == ['"No," she said', 'a "b', "whole", '"', "two\nlines"]


@given(
    st.lists(st.sampled_from(['"', '"', "a", ",", "\t", "\n", "\n", "\r\n", 'b,"']), max_size=40),
    st.sampled_from(",\t"),
)
def test_csv_rows_are_the_same_wherever_reading_begins(pieces: list[str], separator: str):
    data = "".join(pieces).encode()

    def rows(data: bytes, number: int = 1) -> list[chunks.Line]:
        return list(chunks.split_rows(chain.from_iterable(chunks.split(io.BytesIO(data).read, number)), separator))

    found = rows(data)
    assert b"".join(row.data or b"" for row in found).split() == data.split()
    begin = 0
    for i, row in enumerate(found):
        end = begin
        for j in range(i, len(found)):
            end += found[j].size
            assert rows(data[begin:end], row.begin) == found[i : j + 1]
        begin += row.size


@pytest.mark.parametrize(
    "long",
    [b"b," + b"word " * 7_000_000, b'b,"first\n' + b"word " * 7_000_000 + b'"', b'b,"' + b"word " * 7_000_000 + b'\n"'],
    ids=["in one line", "cell that ends in it", "cell that begins in it"],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_csv_row_that_is_too_long_is_one_row(long: bytes, jobs: int, tmp_path: Path):
    result = score(tmp_path, "in.csv", b"id,text\na,fine\n" + long + b"\nc,fine\nd,fine\n", "--jobs", jobs)
    rows = rows_of(tmp_path / "out.jsonl")
    assert (result.code, [r["id"] for r in rows]) == (3, ["a", "3", "c", "d"])
    assert [r.get("error", {}).get("code") for r in rows] == [None, "too_long", None, None]


def test_csv_without_the_column_is_named_and_skipped(tmp_path: Path):
    result = score(tmp_path, "in.csv", b"id,body\na,x\n")
    assert result.code == 3
    assert "in.csv: no column 'text' (its columns: id, body)" in result.err


# files that are damaged


def test_invalid_utf8_within_a_gzip_is_one_error_row(tmp_path: Path):
    data = as_jsonl(ROWS[:3]) + b'{"id": "x", "text": "na\xefve"}\n' + as_jsonl(ROWS[3:])
    result = score(tmp_path, "in.jsonl.gz", gzip.compress(data))
    errors = [row.get("error", {}).get("code") for row in rows_of(tmp_path / "out.jsonl")]
    assert (result.code, errors) == (3, [None] * 3 + ["malformed_json"] + [None] * 4)


NOISY = [{"id": str(i), "text": "x", "noise": os.urandom(200).hex()} for i in range(2000)]


@pytest.mark.parametrize("chunk", [100, 256])
@pytest.mark.parametrize("ending", ["gz", "zst"])
@pytest.mark.parametrize(("kind", "encode", "heads"), [("jsonl", as_jsonl, 0), ("csv", as_csv, 1)])
def test_compressed_file_cut_short_gives_its_whole_records_and_is_named(
    kind: str, encode: Any, heads: int, ending: str, chunk: int, tmp_path: Path
):
    data = gzip.compress(encode(NOISY)) if ending == "gz" else zstandard.compress(encode(NOISY))
    cut = data[: len(data) // 2]
    reader = zlib.decompressobj(31) if ending == "gz" else zstandard.ZstdDecompressor().decompressobj()
    whole = reader.decompress(cut).count(b"\n") - heads
    result = score(tmp_path, f"in.{kind}.{ending}", cut, "--columns", "id", "--chunk", chunk)
    assert result.code == 3
    assert [row["id"] for row in rows_of(tmp_path / "out.jsonl")] == [str(i) for i in range(whole)]
    assert f"damaged or cut short (EOFError) (its first {whole:,} records were read)" in result.err
    assert "1 file could not be read, or not to their end" in result.err


@pytest.mark.parametrize(("ending", "compress"), [("gz", gzip.compress), ("zst", zstandard.compress)])
def test_compressed_file_with_garbage_behind_it_is_read_to_there(ending: str, compress: Any, tmp_path: Path):
    result = score(tmp_path, f"in.jsonl.{ending}", compress(as_jsonl(ROWS)) + b"garbage")
    assert (result.code, len(rows_of(tmp_path / "out.jsonl"))) == (3, len(ROWS))
    assert "(its first 7 records were read)" in result.err


def zstd_frame(window: int, blocks: bytes) -> bytes:
    """A frame of zstd with a window of 2**window bytes (RFC 8878, 3.1.1)."""
    return b"\x28\xb5\x2f\xfd\x00" + bytes([(window - 10) << 3]) + blocks


def test_zstd_with_the_longest_window(tmp_path: Path):
    data = as_jsonl(ROWS)
    block = (len(data) << 3 | 1).to_bytes(3, "little") + data  # stored as it is, the last one
    assert score(tmp_path, "in.jsonl.zst", zstd_frame(31, block)).code == 0
    assert len(rows_of(tmp_path / "out.jsonl")) == len(ROWS)


def test_zstd_is_never_held_however_much_it_holds(tmp_path: Path):
    repeat = (1 << 17 << 3 | 1 << 1).to_bytes(3, "little") + b"x"  # 128 KB in four bytes
    path = tmp_path / "in.jsonl.zst"
    path.write_bytes(zstd_frame(17, repeat * 2_000 + b"\x01\x00\x00") + zstandard.compress(b"\n" + as_jsonl(ROWS)))
    with storage.reading(str(path)) as (read, _):
        sizes = [len(data) for data in iter(lambda: read(1 << 20), b"")]
    assert (sum(sizes) > 2_000 << 17, max(sizes) <= 32 << 20) == (True, True)
    run("batch", path, "--output", tmp_path / "out.jsonl")
    assert [row.get("error", {}).get("code") for row in rows_of(tmp_path / "out.jsonl")] == ["too_long"] + [None] * 7


def test_parquet_cut_short_is_named_and_the_others_are_read(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.parquet").write_bytes(as_parquet(ROWS)[:-20])
    (tmp_path / "in" / "b.jsonl").write_bytes(as_jsonl(ROWS))
    result = run("batch", tmp_path / "in", "--output", tmp_path / "out.jsonl")
    assert (result.code, len(rows_of(tmp_path / "out.jsonl"))) == (3, 7)
    assert "a.parquet: it is no whole Parquet file" in result.err


def test_parquet_damaged_within_is_named(tmp_path: Path):
    data = bytearray(as_parquet(ROWS))
    data[4:400] = bytes(396)
    result = score(tmp_path, "in.parquet", bytes(data))
    assert (result.code, "its data is damaged" in result.err) == (3, True)


def test_parquet_text_that_is_not_utf8_is_an_error_row(tmp_path: Path):
    column = pa.Array.from_buffers(pa.string(), 2, pa.array([b"fine", b"na\xefve"], pa.binary()).buffers())
    pq.write_table(pa.table({"id": ["a", "b"], "text": column}), tmp_path / "in.parquet")
    result = run("batch", tmp_path / "in.parquet", "--output", tmp_path / "out.jsonl")
    assert result.code == 3
    assert [r.get("error", {}).get("code") for r in rows_of(tmp_path / "out.jsonl")] == [None, "not_text"]


@pytest.mark.parametrize("out", ["out.jsonl", "out.csv", "out.parquet"])
def test_parquet_values_that_python_has_not_are_carried(out: str, tmp_path: Path):
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"fine", b"na\xefve"], pa.binary()).buffers())
    ends = pa.array([0, 1, 2], pa.int32())
    columns = {
        "id": broken,
        "text": broken,
        "flat": broken,
        "list": pa.ListArray.from_arrays(ends, broken),
        "struct": pa.StructArray.from_arrays([broken, pa.array([1, 2])], ["name", "n"]),
        "map": pa.MapArray.from_arrays(ends, broken, broken),
        "far": pa.array([None, 1 << 59], pa.timestamp("us")),  # the year 20237
        "later": pa.array([[], [1 << 30]], pa.list_(pa.date32())),
    }
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    result = run("batch", tmp_path / "in.parquet", "--output", tmp_path / out, "--keep", "all")
    assert result.code == 3
    if out == "out.jsonl":
        first, row = rows_of(tmp_path / out)
        assert (first["id"], first["flat"], first["far"]) == ("fine", "fine", None)
        assert (row["error"]["code"], row["text"], row["flat"]) == ("not_text", "na\\xefve", "na\\xefve")
        assert (row["list"], row["struct"]) == (["na\\xefve"], {"name": "na\\xefve", "n": 2})
        assert (row["far"], row["later"]) == (1 << 59, [1 << 30])
    if out == "out.parquet":
        told = pq.read_table(tmp_path / out)
        assert told["far"].combine_chunks() == columns["far"]
        assert told["map"].to_pylist()[1] == [("na\\xefve", "na\\xefve")]


def test_parquet_without_a_text_is_error_rows(tmp_path: Path):
    result = score(tmp_path, "in.parquet", as_parquet([{"text": i} for i in range(3)]))
    assert (result.code, "3 failed (not_text 3)" in result.err) == (3, True)


def test_empty_files_of_every_kind(tmp_path: Path):
    (tmp_path / "a.jsonl").touch()
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b""))
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "c.parquet")
    result = run("batch", tmp_path, "--output", tmp_path / "o")
    assert (result.code, result.err) == (0, "detector: 0 records: the input is empty\n")
    assert (tmp_path / "o").read_bytes() == b""


# folders, pages, globs, URLs

PAGE = (
    "<!doctype html><html><head><title>Not shown</title><script>var x = 1</script></head><body><nav><a href=/>Home"
    "</a></nav><h1>Late &amp; later</h1><p>The ferry was <b>late</b> again.</p><p>Nobody said why.</p>"
    "<aside>Read next: trains</aside></body></html>"
)


def test_page_is_read_with_its_furniture_and_offsets_count_in_the_text_beside_them(tmp_path: Path):
    (tmp_path / "a.html").write_text(PAGE)
    (tmp_path / "b.md").write_text(
        "# Late & later\n\nThe *ferry* was [late](https://example.org) again.\n\nRead next: a\n"
    )
    (tmp_path / "c.txt").write_text("Plain. Read next: trains")
    (tmp_path / "out.csv").write_text("an earlier output is no input")
    assert run("batch", tmp_path, "--output", tmp_path / "out.csv").code == 0
    rows = list(csv.DictReader((tmp_path / "out.csv").open(newline="")))
    assert [os.path.basename(r["id"]) for r in rows] == ["a.html", "b.md", "c.txt"]
    for part in ("Home", "Late & later", "The ferry was late again.", "Nobody said why.", "Read next: trains"):
        assert part in rows[0]["text"]
    for hidden in ("var x", "Not shown", "<"):
        assert hidden not in rows[0]["text"]
    assert "The ferry was late again." in rows[1]["text"]
    assert "*" not in rows[1]["text"]
    assert "https" not in rows[1]["text"]
    evidence = [(row, e) for row in rows for e in json.loads(row["evidence"])]
    assert evidence
    assert all(row["text"][e["start"] : e["end"]] == e["text"] for row, e in evidence)


@given(st.text(st.sampled_from("<>/&;!-?[]#*`_\n\0\ud83daé p=\"'bdivx"), max_size=60), st.booleans())
def test_any_markup_gives_a_text(source: str, markdown: bool):
    assert isinstance(visible_text(source, markdown), str)


def test_symlink_loop_ends(tmp_path: Path):
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self.txt").symlink_to(tmp_path / "self.txt")
    result = run("batch", tmp_path, "--output", tmp_path / "out.jsonl")
    rows = rows_of(tmp_path / "out.jsonl")
    assert [os.path.basename(row["id"]) for row in rows] == ["a.txt", "self.txt"]
    assert (result.code, rows[1]["error"]["code"]) == (3, "unreadable")


@pytest.mark.parametrize("depth", [100, 254, 1000])
@pytest.mark.parametrize("tag", ["div", "font", "td"])
def test_page_is_read_however_deep_it_is_nested(tag: str, depth: int):
    inner = "<p>One <b>bold</b> word<script>no</script>.</p><!-- no --><p>Two<br>lines</p>"
    for close in (f"</{tag}>" * depth, ""):
        text = visible_text(
            f"<html><head><title>no</title></head><body>{f'<{tag}>' * depth}{inner}{close}<p>end", False
        )
        assert [" ".join(line.split()) for line in text.split("\n") if line.strip()] == [
            "One bold word.",
            "Two",
            "lines",
            "end",
        ]


def test_page_that_is_nested_too_deep_is_refused_and_not_cut():
    with pytest.raises(InputError, match="nested too deep"):
        visible_text("<p>One" + "<div>" * 5000 + "two", False)


def test_glob_and_folder_and_file_in_the_order_given(tmp_path: Path):
    for name in ("b.jsonl", "a.jsonl", "d/c.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(as_jsonl([{"id": name, "text": TEXT}]))
    result = run(
        "batch", tmp_path / "d", tmp_path / "*.jsonl", tmp_path / "none.txt", "--output", "-", "--columns", "id"
    )
    assert [row["id"] for row in result.rows] == ["d/c.jsonl", "a.jsonl", "b.jsonl", str(tmp_path / "none.txt")]
    assert result.code == 3


def test_store_behind_a_url_is_read_and_written(tmp_path: Path):
    fsspec = pytest.importorskip("fsspec", reason="needs fsspec: pip install 'detector[remote]'")
    store = fsspec.filesystem("memory")
    store.pipe({"/crawl/a.jsonl": as_jsonl(ROWS[:3]), "/crawl/b.jsonl.gz": gzip.compress(as_jsonl(ROWS[3:]))})
    result = run(
        "batch", "memory://crawl/*", "--output", "memory://out/v.jsonl", "--run-dir", tmp_path / "r", "--chunk", 2
    )
    assert result.code == 0
    assert [json.loads(line)["id"] for line in store.cat("/out/v.jsonl").splitlines()] == [r["id"] for r in ROWS]
    assert list(store.find("/out")) == ["/out/v.jsonl"]


def test_folder_behind_a_url_is_searched_as_one_here(tmp_path: Path):
    pytest.importorskip("fsspec", reason="needs fsspec: pip install 'detector[remote]'")
    for name in ("a.jsonl", "b/c.jsonl", "_SUCCESS", "photo.jpg", ".hidden.jsonl", ".cache/d.jsonl"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_jsonl([{"id": name, "text": TEXT}]))
    for path in (tmp_path / "in", f"file://{tmp_path}/in"):
        assert [row["id"] for row in run("batch", path, "--output", "-").rows] == ["a.jsonl", "b/c.jsonl"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [("none/*", "no file matches"), ("**.txt", "no file matches"), ("empty", "holds no text file")],
)
def test_url_that_names_nothing_is_an_error(given: str, sentence: str, tmp_path: Path):
    pytest.importorskip("fsspec", reason="needs fsspec: pip install 'detector[remote]'")
    (tmp_path / "empty").mkdir()
    result = run("batch", f"file://{tmp_path}/{given}", "--output", tmp_path / "o")
    assert (result.code, sentence in result.err) == (3, True)
    assert os.listdir(tmp_path) == ["empty"]


@pytest.mark.parametrize("url", ["file://{}", "file://{}/", "file://{}/**", "{}"])
@pytest.mark.parametrize("out", ["file://{}/out.jsonl", "file://{}//out.jsonl", "{}/out.jsonl"])
def test_output_within_the_folder_that_is_read_is_no_input(url: str, out: str, tmp_path: Path):
    pytest.importorskip("fsspec", reason="needs fsspec: pip install 'detector[remote]'")
    (tmp_path / "in.jsonl").write_bytes(as_jsonl([{"id": str(i)} for i in range(9)]))
    again = ("batch", url.format(tmp_path), "--output", out.format(tmp_path), "--run-dir", tmp_path / "run")
    assert "stopped: 4 errors" in run(*again, "--chunk", 2, "--max-errors", 3).err
    result = run(*again, "--chunk", 2)
    assert (result.code, "(4 records were done before)" in result.err) == (3, True)
    assert [row["id"] for row in rows_of(tmp_path / "out.jsonl")] == [str(i) for i in range(9)]
    assert sorted(os.listdir(tmp_path)) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize(
    ("inputs", "options"),
    [
        pytest.param(["{}/*.jsonl"], ["--output", "{}/a.jsonl"], id="output in a glob"),
        pytest.param(["{}"], ["--output", "{}/a.jsonl"], id="output in a folder"),
        pytest.param(["{}"], ["--output", "{}/out", "--summary", "{}/sub/../a.jsonl"], id="summary in a folder"),
        pytest.param(["file://{}"], ["--output", "file://{}/a.jsonl"], id="output in a folder by its URL"),
        pytest.param(["{}/b.jsonl"], ["--output", "{}/out", "--summary", "{}/sub/../out"], id="summary is the output"),
        pytest.param(
            ["{}/b.jsonl"], ["--output", "{}/run/out", "--run-dir", "{}/run"], id="output in the run directory"
        ),
        pytest.param(["{}/b.jsonl"], ["--output", "-", "--summary", "-"], id="both to stdout"),
    ],
)
def test_nothing_that_is_read_or_written_is_written_over(inputs: list[str], options: list[str], tmp_path: Path):
    pytest.importorskip("fsspec", reason="needs fsspec: pip install 'detector[remote]'")
    (tmp_path / "sub").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(as_jsonl(ROWS))
    before = sorted(os.listdir(tmp_path))
    result = run("batch", *(given.format(tmp_path) for given in (*inputs, *options)))
    assert (result.code, len(result.err.strip().splitlines()[-1]) > 20) == (2, True)
    assert sorted(os.listdir(tmp_path)) == before
    assert {(tmp_path / name).read_bytes() for name in ("a.jsonl", "b.jsonl")} == {as_jsonl(ROWS)}


def test_what_detector_made_in_a_folder_is_no_input(tmp_path: Path):
    (tmp_path / "in.jsonl").write_bytes(as_jsonl(ROWS))
    assert run("index", tmp_path / "in.jsonl", "--output", tmp_path / "sources").code == 0
    stopped = tmp_path / "other.jsonl.run"
    stopped.mkdir()
    for name in ("run.json", "done.jsonl"):
        (stopped / name).write_text("{}\n")
    written = [tmp_path / "out.jsonl", tmp_path / "summary.json"]
    for _ in range(2):
        result = run("batch", tmp_path, "--output", written[0], "--summary", written[1], "--keep", "text")
        assert result.code == 0
        assert [row["id"] for row in rows_of(written[0])] == [row["id"] for row in ROWS]


def test_a_result_is_not_replaced_by_nothing(tmp_path: Path):
    assert score(tmp_path, "in.csv", as_csv(ROWS)).code == 0
    before = (tmp_path / "out.jsonl").read_bytes()
    result = run("batch", tmp_path / "in.csv", "--output", tmp_path / "out.jsonl", "--text-field", "body")
    assert (result.code, "0 records: no input could be read" in result.err) == (3, True)
    assert "name the text's with --text-field" in result.err
    assert (tmp_path / "out.jsonl").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["in.csv", "out.jsonl"]


def test_summary_to_stdout(tmp_path: Path):
    result = score(tmp_path, "in.jsonl", as_jsonl(ROWS), "--summary", "-")
    assert json.loads(result.out)["records"] == len(ROWS)


def test_url_without_its_library_is_a_usage_error(tmp_path: Path):
    result = run("batch", "nosuch://bucket/x.jsonl", "--output", tmp_path / "o")
    assert (result.code, "fsspec plugin" in result.err) == (2, True)


# limit, sample, dry run, summary, errors


@pytest.mark.parametrize("name", ["in.jsonl", "in.csv", "in.parquet", "in.jsonl.gz"])
@pytest.mark.parametrize("chunk", [2, 100])
def test_limit(name: str, chunk: int, tmp_path: Path):
    score(tmp_path, name, WRITTEN[name], "--limit", 5, "--chunk", chunk)
    assert [row["id"] for row in rows_of(tmp_path / "out.jsonl")] == [r["id"] for r in ROWS[:5]]


def test_sample_is_the_same_in_every_format_and_every_run(tmp_path: Path):
    rows = [{"id": str(i), "text": TEXT} for i in range(400)]
    read = []
    for name, data in {
        "a.jsonl": as_jsonl(rows),
        "b.jsonl.gz": gzip.compress(as_jsonl(rows)),
        "c.parquet": as_parquet(rows),
    }.items():
        score(tmp_path, name, data, "--sample", "10%", "--columns", "id", "--chunk", 7)
        read.append([row["id"] for row in rows_of(tmp_path / "out.jsonl")])
    assert read[0] == read[1] == read[2]
    assert 20 <= len(read[0]) <= 60


def test_sample_with_a_limit(tmp_path: Path):
    rows = [{"id": str(i), "text": TEXT} for i in range(400)]
    score(tmp_path, "a.jsonl", as_jsonl(rows), "--sample", "50%", "--limit", 30, "--chunk", 7)
    assert len(rows_of(tmp_path / "out.jsonl")) == 30


@pytest.mark.parametrize(("option", "value"), [("--sample", "10"), ("--sample", "200%"), ("--max-errors", "few")])
def test_share_that_is_none(option: str, value: str, tmp_path: Path):
    assert score(tmp_path, "a.jsonl", as_jsonl(ROWS), option, value).code == 2


def test_dry_run_reports_and_writes_nothing(tmp_path: Path):
    result = score(tmp_path, "a.jsonl", as_jsonl([*ROWS, {"id": "r0"}]) + b"{\n", "--dry-run")
    assert result.code == 3
    assert "9 records: 2 failed (malformed_json 1, missing_field 1); nothing was scored or written" in result.err
    assert os.listdir(tmp_path) == ["a.jsonl"]


def test_summary_for_a_program(tmp_path: Path):
    score(tmp_path, "a.jsonl", as_jsonl([*ROWS, {"id": "r0"}]), "--summary", tmp_path / "s.json")
    told = json.loads((tmp_path / "s.json").read_text())
    assert (told["records"], told["errors"], told["repeated_ids"], told["bad_files"]) == (
        8,
        {"missing_field": 1},
        1,
        [],
    )
    assert told["abstained"] == {"too_short": 7}
    assert told["articles_per_second"] > 0 < told["mb_per_second"]


def test_max_errors_stops_and_can_be_resumed(tmp_path: Path):
    rows = [{"id": str(i), "text": TEXT if i < 50 else None} for i in range(100)]
    stopped = score(tmp_path, "a.jsonl", as_jsonl(rows), "--max-errors", 5, "--chunk", 10)
    assert stopped.code == 3
    assert "stopped: 10 errors in 60 records are more than --max-errors allows: 60 records are done" in stopped.err
    assert not (tmp_path / "out.jsonl").exists()
    result = run(
        "batch", tmp_path / "a.jsonl", "--output", tmp_path / "out.jsonl", "--chunk", 10, "--max-errors", "60%"
    )
    assert (result.code, len(rows_of(tmp_path / "out.jsonl"))) == (3, 100)
    assert "(60 records were done before)" in result.err


def test_max_errors_as_a_share(tmp_path: Path):
    rows = [{"id": str(i), "text": TEXT if i % 2 else None} for i in range(10)]
    assert "stopped: 5 errors" in score(tmp_path, "a.jsonl", as_jsonl(rows), "--max-errors", "10%").err


# the library


def test_read_articles_of_any_input(tmp_path: Path):
    for name in ("in.jsonl", "in.csv", "in.parquet"):
        (tmp_path / name).write_bytes(WRITTEN[name])
    read = list(read_articles(Inputs((str(tmp_path),)), Options(), None, lambda *_: None))
    assert [a.id for a in read] == [r["id"] for r in ROWS] * 3
    assert not any(isinstance(a, Failure) for a in read)
