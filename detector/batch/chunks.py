"""Inputs cut into chunks: which files there are, what kind each is, and where each chunk's records stand.

A chunk says where its records are, so that a worker reads them itself; what cannot be read from the middle
(compressed files, Parquet, standard input) travels with its chunk.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

from detector import sources, storage
from detector.article import Article
from detector.batch.records import BOM, MAX_LINE_BYTES, Options, Record, from_fields, read_csv, read_json, split_csv
from detector.errors import InputError, UsageError
from detector.sources import PAGES, STDIN, Failure
from detector.storage import Read
from detector.verdict import SCHEMA

CHUNK_BYTES = 4 << 20
DOCUMENTS = 64  # files a chunk
KINDS = {
    **sources.RECORDS,
    **dict.fromkeys((*sources.SUFFIXES, *PAGES), "document"),
}
SEARCHED = tuple(chain.from_iterable((k, f"{k}.gz", f"{k}.zst") for k in KINDS))
SEPARATORS = {"csv": ",", "tsv": "\t"}


class Line(NamedTuple):
    """A record's bytes; None if there are more than MAX_LINE_BYTES. Numbers count lines from 1.

    `size` counts from the line `begin`: blank lines before a row of CSV are read with it. `quotes` are those of a line
    that is too long: they say whether a cell of CSV ends in it.
    """

    number: int
    data: bytes | None
    size: int
    begin: int
    quotes: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive records of one source, or consecutive files."""

    source: str
    kind: str
    records: int
    first: int  # the first record's number in its source
    digest: str  # of the bytes it was cut from
    position: int  # bytes of all inputs read up to its end
    start: int = 0
    length: int = 0
    header: tuple[str, ...] = ()
    data: tuple[Line, ...] | bytes | None = None  # what travels
    paths: tuple[str, ...] = ()
    bad: Failure | None = None  # a source that could not be read, or not to its end


