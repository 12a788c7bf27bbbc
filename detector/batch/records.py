"""One record to one article: a line of JSON, a row of CSV or Parquet, a file; and what of it is carried through."""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any, NamedTuple

from detector.article import MAX_CHARS, Article
from detector.errors import InputError
from detector.sources import Failure

CONTRIBUTIONS = 8  # how many a row carries unless asked for more
# JSON writes a character in at most 12 bytes (two \uXXXX escapes), so any text within the limit fits, with its fields.
MAX_LINE_BYTES = 12 * MAX_CHARS + (8 << 20)
_DEPTH = 200  # levels that JSON may be nested: well under what the stack of any process allows
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked for: all that its output depends on, but input and model.

    `contributions` is how many a row carries (None: all); `keep` names the fields carried through (None: all of
    them); `columns` those that come out (None: all); `form` is jsonl, csv or parquet, `compression` gz, zst or empty;
    `sample` is the share of records that is scored; `limit` how many at most.
    """

    text_field: str = "text"
    id_field: str = "id"
    contributions: int | None = CONTRIBUTIONS
    keep: tuple[str, ...] | None = ()
    columns: tuple[str, ...] | None = None
    form: str = "jsonl"
    compression: str = ""
    sample: float = 1.0
    limit: int | None = None
    chunk: int = 256  # records; small enough that a lost one costs seconds, large enough that a sync costs nothing


class Record(NamedTuple):
    """What was read in one place, and the fields that it came with."""

    given: Article | Failure
    fields: Mapping[str, Any]


def read_record(line: bytes | None, number: int, options: Options) -> Article | Failure:
    """The article that one line of JSON holds, or why it holds none; its id is its id field, else its line number."""
    return read_json(line, number, options).given


def read_json(line: bytes | None, number: int, options: Options) -> Record:
    """The record in one line of JSON; None stands for one over MAX_LINE_BYTES."""
    try:
        fields = _parse_json(line.removeprefix(BOM) if line and number == 1 else line)
    except InputError as e:
        return Record(Failure(str(number), e.code, str(e)), {})
    return from_fields(fields, number, options)


def read_csv(raw: bytes | None, number: int, header: Sequence[str], separator: str, options: Options) -> Record:
    """The record in the bytes of one CSV row, which may span lines."""
    try:
        fields = _parse_csv(raw, header, separator, options)
    except InputError as e:
        return Record(Failure(str(number), e.code, str(e)), {})
    return from_fields(fields, number, options)


def from_fields(fields: Mapping[str, Any], number: int, options: Options) -> Record:
    """The record that named fields make, of any origin."""
    id = record_id(fields.get(options.id_field), number)
    try:
        if options.text_field not in fields:
            known = ", ".join(sorted(name[:40] for name in fields)[:10]) or "none"
            raise InputError(
                f"no field {options.text_field!r} (its fields: {known}): name the text's with --text-field",
                "missing_field",
            )
        text = fields[options.text_field]
        if isinstance(text, bytes):  # Hive, Impala and older Spark write strings so
            with contextlib.suppress(UnicodeDecodeError):
                text = text.decode()
        if not isinstance(text, str):
            kind = _KINDS.get(type(text), "no string")
            raise InputError(f"field {options.text_field!r} is {kind}, not a string: put the text there", "not_text")
        return Record(Article(text, id), fields)
    except InputError as e:
        return Record(Failure(id, e.code, str(e)), fields)


_NUMBER = "a number"
_KINDS = {
    type(None): "null",
    bool: "true or false",
    int: _NUMBER,
    float: _NUMBER,
    list: "a list",
    dict: "an object",
    bytes: "bytes that are not UTF-8",
}


def _too_long() -> InputError:
    return InputError(f"more than {MAX_LINE_BYTES:,} bytes: split the text into articles", "too_long")


def _parse_json(line: bytes | None) -> dict[str, Any]:
    if line is None:
        raise _too_long()
    if not line.strip():
        raise InputError("blank: remove it, or put a record there", "malformed_json")
    try:
        record = json.loads(line.decode("utf-8").rstrip("\r\n"))
        if line.count(b"{") + line.count(b"[") > _DEPTH and _is_deep(record):
            raise RecursionError  # here always, not where this process's stack ends
    except UnicodeDecodeError as e:
        raise InputError(f"not UTF-8 at byte {e.start + 1}: convert the file to UTF-8", "malformed_json") from None
    except json.JSONDecodeError as e:
        # The parser's sentence names a place and no text.
        what = e.msg.removesuffix(" at")
        raise InputError(f"not JSON at column {e.colno} ({what}): write one object a line", "malformed_json") from None
    except (ValueError, RecursionError):
        raise InputError("JSON with a number too long or a nesting too deep: simplify it", "malformed_json") from None
    if not isinstance(record, dict):
        kind = _KINDS.get(type(record), "a string")
        raise InputError(f"{kind}, not an object: write one object a line", "malformed_json")
    return record


def _is_deep(value: Any) -> bool:
    """Whether JSON is nested more than _DEPTH levels."""
    level = [value]
    for _ in range(_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
    return bool(level)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def split_csv(text: str, separator: str) -> list[str]:
    """The cells of one CSV row. Raises csv.Error, and InputError where a line ends with CR alone.

    Between tabs a quote that does not enclose a whole cell is a character as any other, for most TSV has no quoting.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    lines = _lines(text)
    try:
        try:
            rows = list(csv.reader(lines, delimiter=separator, strict=True))
        except csv.Error as e:
            if separator == "\t":
                rows = list(csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE))
            elif str(e) == "unexpected end of data":
                raise csv.Error("a quote is opened and never closed") from None
            else:
                rows = list(csv.reader(lines, delimiter=separator))
    except csv.Error as e:
        if str(e).startswith("new-line character"):
            raise InputError(
                "a carriage return stands outside quotes: end lines with LF, and quote cells that hold line ends",
                "malformed_csv",
            ) from None
        raise
    return [cell for row in rows for cell in row]


