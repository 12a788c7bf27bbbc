"""Columns: what the tables among the inputs have, and so what is kept of them and which types it has in Parquet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from detector.batch import chunks
from detector.batch.chunks import Identity
from detector.batch.records import Options, repeated
from detector.batch.rows import kept_name
from detector.errors import InputError, UsageError
from detector.sources import STDIN
from detector.storage import is_special

Columns = Sequence[tuple[str, Any]]  # names and types; CSV has none


def settle(options: Options, identity: Identity, kind: str | None) -> tuple[Options, Mapping[str, Any]]:
    """Options with nothing left open, and the types of kept columns in Parquet; one without a type is strings there.

    Raises UsageError where a column that is read stands twice, or one to keep stands nowhere or cannot be told.
    """
    forms = {_form(path, kind) for path, *_ in identity.records}
    if identity.files > len(identity.records):
        forms.add("document")
    types = dict[str, set[Any]]()  # of all columns, in the order in which they come
    headers = list(_headers(identity, kind))
    for _, columns in headers:
        for name, type in columns:
            types.setdefault(name, set()).add(type)
    options = _settle_keep(options, identity, forms, list(types))
    for path, columns in headers:
        if twice := repeated([name for name, _ in columns], options):
            raise UsageError(f"{path}: {twice}")
    if options.form != "parquet" or forms != {"parquet"}:
        return options, {}
    agreed = {name: _agreed(types[name]) for name in options.keep or () if name in types}
    return options, {kept_name(name): type for name, type in agreed.items() if type is not None}


def _settle_keep(options: Options, identity: Identity, forms: set[str], known: Sequence[str]) -> Options:
    if options.keep is None:
        if options.form == "jsonl":
            return options
        if forms & {"jsonl", "piped"} or forms == {"document"}:
            raise UsageError(
                f"--keep all into {options.form} needs columns known beforehand, and those of JSONL, pages and pipes "
                "are not: name the fields"
            )
        return replace(options, keep=tuple(known))
    if known and forms <= {"csv", "tsv", "parquet"}:
        for name in options.keep:
            if name not in known:
                shown = ", ".join(n[:40] for n in known[:10])
                raise UsageError(f"no input has a column {name!r} (their columns: {shown}): correct --keep")
    shows = options.columns is None or "evidence" in options.columns
    if identity.pages and shows and options.text_field not in options.keep:
        # offsets count in the text that was read out of the page, so it stands beside them
        return replace(options, keep=(*options.keep, options.text_field))
    return options


def _form(path: str, kind: str | None) -> str:
    form = chunks.kind_of(path, kind)
    return "piped" if form != "jsonl" and (path == STDIN or is_special(path)) else form


def _headers(identity: Identity, kind: str | None) -> Iterator[tuple[str, Columns]]:
    """Each table with its columns; one that cannot be read is left out, and named when its turn comes."""
    for path, *_ in identity.records:
        form = _form(path, kind)
        if form == "parquet":
            with contextlib.suppress(OSError, InputError):
                schema = chunks.open_parquet(path).schema_arrow
                yield path, list(zip(schema.names, schema.types, strict=True))
        elif form in chunks.SEPARATORS:
            with contextlib.suppress(UsageError):
                yield path, [(name, None) for name in chunks.columns_of(path, form)]


def _agreed(types: set[Any]) -> Any:
    """The one type that there is; a column without a value agrees with any."""
    import pyarrow as pa

    said = types - {pa.null()} or types
    return said.pop() if len(said) == 1 else None