def kind_of(path: str, given: str | None = None) -> str:
    """jsonl, csv, tsv, parquet or document, by the name; a name that says nothing is jsonl."""
    if given:
        return given
    name = path.lower().removesuffix(".gz").removesuffix(".zst")
    return KINDS.get(os.path.splitext(name)[1], "jsonl")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is read: files, folders, globs, URLs, `-` for stdin. `kind` is that of all, None to go by their names.

    What stands at `but` is left out: a run's own output may stand in a folder that it reads.
    """

    paths: tuple[str, ...]
    kind: str | None = None
    but: tuple[str, ...] = ()

    def files(self) -> Iterator[str | Failure]:
        """The files that there are, in order, one at a time."""
        own = tuple(f"{storage.spell(path)}/" for path in self.but)
        for given in self.paths:
            expand = sources.expand_url if storage.is_url(given) else sources.expand
            for path in expand(given, SEARCHED):
                if isinstance(path, Failure) or not f"{storage.spell(path)}/".startswith(own):
                    yield path


@dataclass(frozen=True, slots=True)
class Identity:
    """What a run reads, as far as it can be told without reading it."""

    files: int
    bytes: int
    digest: str
    records: list[list[Any]] = field(default_factory=list)  # path, size and stamp of each file of records
    pages: bool = False  # whether any file is HTML or Markdown


def identify(inputs: Inputs) -> Identity:
    """The identity of `inputs`; files that cannot be found are part of it.

    Raises InputError where none can.
    """
    failure: Failure | None = None
    files, total, records, pages = 0, 0, list[list[Any]](), False
    digest = hashlib.blake2b(digest_size=16)
    for path in inputs.files():
        name, size, stamp = (path.id, 0, path.code) if isinstance(path, Failure) else (path, *_stamp(path))
        total += size
        digest.update(f"{name}\0{size}\0{stamp}\n".encode("utf-8", "surrogatepass"))
        if isinstance(path, Failure):
            failure = failure or path
            continue
        if stamp in _GONE:
            failure = failure or Failure(path, "not_found", "no such file or folder: check the path")
            continue
        files += 1
        if kind_of(path, inputs.kind) == "document":
            pages = pages or sources.is_page(path)
        else:
            records.append([path, size, stamp])
    if failure and not files:
        raise InputError(f"{failure.id}: {failure.message}", failure.code)
    return Identity(files, total, digest.hexdigest(), records, pages)


_GONE = (FileNotFoundError.__name__, NotADirectoryError.__name__)


def _stamp(path: str) -> tuple[int, str]:
    if path == STDIN:
        return 0, "piped"
    try:
        return storage.identify(path)
    except OSError as e:
        return 0, type(e).__name__


def cut(inputs: Inputs, options: Options, stdin: BinaryIO | None, eager: bool = False) -> Iterator[Chunk]:
    """The chunks of `inputs`, in order; always the same ones for the same bytes and options.

    Args:
        inputs: what is cut.
        options: how many records a chunk holds, which are sampled, how many there are at most.
        stdin: what `-` reads.
        eager: cut where stdin pauses, so that a slow stream's rows come at once.
    """
    left = options.limit
    before = 0
    documents = list[str]()

    def gathered() -> Iterator[Chunk]:
        if documents:
            yield _document_chunk(documents, before)
            documents.clear()

    for number, path in enumerate(inputs.files(), 1):
        if left == 0:
            break
        if isinstance(path, Failure):
            yield from gathered()
            yield Chunk(path.id, "bad", 0, 0, path.code, before, bad=path)
            continue
        size, kind = _stamp(path)[0], kind_of(path, inputs.kind)
        if kind == "document":
            before += size
            if is_sampled(number, options.sample):
                documents.append(path)
                left = None if left is None else left - 1
            if len(documents) == DOCUMENTS:
                yield from gathered()
            continue
        yield from gathered()
        for chunk in _cut_source(path, kind, options, left, before, stdin, eager):
            left = None if left is None else left - chunk.records
            yield chunk
        before += size
    yield from gathered()


def is_sampled(number: int, share: float) -> bool:
    """Whether a record is in the sample; the same ones in every run."""
    if share >= 1:
        return True
    digest = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=8).digest()
    return int.from_bytes(digest, "little") < share * 2**64


def _document_chunk(paths: list[str], position: int) -> Chunk:
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        size, stamp = _stamp(path)
        digest.update(f"{path}\0{size}\0{stamp}\n".encode("utf-8", "surrogatepass"))
    return Chunk(paths[0], "document", len(paths), 1, digest.hexdigest(), position, paths=tuple(paths))


def _cut_source(
    path: str, kind: str, options: Options, left: int | None, before: int, stdin: BinaryIO | None, eager: bool
) -> Iterator[Chunk]:
    done = 0
    try:
        cutter = _cut_parquet if kind == "parquet" else _cut_lines
        for chunk in cutter(path, kind, options, left, before, stdin, eager):
            done += chunk.records
            yield chunk
    except (OSError, InputError) as e:
        failure = sources.unreadable(path, e) if isinstance(e, OSError) else Failure(path, e.code, str(e))
        if done:
            failure = Failure(path, failure.code, f"{failure.message} (its first {done:,} records were read)")
        yield Chunk(path, "bad", 0, done + 1, failure.code, before, bad=failure)


def _cut_lines(
    path: str, kind: str, options: Options, left: int | None, before: int, stdin: BinaryIO | None, eager: bool
) -> Iterator[Chunk]:
    if path == STDIN:
        source = sources.require(stdin)
        read: Read = getattr(source, "read1", source.read)
        yield from _gather(path, kind, options, left, before, read, lambda: 0, True, eager and kind == "jsonl")
    else:
        with storage.reading(path) as (read, tell):
            yield from _gather(path, kind, options, left, before, read, tell, bool(storage.compression(path)), False)


def _gather(
    path: str,
    kind: str,
    options: Options,
    left: int | None,
    before: int,
    read: Read,
    tell: Callable[[], int],
    travels: bool,
    eager: bool,
) -> Iterator[Chunk]:
    header, offset, broken = tuple[str, ...](), 0, list[OSError]()
    groups: Iterable[list[Line]] = split(read)
    if kind in SEPARATORS:
        rows = split_rows(chain.from_iterable(groups), SEPARATORS[kind])
        header, offset = _header(next(rows, None), kind, options)
        groups = ([row] for row in rows)
    held, kept, size, digest = list[Line](), 0, 0, hashlib.blake2b(digest_size=16)

    def chunk() -> Chunk:
        data = tuple(held) if travels else None
        position = before + (tell() if travels else offset + size)
        return Chunk(path, kind, kept, held[0].begin, digest.hexdigest(), position, offset, size, tuple(header), data)

    def readable() -> Iterator[list[Line]]:
        try:
            yield from groups
        except OSError as e:  # what was read before is a chunk first
            broken.append(e)

    for group in readable():
        for line in group:
            if left is not None and left == kept:
                break
            held.append(line)
            kept += is_sampled(line.number, options.sample)
            size += line.size
            digest.update(line.data or str(line.size).encode())
            if len(held) >= options.chunk or size >= CHUNK_BYTES:
                yield chunk()
                left = None if left is None else left - kept
                offset += size
                held, kept, size, digest = [], 0, 0, hashlib.blake2b(digest_size=16)
        if held and (eager or left == kept):
            yield chunk()
            left = None if left is None else left - kept
            offset += size
            held, kept, size, digest = [], 0, 0, hashlib.blake2b(digest_size=16)
        if left == 0:
            return
    if held:
        yield chunk()
    if broken:
        raise broken[0]


def split(read: Read, number: int = 1) -> Iterator[list[Line]]:
    """The lines that each read completed, the last one at the end; one that is too long is never held."""
    held, size, quotes = list[bytes](), 0, 0
    while data := read(1 << 20):
        *ended, rest = data.split(b"\n")
        group = []
        for piece in ended:
            size += len(piece) + 1
            if size <= MAX_LINE_BYTES:
                group.append(Line(number, b"".join((*held, piece, b"\n")), size, number))
            else:
                group.append(Line(number, None, size, number, quotes + piece.count(b'"')))
            held, size, quotes, number = [], 0, 0, number + 1
        if rest:
            size += len(rest)
            quotes += rest.count(b'"')
            held = [*held, rest] if size <= MAX_LINE_BYTES else []
        yield group
    if size:
        short = size <= MAX_LINE_BYTES
        yield [Line(number, b"".join(held), size, number) if short else Line(number, None, size, number, quotes)]


def split_rows(lines: Iterator[Line], separator: str) -> Iterator[Line]:
    """The rows of CSV, each with the lines it spans; blank lines belong to the row after them, or to none.

    Where a quote is opened and what follows is no cell's end, it was a stray one: its line is a row for itself, and the
    lines after it are read anew.
    """
    again, taken = deque[Line](), list[Line]()

    def texts() -> Iterator[str]:
        held = 0
        while (line := again.popleft() if again else next(lines, None)) is not None:
            taken.append(line)
            # quotes and separators are ASCII, so any encoding that keeps bytes shows where rows end
            data = (b'"\n' if line.quotes % 2 else b"x\n") if line.data is None else line.data
            held += len(data)
            if held > MAX_LINE_BYTES and len(data) < held:
                raise csv.Error("no cell that fits")
            yield data.removeprefix(BOM if line.number == 1 else b"").decode("latin-1")

    csv.field_size_limit(MAX_LINE_BYTES)
    while True:
        is_whole = True
        try:
            if not any(csv.reader(texts(), delimiter=separator, strict=True)):  # a blank line has no cells
                return
        except csv.Error:
            is_whole = False
        first = next((i for i, line in enumerate(taken) if line.data is None or line.data.strip()), 0)
        if not is_whole:
            again.extendleft(reversed(taken[first + 1 :]))
            del taken[first + 1 :]
        whole = b"".join(line.data or b"" for line in taken)
        lost = any(line.data is None for line in taken) or len(whole) > MAX_LINE_BYTES
        size = sum(line.size for line in taken)
        yield Line(taken[first].number, None if lost else whole.lstrip(b"\r\n"), size, taken[0].number)
        taken.clear()


def _header(row: Line | None, kind: str, options: Options) -> tuple[tuple[str, ...], int]:
    if row is None or row.data is None:
        raise InputError("it has no header: write the columns' names in its first line", "malformed_csv")
    try:
        header = tuple(split_csv(row.data.removeprefix(BOM).decode("utf-8"), SEPARATORS[kind]))
    except (UnicodeDecodeError, csv.Error):
        raise InputError("its header is no CSV in UTF-8: convert the file", "malformed_csv") from None
    _require_column(header, options)
    return header, row.size


def _require_column(header: Sequence[str], options: Options) -> None:
    if options.text_field not in header:
        known = ", ".join(name[:40] for name in list(header)[:10]) or "none"
        raise InputError(
            f"no column {options.text_field!r} (its columns: {known}): name the text's with --text-field",
            "missing_field",
        )


def columns_of(path: str, kind: str) -> tuple[str, ...]:
    """The names of the columns of a CSV or Parquet file. Raises UsageError if they cannot be read."""
    try:
        if kind == "parquet":
            return tuple(open_parquet(path).schema_arrow.names)
        if path == STDIN:
            raise InputError("its columns are not known before it is read", "unreadable")
        with storage.reading(path) as (read, _):
            rows = split_rows(chain.from_iterable(split(read)), SEPARATORS[kind])
            row = next(rows, None)
            return tuple(split_csv(((row and row.data) or b"").removeprefix(BOM).decode("utf-8"), SEPARATORS[kind]))
    except (OSError, InputError, UnicodeDecodeError, csv.Error) as e:
        raise UsageError(f"{path}: its columns cannot be read ({e}): name the fields to --keep") from None


def open_parquet(path: str) -> Any:
    """A Parquet file, open. Raises InputError where it is none, UsageError where pyarrow is missing."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError("Parquet needs a library: pip install 'detector[parquet]'") from None
    try:
        return pq.ParquetFile(storage.open_binary(path), pre_buffer=False, buffer_size=1 << 20)
    except pa.ArrowException as e:
        raise InputError(
            f"it is no whole Parquet file ({type(e).__name__}): write it again", "malformed_parquet"
        ) from None


