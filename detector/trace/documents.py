"""Documents: candidate sources read from where users keep them: text files, JSONL, CSV or Parquet."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from detector import sources
from detector.article import MAX_CHARS
from detector.errors import InputError, UsageError
from detector.sources import Failure, Note
from detector.trace.index import Document


@dataclass(frozen=True, slots=True)
class Fields:
    """Which columns of a record hold what; a record without an id is called by its number, a date may be missing."""

    text: str = "text"
    id: str = "id"
    date: str = "date"


def read_documents(path: str, stdin: BinaryIO | None, note: Note, fields: Fields) -> Iterator[Document | Failure]:
    """Every document of a folder, text file or glob (id: its path), or of a .jsonl, .csv or .parquet file (.gz too).

    Raises InputError if a file of records cannot be opened, UsageError for Parquet without pyarrow.
    """
    name = path.lower().removesuffix(".gz")
    if os.path.isdir(path) or not name.endswith((".jsonl", ".ndjson", ".csv", ".parquet")):
        for given in sources.read_all([path], stdin, note):
            yield given if isinstance(given, Failure) else Document(given.id or path, given.text)
        return
    if name.endswith(".parquet"):
        records: Iterator[Mapping[str, Any] | None] = _read_parquet(path, fields)
    else:
        stream = sources.open_stream(path, stdin)
        lines = gzip.open(stream) if path.lower().endswith(".gz") else stream  # noqa: SIM115 - closed with the stream
        text = io.TextIOWrapper(lines, "utf-8-sig", "replace", newline="")
        records = _read_csv(text) if name.endswith(".csv") else _read_lines(text)
    try:
        for number, record in enumerate(records, 1):
            yield _document(record, number, fields)
    except (gzip.BadGzipFile, EOFError):
        raise InputError(f"{path}: it is not whole gzip: unpack it, or fetch it again", "unreadable") from None


def _document(record: Mapping[str, Any] | None, number: int, fields: Fields) -> Document | Failure:
    if record is None:
        return Failure(str(number), "malformed_json", f"record {number} is not a JSON object: write one a line")
    text = record.get(fields.text)
    given, date = record.get(fields.id), record.get(fields.date)
    id = str(number) if given in (None, "") else str(given)
    if not isinstance(text, str):
        return Failure(
            id, "missing_field", f"record {number} has no text in field {fields.text!r}: name it with --text-field"
        )
    if len(text) > MAX_CHARS:
        return Failure(id, "too_long", f"record {number} has over {MAX_CHARS:,} characters: split it into articles")
    return Document(id, text, None if date in (None, "") else str(date))


def _read_lines(lines: Iterable[str]) -> Iterator[Mapping[str, Any] | None]:
    for line in lines:
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            yield record if isinstance(record, dict) else None


def _read_csv(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    csv.field_size_limit(4 * MAX_CHARS)
    try:
        yield from csv.DictReader(lines)
    except csv.Error as e:
        raise InputError(f"it is not CSV ({e}): write it anew, with a header", "unreadable") from None


def _read_parquet(path: str, fields: Fields) -> Iterator[Mapping[str, Any]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError(f"{path} is Parquet, which needs pyarrow: pip install pyarrow, or write JSONL") from None
    try:
        file = pq.ParquetFile(path)
        columns = [c for c in (fields.text, fields.id, fields.date) if c in file.schema_arrow.names]
        for batch in file.iter_batches(256, columns=columns):
            yield from batch.to_pylist()
    except (OSError, pa.ArrowInvalid) as e:
        raise InputError(
            f"{path}: it cannot be read as Parquet ({type(e).__name__}): write it anew", "unreadable"
        ) from None
