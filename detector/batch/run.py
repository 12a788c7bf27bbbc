"""A run that loses nothing: parts written whole, a manifest of what is done, and one file joined from them at the end.

Beside OUT stands OUT.run until OUT is complete: `run.json` says what the run is (input, options, model), `done.jsonl`
has a line for each finished chunk, in order, `parts` their rows, `ids` eight bytes for each record. Whoever dies,
whenever: a chunk is done when its line is there and its part has the size that the line says; everything else is done
again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from detector import __version__, storage
from detector.batch import chunks, columns, engines, rows
from detector.batch.chunks import Chunk, Identity, Inputs
from detector.batch.engines import WorkerError
from detector.batch.records import Options
from detector.batch.work import SHOWN, Done, Repeats, Tally, Task
from detector.errors import DetectorError, UsageError
from detector.scoring import Detector
from detector.sources import STDIN, Note
from detector.storage import is_special

__all__ = ["Job", "Progress", "StoppedError", "WorkerError", "run", "survey"]

FORMAT = 1
_IDS_AT_ONCE = 1 << 17  # so many ids are compared at a time, however many there are


class StoppedError(DetectorError):
    """More errors than --max-errors allows; what is done is kept."""

    code = "max_errors"


@dataclass(frozen=True, slots=True)
class Job:
    """A batch run as it was asked for."""

    paths: tuple[str, ...]
    output: str
    options: Options = field(default_factory=Options)
    kind: str | None = None  # of all inputs; None goes by their names
    jobs: int = 1
    engine: str = "local"
    address: str | None = None
    model: str | None = None
    sources: str | None = None  # an index of sources
    folder: str | None = None  # the run directory; None is OUT.run
    summary: str | None = None  # what else is written, and so never read
    resume: bool = False  # refuse to begin
    restart: bool = False  # forget what an earlier run did
    max_errors: float | None = None
    max_error_share: float | None = None

    @property
    def streams(self) -> bool:
        """Whether rows go straight to a pipe or device, where nothing can be resumed."""
        return self.output == STDIN or is_special(self.output)

    @property
    def inputs(self) -> Inputs:
        """What is read, its own output left out."""
        own = () if self.streams else (self.output, self.parts_folder, self.run_folder)
        return Inputs(self.paths, self.kind, own + ((self.summary,) if self.summary else ()))

    @property
    def run_folder(self) -> str:
        if self.folder:
            return self.folder
        return f"{self.output.rsplit('/', 1)[-1]}.run" if storage.is_url(self.output) else f"{self.output}.run"

    @property
    def parts_folder(self) -> str:
        """Where the rows of each chunk stand: in the store that OUT is in."""
        return f"{self.output}.parts" if storage.is_url(self.output) else f"{self.run_folder}/parts"


@dataclass(slots=True)
class Progress:
    """How far a run is. `position` of `bytes` of input are read (0: unknown); `resumed` records were done before."""

    tally: Tally
    bytes: int
    position: int = 0
    resumed: int = 0


def run(
    job: Job, detector: Detector, stdin: BinaryIO | None, stdout: BinaryIO | None, note: Note
) -> Generator[Progress, None, None]:
    """How far the run is, after each chunk; the last one when the output is whole.

    Raises UsageError where the job makes no sense or does not fit the run that it would resume, StoppedError beyond
    the errors allowed, OSError where reading or writing breaks off. All but the first can be resumed.
    """
    _check_targets(job)
    identity = chunks.identify(job.inputs)
    options, types = columns.settle(job.options, identity, job.kind)
    job = replace(job, options=options)
    if job.streams:
        yield from _stream(job, identity, types, detector, stdin, stdout, note)
    else:
        yield from _keep(job, identity, types, detector, stdin, note)


def _check_targets(job: Job) -> None:
    """Raises UsageError where what is written would replace articles that are read, or stand in the run directory.

    What is there and holds no articles, or detector's own rows, was written by an earlier run.
    """
    targets = [target for target in (job.output, job.summary) if target and target != STDIN and not is_special(target)]
    inside = f"{os.path.realpath(job.run_folder)}/"
    for target in targets:
        if not job.streams and not storage.is_url(target) and os.path.realpath(target).startswith(inside):
            raise UsageError(f"{target} stands in the run directory, which goes when all is done: name another place")
    there = [target for target in targets if storage.is_url(target) or os.path.exists(target)]
    if not there:
        return
    for path in Inputs(job.paths, job.kind).files():
        for target in there:
            if (
                isinstance(path, str)
                and storage.are_same(path, target)
                and chunks.holds_articles(path, job.kind, job.options)
            ):
                raise UsageError(
                    f"{target} is among the inputs and holds articles: name another file for what is written"
                )


def survey(job: Job, stdin: BinaryIO | None, note: Note) -> Generator[Progress, None, None]:
    """Reads everything, scores and writes nothing: how far it is, after each chunk."""
    _check_targets(job)
    identity = chunks.identify(job.inputs)
    options, _ = columns.settle(job.options, identity, job.kind)
    progress, ids = Progress(Tally(), identity.bytes), Ids(None)
    cut = chunks.cut(job.inputs, options, stdin)
    tasks = (Task(i, chunk, options, {}, None, None, None, None, "") for i, chunk in enumerate(cut))
    for done in engines.spread(tasks, None, 1):
        _add(progress, ids, done, note)
        yield progress
    progress.tally.duplicates = ids.duplicates()
    yield progress


def _tasks(
    job: Job, cut: Iterator[Chunk], types: Mapping[str, Any], judge_id: str | None, begin: int, parts: str | None
) -> Iterator[Task]:
    model, index, base = job.model, job.sources, ""
    if job.engine != "local":  # another machine's working folder is another
        model, index, base = model and os.path.abspath(model), index and os.path.abspath(index), os.getcwd()
    for i, chunk in enumerate(cut, begin):
        part = parts and f"{parts}/{part_name(i)}"
        yield Task(i, chunk, job.options, types, part, model, index, judge_id, base)


def part_name(index: int) -> str:
    return f"{index:09d}"


def _add(progress: Progress, ids: Ids, done: Done, note: Note) -> None:
    for remark in done.remarks:
        note(*remark)
    for failure in done.tally.bad:
        note(failure.id, failure.message)
    progress.tally.add(done.tally)
    progress.position = done.position
    ids.add(done.ids)


def _check_errors(job: Job, tally: Tally, over: bool) -> None:
    """Raises StoppedError beyond the errors that the job allows; a share is taken of 1,000 records at least."""
    errors = sum(tally.errors.values()) + len(tally.bad)
    most = job.max_errors
    if job.max_error_share is not None and (over or tally.records >= 1000):
        most = job.max_error_share * tally.records
    if most is not None and errors > most:
        raise StoppedError(f"stopped: {errors:,} errors in {tally.records:,} records are more than --max-errors allows")


def _check_unchanged(job: Job, identity: Identity, manifest: Manifest, note: Note) -> None:
    """Raises UsageError where the input is no longer what was scored; what was only added to it later is told of."""
    now = chunks.identify(job.inputs)
    if now == identity:
        return
    same = set(map(tuple, now.records))
    changed = next((r[0] for r in identity.records if tuple(r) not in same), "the input")
    grew = now.bytes > identity.bytes
    options = replace(job.options, limit=manifest.tally.records) if grew else job.options
    if [chunk.digest for chunk in chunks.cut(job.inputs, options, None)] != list(manifest.digests()):
        raise UsageError(f"{changed} changed while it was read: begin anew with --restart")
    note(changed, "was written to while it was read: what came too late is not scored")


def _stream(
    job: Job,
    identity: Identity,
    types: Mapping[str, Any],
    detector: Detector,
    stdin: BinaryIO | None,
    stdout: BinaryIO | None,
    note: Note,
) -> Iterator[Progress]:
    if job.options.form == "parquet":
        raise UsageError("Parquet cannot be written to a pipe: name a file")
    if job.engine != "local":
        raise UsageError(f"--engine {job.engine} writes to shared storage, not to a pipe: name a file")
    if job.resume:
        raise UsageError("what goes to a pipe cannot be resumed: name a file with --output")
    progress, ids = Progress(Tally(), identity.bytes), Ids(None)
    cut = chunks.cut(job.inputs, job.options, stdin, eager=job.jobs == 1)
    tasks = _tasks(job, cut, types, detector.id, 0, None)
    with contextlib.ExitStack() as stack:
        if job.output == STDIN:
            assert stdout is not None, "the command line checks it"
            sink = stdout
        else:
            sink = stack.enter_context(storage.writing(job.output))
        work = stack.enter_context(contextlib.closing(engines.spread(tasks, detector, job.jobs)))
        sink.write(rows.head(job.options))
        for done in work:
            sink.write(done.rows or b"")
            sink.flush()
            _add(progress, ids, done, note)
            _check_errors(job, progress.tally, over=False)
            yield progress
    _check_errors(job, progress.tally, over=True)
    progress.tally.duplicates = ids.duplicates()
    yield progress


def _keep(
    job: Job, identity: Identity, types: Mapping[str, Any], detector: Detector, stdin: BinaryIO | None, note: Note
) -> Iterator[Progress]:
    with _locked(job) as folder:
        storage.try_writing(job.output)
        parts = job.parts_folder
        _begin(job, folder, parts, _describe(job, identity, detector))
        with Manifest(folder, parts) as manifest:
            progress = Progress(manifest.tally, identity.bytes, resumed=manifest.tally.records)
            cut = chunks.cut(job.inputs, job.options, stdin)
            for expected in manifest.digests():
                chunk = next(cut, None)
                if chunk is None or chunk.digest != expected:
                    raise UsageError(
                        f"the input is not what it was when {folder} began (chunk by chunk): put it back, or begin "
                        "anew with --restart"
                    )
                progress.position = chunk.position
            yield progress
            _check_errors(job, progress.tally, over=False)
            tasks = _tasks(job, cut, types, detector.id, manifest.n_done, parts)
            work = engines.spread(tasks, detector, job.jobs, job.engine, job.address)
            with contextlib.closing(work):
                for done in work:
                    _add(progress, manifest.ids, done, note)
                    manifest.add(done)
                    _check_errors(job, progress.tally, over=False)
                    yield progress
            _check_errors(job, progress.tally, over=True)
            _check_unchanged(job, identity, manifest, note)
            progress.tally.duplicates = manifest.ids.duplicates()
            if progress.tally.records or not progress.tally.bad:  # else what stands there is worth more than nothing
                with storage.writing(job.output) as sink:
                    rows.join(manifest.parts(), sink, job.options, types)
        if storage.is_url(parts):
            storage.remove_folder(parts)
        _clear(folder)
    yield progress


@contextlib.contextmanager
def _locked(job: Job) -> Iterator[Path]:
    """The run directory, held by this process alone; the lock goes with the process, however that ends.

    Raises UsageError where another run holds it.
    """
    folder = Path(job.run_folder)
    if other := _not_ours(folder):
        raise UsageError(f"{folder} holds {other}, which no run wrote: choose another --run-dir")
    if job.resume and not (folder / "run.json").exists():
        raise UsageError(f"there is nothing to resume: {folder} holds no run; leave --resume out to begin one")
    while True:
        storage.make_folder(str(folder))
        try:
            lock = open(folder / "lock", "ab")  # noqa: SIM115 - held to the end
        except OSError as e:
            raise UsageError(f"{folder} cannot be written ({e.strerror}): name another place for it") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise UsageError(
                f"another run holds {folder}: wait for its end, or choose another --output or --run-dir"
            ) from None
        # the run that had the lock may have ended, and removed its folder, between the two calls
        with contextlib.suppress(OSError):
            if os.stat(folder / "lock").st_ino == os.fstat(lock.fileno()).st_ino:
                break
        lock.close()
    with lock:
        yield folder


_OURS = re.compile(r"run\.json|done\.jsonl|ids|lock|parts|parts/\d{9}|(?:parts/)?\.[^/]+\.\d+\.part")


def _not_ours(folder: Path) -> str | None:
    """Something in a run directory that no run wrote, if there is any: such a folder is never touched."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return next((name for name in names if not _OURS.fullmatch(name)), None)


