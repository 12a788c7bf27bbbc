"""Many records: JSONL in, JSONL out, one line for each line, in order, with the same bytes for any number of jobs.

`score_chunk` is the unit of work: bytes in, bytes out, no state but the loaded model. Whatever spreads chunks over
processes or machines calls it and puts the results back in order.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from detector.article import MAX_CHARS, Article
from detector.errors import InputError, ModelError, UsageError
from detector.report import to_row
from detector.scoring import Detector
from detector.sources import Failure
from detector.verdict import Verdict

Outcome = Verdict | Failure

CONTRIBUTIONS = 8  # how many a row carries unless asked for more
CHUNK_LINES = 64
CHUNK_BYTES = 4 << 20
# JSON writes a character in at most 12 bytes (two \uXXXX escapes), so any text within the limit fits, with its fields.
MAX_LINE_BYTES = 12 * MAX_CHARS + (8 << 20)


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked for; `contributions` is how many a row carries (None: all)."""

    text_field: str = "text"
    id_field: str = "id"
    contributions: int | None = CONTRIBUTIONS


class Chunk(NamedTuple):
    """Consecutive lines, the first of them with its number (from 1); None stands for one over MAX_LINE_BYTES."""

    first: int
    lines: list[bytes | None]


@dataclass(slots=True)
class Tally:
    """What a run has done so far. `ids` holds eight bytes for each record, to tell duplicates at the end."""

    records: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    abstained: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    ids: array[int] = field(default_factory=lambda: array("Q"))

    def count(self, outcome: Outcome) -> None:
        self.records += 1
        self.ids.append(int.from_bytes(_digest(outcome.id or ""), "little"))
        if isinstance(outcome, Failure):
            self.errors[outcome.code] += 1
        elif outcome.label is not None:
            self.labels[outcome.label] += 1
        else:
            self.abstained[outcome.abstained_because or "unknown"] += 1

    def add(self, other: Tally) -> None:
        self.records += other.records
        self.labels += other.labels
        self.abstained += other.abstained
        self.errors += other.errors
        self.ids += other.ids

    def duplicates(self) -> list[int]:
        """The numbers (from 1) of the records whose id an earlier record has."""
        ids = np.frombuffer(self.ids, dtype=np.uint64)
        order = np.argsort(ids, kind="stable")
        repeated = order[1:][ids[order[1:]] == ids[order[:-1]]]
        return [int(i) + 1 for i in np.sort(repeated)]


class Scored(NamedTuple):
    """A chunk's output lines, and what is in them."""

    rows: bytes
    tally: Tally


def _digest(id: str) -> bytes:
    # Python's own hash differs from process to process.
    return hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def score_one(detector: Detector, given: Article | Failure) -> Outcome:
    """The verdict on an article, or why there is none."""
    if isinstance(given, Failure):
        return given
    try:
        return detector.score(given)
    except InputError as e:
        return Failure(given.id or "", e.code, str(e))


def run(
    detector: Detector,
    source: BinaryIO,
    sink: BinaryIO,
    options: Options,
    jobs: int = 1,
    model: str | None = None,
) -> Iterator[Tally]:
    """The tally so far, after each chunk that was written to `sink`; the last one is the whole run's.

    Args:
        detector: the loaded model; with several jobs every process loads its own and refuses any other.
        source: lines of JSON.
        sink: takes the rows.
        jobs: how many processes score; 1 scores in this one.
        model: where the processes load the model from, if not the default.
    """
    total = Tally()
    for rows, tally in _score_chunks(detector, read_chunks(source), options, jobs, model):
        sink.write(rows)
        total.add(tally)
        yield total
    if not total.records:
        yield total


def _score_chunks(
    detector: Detector, chunks: Iterator[Chunk], options: Options, jobs: int, model: str | None
) -> Iterable[Scored]:
    if jobs == 1:
        return (score_chunk(detector, chunk, options) for chunk in chunks)
    from joblib import Parallel, delayed

    work = (delayed(_score_elsewhere)(chunk, options, model, detector.model.id) for chunk in chunks)
    # One task a chunk and two in flight a process: memory stays bounded, and results come back in order.
    spread: Iterable[Scored] = Parallel(n_jobs=jobs, return_as="generator", batch_size=1, pre_dispatch="2*n_jobs")(work)
    return spread


