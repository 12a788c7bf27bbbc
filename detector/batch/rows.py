"""Rows out: an outcome as a line of JSONL, a row of CSV or of Parquet; parts joined to one file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, BinaryIO

from detector import storage
from detector.batch.records import Options, plain
from detector.errors import UsageError
from detector.sources import Failure
from detector.verdict import LABELS, Verdict, to_json

Outcome = Verdict | Failure

# The wire format's fields in its order, and what tables make of the nested ones.
FIELDS = (
    "schema id status abstained_because label probabilities ai_probability evidence contributions intercept score "
    "n_words language model style_label derivation derivation_abstained_because sources error"
).split()
FLAT = {
    "probabilities": tuple(f"probability_{label}" for label in LABELS),
    "error": ("error_code", "error_message"),
}
TABLE = tuple(c for f in FIELDS for c in FLAT.get(f, (f,)))


def check_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The columns, if the wire format or a table has them all. Raises UsageError with those that they have."""
    known = tuple(dict.fromkeys((*FIELDS, *TABLE)))
    if not columns:
        raise UsageError(f"--columns names none; the columns are {', '.join(known)}")
    for name in columns:
        if name not in known:
            raise UsageError(f"no column is called {name!r}; the columns are {', '.join(known)}")
    return tuple(c for c in known if c in columns)


@lru_cache(maxsize=1)
def chosen(options: Options) -> Mapping[str, tuple[str, ...]]:
    """The fields that come out, each with its columns in a table; errors always do."""
    every = {f: FLAT.get(f, (f,)) for f in FIELDS}
    if options.columns is None:
        return every
    named = {*options.columns, "error"}
    some = {f: columns if f in named else tuple(c for c in columns if c in named) for f, columns in every.items()}
    return {f: columns for f, columns in some.items() if columns}


def to_fields(outcome: Outcome, fields: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """A row: the verdict's fields, then those kept; one that has a verdict's name is kept as `input.NAME`."""
    # contributions are built when asked for, which is a tenth of a short article's time
    out = chosen(options)
    shown = options.contributions if "contributions" in out else 0
    row = outcome.to_dict(shown) if isinstance(outcome, Verdict) else outcome.to_dict()
    row = {k: v for k, v in row.items() if k in out}
    for name in fields if options.keep is None else options.keep:
        if name in fields:
            # Parquet has types for what JSON and CSV have not
            row[kept_name(name)] = fields[name] if options.form == "parquet" else plain(fields[name])
    return row


def kept_name(field: str) -> str:
    return f"input.{field}" if field in FIELDS or field in TABLE else field


def flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the wire format with its probabilities and error in columns of their own."""
    flat = {k: v for k, v in row.items() if k not in FLAT}
    for label, p in (row.get("probabilities") or {}).items():
        flat[f"probability_{label}"] = p
    for key, value in (row.get("error") or {}).items():
        flat[f"error_{key}"] = value
    return flat


def table_columns(options: Options) -> tuple[str, ...]:
    """The columns of a CSV or Parquet output, in order."""
    return (*chain.from_iterable(chosen(options).values()), *map(kept_name, options.keep or ()))


def encode(rows: Sequence[Mapping[str, Any]], options: Options, types: Mapping[str, Any]) -> bytes:
    """Rows in the output's form, compressed as it wants; `types` are those of kept Parquet columns."""
    if options.form == "parquet":
        return _parquet(rows, options, types)
    if options.form == "csv":
        text = _csv([_cell(flat.get(c)) for c in table_columns(options)] for flat in map(flatten, rows))
    else:
        text = "".join(to_json(row) + "\n" for row in rows).encode()
    return storage.compress(text, options.compression)


def head(options: Options) -> bytes:
    """What stands before the first row."""
    return storage.compress(_csv([table_columns(options)]), options.compression) if options.form == "csv" else b""


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    lines = []
    for row in rows:
        line = io.StringIO(newline="")
        # Python 3.11 and 3.12 quote a carriage return only where it is part of the line end
        csv.writer(line, lineterminator="\r\n").writerow(row)
        lines.append(line.getvalue().removesuffix("\r\n") + "\n")
    return "".join(lines).encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    if value is None or (isinstance(value, (str, int, float)) and not isinstance(value, bool)):
        return value
    return to_json(value)


def _parquet(rows: Sequence[Mapping[str, Any]], options: Options, types: Mapping[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from detector.batch import tables

    schema = tables.schema_of(table_columns(options), types)
    sink = pa.BufferOutputStream()
    pq.write_table(tables.to_table(map(flatten, rows), schema), sink, compression="zstd")
    written: bytes = sink.getvalue().to_pybytes()
    return written


def join(parts: Iterator[bytes], sink: BinaryIO, options: Options, types: Mapping[str, Any]) -> None:
    """Writes parts, in order, as one file."""
    if options.form != "parquet":
        sink.write(head(options))
        for part in parts:
            sink.write(part)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    from detector.batch import tables

    with pq.ParquetWriter(sink, tables.schema_of(table_columns(options), types), compression="zstd") as writer:
        for part in parts:
            writer.write_table(pq.read_table(pa.BufferReader(part)))