def _clear(folder: Path) -> None:
    """Removes a run directory, but nothing that no run wrote."""
    if _not_ours(folder) is None:
        storage.remove_folder(str(folder))


def _describe(job: Job, identity: Identity, detector: Detector) -> dict[str, Any]:
    described = {
        "format": FORMAT,
        "detector": __version__,
        "model": detector.id,
        "inputs": list(job.paths),
        "kind": job.kind,
        "options": asdict(job.options),
        "identity": asdict(identity),
    }
    written: dict[str, Any] = json.loads(json.dumps(described))
    return written


def _begin(job: Job, folder: Path, parts: str, described: dict[str, Any]) -> None:
    """Makes the run directory fit the job: begun now, or by the same run. Raises UsageError where it is another's."""
    try:
        found = json.loads((folder / "run.json").read_bytes())
    except FileNotFoundError:
        found = None
    except ValueError:
        raise UsageError(f"{folder / 'run.json'} is damaged: begin anew with --restart") from None
    if found is None or job.restart:
        for name in ("run.json", "done.jsonl", "ids"):
            (folder / name).unlink(missing_ok=True)
        storage.remove_folder(parts)
        storage.make_folder(parts)
        with storage.writing(str(folder / "run.json")) as sink:
            sink.write(json.dumps(described, indent=1).encode())
    elif found != described:
        raise UsageError(
            f"{folder} holds an unfinished run with {_difference(found, described)}: give the same again, or begin "
            "anew with --restart"
        )
    else:
        storage.make_folder(parts)


