"""score_table: from Arrow to Arrow, row for row; and the examples of docs/at-scale.md, run as they stand there."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from command import loaded

from detector.errors import UsageError
from detector.verdict import to_json

pa = pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'detector[parquet]'")
pq = pytest.importorskip("pyarrow.parquet")

from detector.arrow import SCHEMA, TYPES, score_table  # noqa: E402 - needs pyarrow

ROOT = Path(__file__).resolve().parents[1]
SEEDS = {p.stem: p.read_text("utf-8") for p in sorted((ROOT / "seeds").glob("*.txt"))}
TABLE = pa.table({"url": list(SEEDS), "body": list(SEEDS.values()), "n": range(len(SEEDS))})


def test_no_rows():
    empty = pa.table({"text": pa.array([], pa.string())})
    assert score_table(empty).schema == SCHEMA
    assert score_table(empty).num_rows == 0


def test_row_says_what_the_library_says():
    rows = score_table(TABLE, text="body", id="url", contributions=8).to_pylist()
    for row, (name, text) in zip(rows, SEEDS.items(), strict=True):
        verdict = loaded().score(text).to_dict()
        assert row["id"] == name
        for field in ("status", "label", "ai_probability", "n_words", "language", "model", "evidence"):
            assert row[field] == verdict[field]
        assert row["probability_rewritten"] == (verdict["probabilities"] or {}).get("rewritten")
        assert to_json(row["contributions"]) == to_json(verdict["contributions"])


def test_batch_gives_a_batch_and_a_table_of_many_batches_a_table():
    (batch,) = TABLE.to_batches()
    scored = score_table(batch, text="body")
    assert isinstance(scored, pa.RecordBatch)
    in_pieces = pa.Table.from_batches([batch.slice(0, 3), batch.slice(3, 0), batch.slice(3)])
    assert score_table(in_pieces, text="body").to_pylist() == scored.to_pylist()
    assert score_table(batch.slice(0, 0), text="body").schema == SCHEMA


def test_what_cannot_be_scored_is_null_beside_its_error():
    scored = score_table(pa.table({"text": ["", None, "word " * 500_000, "Fine."]}))
    assert scored["error_code"].to_pylist() == ["empty", "not_text", "too_long", None]
    assert scored["label"].to_pylist() == [None] * 4
    assert scored["id"].to_pylist() == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()), pa.binary()]
)
def test_text_of_any_string_type(kind: Any):
    scored = score_table(pa.table({"text": pa.array(["The ferry was late.", None]).cast(kind)}))
    assert scored["error_code"].to_pylist() == [None, "not_text"]


def test_kept_columns_come_first_and_hide_nothing():
    assert score_table(TABLE, text="body", keep=["n"]).schema.names == ["n", *SCHEMA.names]
    with pytest.raises(UsageError, match="would hide the verdict's own"):
        score_table(TABLE.rename_columns(["label", "body", "n"]), text="body", keep=["label"])


def test_missing_column_is_a_usage_error():
    with pytest.raises(UsageError, match="no column 'text' in the table \\(its columns: url, body, n\\)"):
        score_table(TABLE)


def test_column_that_stands_twice_is_a_usage_error():
    twice = pa.table([["a"], ["x"], ["y"]], names=["url", "text", "text"])
    assert score_table(twice.rename_columns(["text", "x", "x"])).num_rows == 1
    with pytest.raises(UsageError, match="column 'text' stands twice in the table: rename one"):
        score_table(twice)


def test_ids_that_are_bytes_are_read():
    assert score_table(pa.table({"text": ["x"], "k": [b"a"]}), id="k")["id"].to_pylist() == ["a"]


def test_schema_has_every_field_of_a_verdict():
    wire = json.loads((ROOT / "docs/wire-schema.json").read_text())
    from detector.batch.rows import FIELDS, TABLE

    assert set(FIELDS) == set(wire["$defs"]["verdict"]["properties"]) - {"sentences"} | {"error"}
    verdict = loaded().score(next(iter(SEEDS.values()))).to_dict()
    assert [f for f in FIELDS if f in verdict] == list(verdict)
    assert list(TYPES) == list(TABLE)


# docs/at-scale.md

NOTE = (ROOT / "docs/at-scale.md").read_text("utf-8")
EXAMPLES = dict(re.findall(r"<!-- test: (\w+) -->\n+```python\n(.*?)```", NOTE, re.S))
NEEDS = {"arrow": "pyarrow", "dask_dataframe": "dask.dataframe", "spark": "pyspark", "ray_data": "ray"}


@pytest.mark.parametrize("name", ["arrow", "duckdb", "polars", "dask_dataframe"])
def test_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run_example(name, tmp_path, monkeypatch)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ["spark", "ray_data"])
def test_heavy_example(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Too heavy for every CI run: `python -m pytest -m heavy tests/test_batch_arrow.py`."""
    run_example(name, tmp_path, monkeypatch)


def run_example(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    library = NEEDS.get(name, name)
    pytest.importorskip(library, reason=f"needs {library} installed")
    (folder / "articles").mkdir()
    table = TABLE.rename_columns(["id", "text", "n"])
    for i in range(2):
        pq.write_table(table.slice(i * 8, 8 + i), folder / "articles" / f"{i}.parquet")
    monkeypatch.chdir(folder)
    exec(compile(EXAMPLES[name], f"docs/at-scale.md: {name}", "exec"), {"__name__": "__main__"})
    written = pq.read_table(folder / "verdicts.parquet")
    expected = {name: loaded().score(text).label for name, text in SEEDS.items()}
    assert dict(zip(written["id"].to_pylist(), written["label"].to_pylist(), strict=True)) == expected