def _lines(text: str) -> list[str]:
    # only newlines end a line here, so that a text's own separators stay in it
    return [part + "\n" for part in text.split("\n")[:-1]] + [p for p in text.split("\n")[-1:] if p]


def repeated(header: Sequence[str], options: Options) -> str | None:
    """What is wrong where a column that is read stands twice in a header, as one sentence."""
    read = header if options.keep is None else (options.text_field, options.id_field, *options.keep)
    twice = next((name for name in read if header.count(name) > 1), None)
    return None if twice is None else f"column {twice!r} stands twice in the header: rename one of them"


def _parse_csv(raw: bytes | None, header: Sequence[str], separator: str, options: Options) -> dict[str, str]:
    if raw is None:
        raise _too_long()
    try:
        cells = split_csv(raw.decode("utf-8"), separator)
    except UnicodeDecodeError as e:
        raise InputError(f"not UTF-8 at byte {e.start + 1}: convert the file to UTF-8", "malformed_csv") from None
    except csv.Error as e:
        raise InputError(f"no CSV ({e}): check its quotes", "malformed_csv") from None
    if len(cells) != len(header):
        raise InputError(f"{len(cells)} cells where the header has {len(header)}: check its quotes", "malformed_csv")
    fields = dict(zip(header, cells, strict=True))
    if len(fields) < len(header) and (twice := repeated(header, options)):
        raise InputError(twice, "malformed_csv")
    return fields


def record_id(given: Any, number: int) -> str:
    """A record's id as a string: its id field, as JSON if it is none, else (also where it is empty) its number."""
    given = plain(given)
    if given is None or given == "":
        return str(number)
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def plain(value: Any) -> Any:
    """`value` as JSON can say it: dates and times by ISO 8601, bytes as UTF-8, decimals and durations as strings.

    What is no finite number is null.
    """
    if value is None or isinstance(value, (str, int)):
        return value
    # by way of JSON, which reaches what is nested at the speed of C
    return json.loads(json.dumps(value, default=_as_string), parse_constant=lambda _: None)


def _as_string(value: Any) -> str:
    if isinstance(value, (date, time)):
        return value.isoformat()
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