def _cut_parquet(
    path: str, kind: str, options: Options, left: int | None, before: int, stdin: BinaryIO | None, eager: bool
) -> Iterator[Chunk]:
    import pyarrow as pa

    if path == STDIN:
        raise InputError("Parquet cannot be read from a pipe: name the file", "unreadable")
    file, number = open_parquet(path), 1
    size = _stamp(path)[0]
    known = file.schema_arrow.names
    _require_column(known, options)
    names = (
        known
        if options.keep is None
        else [n for n in known if n in {options.text_field, options.id_field, *options.keep}]
    )
    batches = file.iter_batches(options.chunk, columns=names)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as e:
            raise InputError(f"its data is damaged ({type(e).__name__}): write it again", "malformed_parquet") from None
        if batch is None or left == 0:
            return
        sampled = [is_sampled(n, options.sample) for n in range(number, number + len(batch))]
        if left is not None and sum(sampled) > left:
            most = next(i for i in range(len(sampled) + 1) if sum(sampled[:i]) == left)
            batch, sampled = batch.slice(0, most), sampled[:most]
        data = _to_ipc(batch)
        digest = hashlib.blake2b(data, digest_size=16).hexdigest()
        position = before + size * (number + len(batch) - 1) // max(1, file.metadata.num_rows)
        yield Chunk(path, kind, sum(sampled), number, digest, position, header=tuple(names), data=data)
        number += len(batch)
        left = None if left is None else left - sum(sampled)


