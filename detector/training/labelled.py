"""Labelled: somebody's own texts with labels, JSONL or CSV, as rows; and what makes a file useless, in a sentence."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detector.article import MAX_CHARS
from detector.errors import CorpusError
from detector.training.corpus import Row
from detector.verdict import LABELS

COLUMNS = "text, origin and/or ai; optional: id, dataset, group, kind, generator, domain, nonnative"
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
_UNKNOWN = frozenset({"", "null", "none", "na", "nan", "?"})


def read(path: Path) -> list[Row]:
    """The rows of a `.jsonl` or `.csv` file (also `.gz`), with COLUMNS; a row without a label is left out.

    `origin` is one of LABELS, `ai` true or false (yes, no, 1, 0), both may be empty. Texts of one `group` share a
    source. A text labelled as no machine's counts as surely human.
    Raises CorpusError that names the line.
    """
    rows: list[Row] = []
    n = 0
    for n, (line, record) in enumerate(_records(path), 1):
        row = _parse(record, f"{path.name}, line {line}", path.name.split(".")[0], n)
        if row.origin is not None or row.ai is not None:
            rows.append(row)
    if not n:
        raise CorpusError(f"{path.name} is empty: it needs one labelled text a line ({COLUMNS})")
    if not rows:
        raise CorpusError(f"{path.name} has no label in any of {n} rows: give it a column `origin` or `ai`")
    return rows


def digest(path: Path) -> str:
    """The sha256 of the file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_labelled(path: Path) -> bool:
    """Whether a path is a file of labelled texts, not a corpus folder."""
    return path.name.removesuffix(".gz").endswith((".jsonl", ".csv"))


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each record with the number of the line that it starts on."""
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.name.endswith(".gz") else data).decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise CorpusError(f"{path.name} is not UTF-8 (byte {e.start:,}): save it as UTF-8") from None
    except (OSError, EOFError) as e:
        why = getattr(e, "strerror", None) or "not a gzip file"
        raise CorpusError(f"{path} cannot be read ({why}): check the path") from None
    if path.name.removesuffix(".gz").endswith(".csv"):
        # the whole text is in memory already, so a field may be as long as it is
        csv.field_size_limit(max(len(text), csv.field_size_limit()))
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        line = 2
        try:
            for record in reader:
                if None in record:
                    raise CorpusError(f"{path.name}, line {line} has more fields than the header: quote its text")
                yield line, record
                line = reader.line_num + 1
        except csv.Error as e:
            raise CorpusError(f"{path.name}, line {reader.line_num} is not CSV ({e}): check its quotes") from None
    else:
        for line, written in enumerate(text.split("\n"), 1):
            if not written.strip():
                continue
            try:
                record = json.loads(written)
            except ValueError:
                raise CorpusError(f"{path.name}, line {line} is not JSON: it needs one object a line") from None
            if not isinstance(record, dict):
                raise CorpusError(f"{path.name}, line {line} is JSON but no object: it needs one object a line")
            yield line, record


def _parse(record: dict[str, Any], where: str, dataset: str, number: int) -> Row:
    if "text" not in record:
        raise CorpusError(f"{where} has no `text`: its columns must be {COLUMNS}")
    text = record["text"]
    if not isinstance(text, str) or not text.strip():
        raise CorpusError(f"{where} has an empty text: leave it out")
    if len(text) > MAX_CHARS:
        raise CorpusError(f"{where} has {len(text):,} characters, the limit is {MAX_CHARS:,}: split it into articles")
    origin = _word(record, "origin").lower()
    if origin not in _UNKNOWN and origin not in LABELS:
        raise CorpusError(f"{where} has an unknown origin: use {', '.join(LABELS)}, or nothing where it is not known")
    ai = _truth(record, "ai", where)
    return Row(
        id=_word(record, "id") or str(number),
        text=text,
        origin=None if origin in _UNKNOWN else origin,
        ai=ai,
        unit=_word(record, "dataset") or dataset,
        kind=_word(record, "kind"),
        generator=_word(record, "generator") or _word(record, "model"),
        domain=_word(record, "domain"),
        group=_word(record, "group"),
        surely_human=ai is False,
        hard=False,
        nonnative=_truth(record, "nonnative", where),
    )


def _word(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    return "" if value is None else str(value).strip()


def _truth(record: dict[str, Any], key: str, where: str) -> bool | None:
    word = _word(record, key).lower().removesuffix(".0")
    if word in _UNKNOWN:
        return None
    if word not in _YES | _NO:
        raise CorpusError(
            f"{where} has an unknown value in `{key}`: use true or false, or nothing where it is not known"
        )
    return word in _YES