def _score_elsewhere(chunk: Chunk, options: Options, model: str | None, model_id: str) -> Scored:
    return score_chunk(_load(model, model_id), chunk, options)


@lru_cache(maxsize=1)
def _load(model: str | None, model_id: str) -> Detector:
    detector = Detector.load(model)
    if detector.model.id != model_id:
        raise ModelError(f"the model became {detector.model.id} while {model_id} was in use: start the run again")
    return detector


def read_chunks(source: BinaryIO) -> Iterator[Chunk]:
    """The lines of `source` in chunks of at most CHUNK_LINES lines and little more than CHUNK_BYTES."""
    first, lines, size = 1, list[bytes | None](), 0
    for line in _read_lines(source):
        lines.append(line)
        size += len(line or b"")
        if len(lines) == CHUNK_LINES or size >= CHUNK_BYTES:
            yield Chunk(first, lines)
            first, lines, size = first + len(lines), [], 0
    if lines:
        yield Chunk(first, lines)


def _read_lines(source: BinaryIO) -> Iterator[bytes | None]:
    line = source.readline(MAX_LINE_BYTES + 1).removeprefix(b"\xef\xbb\xbf")
    while line:
        if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            while line and not line.endswith(b"\n"):
                line = source.readline(1 << 20)
            yield None
        else:
            yield line
        line = source.readline(MAX_LINE_BYTES + 1)


def score_chunk(detector: Detector, chunk: Chunk, options: Options) -> Scored:
    """One output line for each line of the chunk, in order."""
    rows, tally = [], Tally()
    for number, line in enumerate(chunk.lines, chunk.first):
        outcome = score_one(detector, read_record(line, number, options))
        if isinstance(outcome, Failure):
            outcome = Failure(outcome.id, outcome.code, f"line {number}: {outcome.message}")
        tally.count(outcome)
        rows.append(to_row(outcome, options.contributions) + "\n")
    return Scored("".join(rows).encode(), tally)


def read_record(line: bytes | None, number: int, options: Options) -> Article | Failure:
    """The article that one line of JSON holds, or why it holds none; its id is its id field, else its line number."""
    id = str(number)
    try:
        record = _parse(line)
        id = _record_id(record.get(options.id_field), number)
        if options.text_field not in record:
            known = ", ".join(sorted(name[:40] for name in record)[:10]) or "none"
            raise InputError(
                f"no field {options.text_field!r} (its fields: {known}): name the text's with --text-field",
                "missing_field",
            )
        text = record[options.text_field]
        if not isinstance(text, str):
            kind = _KINDS.get(type(text), "no string")
            raise InputError(f"field {options.text_field!r} is {kind}, not a string: put the text there", "not_text")
        return Article(text, id)
    except InputError as e:
        return Failure(id, e.code, str(e))


_NUMBER = "a number"
_KINDS = {type(None): "null", bool: "true or false", int: _NUMBER, float: _NUMBER, list: "a list", dict: "an object"}


def _parse(line: bytes | None) -> dict[str, Any]:
    if line is None:
        raise InputError(f"more than {MAX_LINE_BYTES:,} bytes: split the text into articles", "too_long")
    if not line.strip():
        raise InputError("blank: remove it, or put a record there", "malformed_json")
    try:
        record = json.loads(line.decode("utf-8").rstrip("\r\n"))
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


def _record_id(given: Any, number: int) -> str:
    if isinstance(given, str):
        return given
    return str(number) if given is None else json.dumps(given, ensure_ascii=False)


@contextlib.contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """A stream whose bytes stand at `path` when the block ends, all of them or (if it raises) none.

    They go to a temporary file beside `path`, which is synced and renamed; a pipe or device is written directly.

    Raises UsageError where `path` cannot be written.
    """
    target = os.path.realpath(path)  # a link stays a link
    special = os.path.exists(target) and not os.path.isfile(target)
    folder, name = os.path.split(target)
    partial = target if special else os.path.join(folder, f".{name}.{os.getpid()}.part")
    try:
        sink = open(partial, "wb")  # noqa: SIM115 - closed below, before the rename
    except OSError as e:
        raise UsageError(f"{path} cannot be written ({e.strerror}): choose another --output") from None
    if special:
        with sink:
            yield sink
        return
    try:
        with sink:
            yield sink
            sink.flush()
            os.fsync(sink.fileno())
        os.replace(partial, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Makes a rename outlast a power cut, where folders can be synced (Windows has no such thing)."""
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
