"""The unit of work: a chunk's records scored, its rows written or handed back, and what is in them.

`do` is all that a worker runs, in this process, in another, or on another machine: no state but the loaded model,
the same rows for the same chunk.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from detector import storage
from detector.article import Article
from detector.batch import chunks, rows
from detector.batch.chunks import Chunk
from detector.batch.records import Options
from detector.batch.rows import Outcome
from detector.errors import InputError, ModelError
from detector.scoring import Detector
from detector.sources import Failure
from detector.verdict import Verdict

SHOWN = 6  # how many repeated ids are told of by number


class Repeats(NamedTuple):
    """How many rows have the id of an earlier one, and the numbers (from 1) of the first of them."""

    total: int = 0
    first: tuple[int, ...] = ()


@dataclass(slots=True)
class Tally:
    """What has been done so far. `bytes` are those of the records read; `bad` are sources that could not be read."""

    records: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    abstained: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    bad: list[Failure] = field(default_factory=list)
    duplicates: Repeats = field(default_factory=Repeats)  # known at the end

    def count(self, outcome: Outcome) -> None:
        self.records += 1
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
        self.bytes += other.bytes
        self.bad += other.bad

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; `from_dict` reads it."""
        return {
            "records": self.records,
            "labels": dict(sorted(self.labels.items())),
            "abstained": dict(sorted(self.abstained.items())),
            "errors": dict(sorted(self.errors.items())),
            "bytes": self.bytes,
            "bad": [[f.id, f.code, f.message] for f in self.bad],
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Tally:
        return cls(
            given["records"],
            Counter(given["labels"]),
            Counter(given["abstained"]),
            Counter(given["errors"]),
            given["bytes"],
            [Failure(*f) for f in given["bad"]],
        )


class Task(NamedTuple):
    """A chunk, and all that a worker needs to know of the run."""

    number: int
    chunk: Chunk
    options: Options
    types: Mapping[str, Any]  # of kept Parquet columns
    part: str | None  # where its rows go; None hands them back
    model: str | None  # a folder; None is the shipped one
    sources: str | None  # an index of sources, to trace articles in
    judge_id: str | None  # Detector.id; None scores nothing: a dry run
    base: str  # where relative paths start; empty where the worker's own folder will do


class Done(NamedTuple):
    """What became of a task."""

    number: int
    input: str  # the chunk's digest
    position: int
    tally: Tally
    ids: bytes  # eight bytes for each record, to find duplicates by
    size: int
    digest: str  # of the rows
    rows: bytes | None
    remarks: tuple[tuple[str, str], ...]  # id and what had to be guessed


def do(task: Task, detector: Detector | None = None) -> Done:
    """Scores a chunk. A record that cannot be scored is an error row, and so is a document that cannot be read.

    Raises OSError where a record file cannot be read any more, or rows cannot be written; ModelError where this
    worker's model is another one.
    """
    if task.judge_id is not None:
        detector = detector or load(task.model, task.sources, task.judge_id)
    tally, written, ids, remarks = Tally(), list[Mapping[str, Any]](), bytearray(), list[tuple[str, str]]()

    def remember(id: str, remark: str) -> None:
        remarks.append((id, remark))

    if task.chunk.bad is not None:
        tally.bad.append(task.chunk.bad)
    else:
        # Read, scored and written some at a time: a text and its measures are not kept until the chunk is done.
        held = deque[tuple[int, Mapping[str, Any], int]]()

        def given() -> Iterator[Article | Failure]:
            for number, record, size in chunks.read_chunk(task.chunk, task.options, remember, task.base):
                held.append((number, record.fields, size))
                yield record.given

        for outcome in score_all(detector, given()):
            number, fields, size = held.popleft()
            tally.bytes += size
            if outcome is None:  # a dry run finds nothing wrong with it
                tally.records += 1
                continue
            if isinstance(outcome, Failure) and number:
                outcome = Failure(outcome.id, outcome.code, f"line {number}: {outcome.message}")
            tally.count(outcome)
            ids += _digest(outcome.id or "")
            if detector is not None:
                written.append(rows.to_fields(outcome, fields, task.options))
    data = rows.encode(written, task.options, task.types) if detector is not None else b""
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    if task.part is not None:
        # A part that is lost with its name is seen to be missing, and done again.
        with storage.writing(storage.place(task.part, task.base), lasting=False) as sink:
            sink.write(data)
    return Done(
        number=task.number,
        input=task.chunk.digest,
        position=task.chunk.position,
        tally=tally,
        ids=bytes(ids),
        size=len(data),
        digest=digest,
        rows=data if task.part is None else None,
        remarks=tuple(remarks),
    )


def score_all(detector: Detector | None, given: Iterable[Article | Failure]) -> Iterator[Outcome | None]:
    """The outcome of each, in order; without a detector None for an article that nothing is wrong with."""
    known = deque[Failure | None]()  # None: it is being scored

    def sound() -> Iterator[Article]:
        for one in given:
            if isinstance(one, Article) and one.folded:
                known.append(None)
                yield one
            else:
                known.append(one if isinstance(one, Failure) else Failure(one.id or "", "empty", EMPTY))

    for verdict in sound() if detector is None else detector.score_many(sound(), at_hand=True):
        while (failure := known.popleft()) is not None:
            yield failure
        yield verdict if isinstance(verdict, Verdict) else None
    yield from known


EMPTY = "the text is empty: there is nothing to score"


def score_one(detector: Detector, given: Article | Failure) -> Outcome:
    """The verdict on an article, or why there is none."""
    if isinstance(given, Failure):
        return given
    try:
        return detector.score(given)
    except InputError as e:
        return Failure(given.id or "", e.code, str(e))


@lru_cache(maxsize=1)
def load(model: str | None, sources: str | None, judge_id: str) -> Detector:
    """The detector, loaded once a process. Raises ModelError if it is not the one that the run began with."""
    index = None
    if sources is not None:
        from detector.trace import Index  # read only where sources are given

        index = Index.load(sources)
    detector = Detector.load(model, sources=index)
    if detector.id != judge_id:
        raise ModelError(f"the model or index became {detector.id} while {judge_id} was in use: start the run again")
    return detector


def _digest(id: str) -> bytes:
    # Python's own hash differs from process to process.
    return hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