def _to_ipc(batch: Any) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    written: bytes = sink.getvalue().to_pybytes()
    return written


def read_chunk(chunk: Chunk, options: Options, note: sources.Note, base: str = "") -> Iterator[tuple[int, Record, int]]:
    """Each record of a chunk with its number and its size in bytes. Raises OSError."""
    if chunk.kind == "document":
        for path in chunk.paths:
            given = sources.read_page(path, note, base)
            text = {} if isinstance(given, Failure) else {options.text_field: given.text}
            yield 0, Record(given, {options.id_field: path, **text}), len(getattr(given, "text", ""))
    elif chunk.kind == "parquet":
        yield from _read_parquet(chunk, options)
    else:
        for line in _lines_of(chunk, base):
            if is_sampled(line.number, options.sample):
                if chunk.kind == "jsonl":
                    record = read_json(line.data, line.number, options)
                else:
                    record = read_csv(line.data, line.number, chunk.header, SEPARATORS[chunk.kind], options)
                yield line.number, record, line.size


def _lines_of(chunk: Chunk, base: str) -> Iterator[Line]:
    if isinstance(chunk.data, tuple):
        yield from chunk.data
        return
    with storage.open_binary(storage.place(chunk.source, base)) as source:
        source.seek(chunk.start)
        left = chunk.length

        def read(n: int) -> bytes:
            nonlocal left
            data = source.read(min(n, left))
            left -= len(data)
            return data

        lines = chain.from_iterable(split(read, chunk.first))
        yield from split_rows(lines, SEPARATORS[chunk.kind]) if chunk.kind in SEPARATORS else lines