_NAMES = {"detector": "version of detector", "kind": "--from", "form": "--to", "compression": "ending of OUT"}


def _difference(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    for key in now:
        if key == "identity" and then.get("inputs") == now["inputs"]:
            files = {path: (size, stamp) for path, size, stamp in then["identity"]["records"]}
            for path, size, stamp in now["identity"]["records"]:
                if path in files and files[path] != (size, stamp):
                    return f"another {path} (it had {files[path][0]:,} bytes, now {size:,}, or was written since)"
            return "other input files"
        if key == "options":
            for option, value in now["options"].items():
                was = then["options"].get(option)
                if was != value:
                    return f"another {_NAMES.get(option, '--' + option.replace('_', '-'))} ({was!r}, now {value!r})"
        elif then.get(key) != now[key]:
            return f"another {_NAMES.get(key, key)} ({then.get(key)!r}, now {now[key]!r})"
    return "other options"


class Manifest:
    """What is done of a run: a prefix of its chunks, each with a part; whatever a crash left behind it is cut off."""

    def __init__(self, folder: Path, parts: str) -> None:
        self.n_done, self.tally = 0, Tally()
        self._parts, self._path = parts, folder / "done.jsonl"
        self._read(folder / "ids")
        self._file = open(self._path, "ab")  # noqa: SIM115 - closed by __exit__
        self.ids = Ids(folder / "ids")

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.ids.close()

    def _read(self, ids: Path) -> None:
        sizes, known = storage.sizes(self._parts), ids.stat().st_size if ids.exists() else 0
        for path in (self._path, ids):
            path.touch()
        n_ids, end = 0, 0
        with open(self._path, "r+b") as file:
            for line in file:
                try:
                    row = json.loads(line)
                except ValueError:
                    break
                whole = line.endswith(b"\n") and row["chunk"] == self.n_done
                if not whole or sizes.get(part_name(self.n_done)) != row["size"] or known < n_ids + row["ids"]:
                    break
                self.n_done += 1
                self.tally.add(Tally.from_dict(row["tally"]))
                n_ids += row["ids"]
                end += len(line)
            file.truncate(end)
        os.truncate(ids, n_ids)

    def _rows(self) -> Iterator[dict[str, Any]]:
        with open(self._path, "rb") as file:
            for _, line in zip(range(self.n_done), file, strict=False):
                yield json.loads(line)

    def digests(self) -> Iterator[str]:
        """The digest of each finished chunk's input."""
        return (row["input"] for row in self._rows())

    def add(self, done: Done) -> None:
        row = {
            "chunk": done.number,
            "input": done.input,
            "size": done.size,
            "digest": done.digest,
            "ids": len(done.ids),
            "tally": done.tally.to_dict(),
        }
        # Its part is synced already. If this line is lost with the power, the chunk is done again, to the same bytes.
        self._file.write(json.dumps(row).encode() + b"\n")
        self._file.flush()
        self.n_done += 1

    def parts(self) -> Iterator[bytes]:
        """The rows of each chunk, in order. Raises UsageError where they are not those that were written."""
        for row in self._rows():
            path = f"{self._parts}/{part_name(row['chunk'])}"
            with storage.open_binary(path) as file:
                data = file.read()
            if hashlib.blake2b(data, digest_size=16).hexdigest() != row["digest"]:
                raise UsageError(f"{path} is not what was written there: begin anew with --restart")
            yield data


class Ids:
    """Digests of all ids, on disk: memory does not grow with the records."""

    def __init__(self, path: Path | None) -> None:
        self._file: Any = open(path, "a+b") if path else tempfile.TemporaryFile()  # noqa: SIM115 - closed with it

    def add(self, ids: bytes) -> None:
        self._file.write(ids)
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def duplicates(self) -> Repeats:
        """The records whose id an earlier record has, by number from 1."""
        self._file.seek(0, os.SEEK_END)
        n = self._file.tell() // 8
        passes = max(1, -(-n // _IDS_AT_ONCE))
        total, first = 0, list[int]()
        for residue in range(passes):
            ids, numbers = self._share(passes, residue)
            order = np.argsort(ids, kind="stable")
            repeated = np.sort(numbers[order[1:][ids[order[1:]] == ids[order[:-1]]]])
            total += len(repeated)
            first = sorted([*first, *(int(i) + 1 for i in repeated[:SHOWN])])[:SHOWN]
        return Repeats(total, tuple(first))

    def _share(self, passes: int, residue: int) -> tuple[Any, Any]:
        self._file.seek(0)
        ids, numbers, begin = [], [], 0
        while block := self._file.read(8 * _IDS_AT_ONCE):
            values = np.frombuffer(block, dtype="<u8")
            mine = np.flatnonzero(values % passes == residue)
            ids.append(values[mine])
            numbers.append(mine + begin)
            begin += len(values)
        if not ids:
            return np.zeros(0, dtype="<u8"), np.zeros(0, dtype=np.int64)
        return np.concatenate(ids), np.concatenate(numbers)
