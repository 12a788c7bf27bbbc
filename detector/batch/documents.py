"""Documents: candidate sources, read from where users keep them as batch reads its records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from detector import sources
from detector.batch.chunks import KINDS, Inputs, cut, read_chunk
from detector.batch.records import Options
from detector.errors import InputError
from detector.sources import STDIN, Failure, Note
from detector.trace import Document


@dataclass(frozen=True, slots=True)
class Fields:
    """Which columns of a record hold what; a record without an id is called by its number, a date may be missing."""

    text: str = "text"
    id: str = "id"
    date: str = "date"


def read_documents(path: str, stdin: BinaryIO | None, note: Note, fields: Fields) -> Iterator[Document | Failure]:
    """Every document of a folder, text file or glob (id: its path), or of a file of records (`-`: JSONL from stdin).

    Raises InputError if `path` cannot be read, or records not to their end: a part would pass for the whole.
    """
    kind = "jsonl" if path == STDIN else _kind_of(path)
    if os.path.isdir(path) or kind == "document":
        for given in sources.read_all([path], stdin, note):
            if isinstance(given, Failure) and given.id == path:
                raise InputError(f"{path}: {given.message}", given.code)
            yield given if isinstance(given, Failure) else Document(given.id or path, given.text)
        return
    options = Options(fields.text, fields.id, keep=(fields.date,))
    for chunk in cut(Inputs((path,), kind), options, stdin):
        if chunk.bad is not None:
            raise InputError(f"{path}: {chunk.bad.message}", chunk.bad.code)
        for number, (given, values), _ in read_chunk(chunk, options, note):
            date = values.get(fields.date)
            if isinstance(given, Failure):
                yield given
            else:
                yield Document(given.id or str(number), given.text, None if date in (None, "") else str(date))


def _kind_of(path: str) -> str:
    name = path.lower().removesuffix(".gz").removesuffix(".zst")
    return KINDS.get(os.path.splitext(name)[1], "document")