def _read_parquet(chunk: Chunk, options: Options) -> Iterator[tuple[int, Record, int]]:
    import pyarrow as pa

    assert isinstance(chunk.data, bytes), "Parquet travels"
    (batch,) = pa.ipc.open_stream(chunk.data)
    for number, fields in enumerate(rows_of(batch), chunk.first):
        if is_sampled(number, options.sample):
            record = from_fields(fields, number, options)
            yield number, record, len(getattr(record.given, "text", ""))


def rows_of(batch: Any) -> Iterator[dict[str, Any]]:
    """The rows of an Arrow batch; a string that is not UTF-8 comes as its bytes, and escaped where it is nested."""
    columns = {name: _values(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
    for i in range(len(batch)):
        yield {name: values[i] for name, values in columns.items()}


def _values(column: Any) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        values = [_value(scalar, nested=False) for scalar in column]
    return values


def _value(scalar: Any, nested: bool = True) -> Any:
    """A scalar that Python may have no value for: a string that is not UTF-8, a date after the year 9999."""
    import pyarrow as pa

    with contextlib.suppress(ValueError, OverflowError):
        return scalar.as_py()
    if isinstance(scalar, pa.StructScalar):
        return {f.name: _value(scalar[i]) for i, f in enumerate(scalar.type)}
    if isinstance(scalar, pa.ListScalar):
        values = [_value(v) for v in scalar.values]
        return [tuple(v.values()) for v in values] if isinstance(scalar, pa.MapScalar) else values
    if not hasattr(scalar, "as_buffer"):
        return scalar.value  # a time as its number, which Parquet takes back
    data = scalar.as_buffer().to_pybytes()
    return data.decode("utf-8", "backslashreplace") if nested else data


def holds_articles(path: str, kind: str | None, options: Options) -> bool:
    """Whether one of the first records in a file is an article, and none that stands in a verdict of ours."""
    first = replace(options, limit=options.chunk, sample=1.0, keep=None)
    with contextlib.suppress(OSError, UsageError):
        for chunk in cut(Inputs((path,), kind), first, None):
            for _, record, _ in () if chunk.bad else read_chunk(chunk, first, lambda *_: None):
                if isinstance(record.given, Article) and record.fields.get("schema") != SCHEMA:
                    return True
    return False


def read_articles(
    inputs: Inputs, options: Options, stdin: BinaryIO | None, note: sources.Note
) -> Iterator[Article | Failure]:
    """The article of every record in `inputs`, in order, or why there is none."""
    for chunk in cut(inputs, options, stdin):
        if chunk.bad is not None:
            yield chunk.bad
        else:
            yield from (record.given for _, record, _ in read_chunk(chunk, options, note))
