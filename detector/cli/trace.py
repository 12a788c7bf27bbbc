"""Commands on sources: trace, index, cluster."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from detector import report, sources
from detector.article import Article
from detector.batch.documents import Fields, read_documents
from detector.cli.app import Code, app, guarded, note, put, say, stdin
from detector.cli.score import Format
from detector.errors import InputError
from detector.sources import STDIN, Failure
from detector.trace import Document, Index, append, build, trace
from detector.verdict import Trace

TextField = Annotated[str, typer.Option(metavar="FIELD", help="The field of a record that holds the text.")]
IdField = Annotated[str, typer.Option(metavar="FIELD", help="The field that holds the id.")]
DateField = Annotated[str, typer.Option(metavar="FIELD", help="The field that holds the date (ISO 8601).")]


def documents(path: str, fields: Fields) -> Iterator[Document]:
    """The documents at `path`; what cannot be read is told on stderr and left out."""
    for given in read_documents(path, stdin(), note, fields):
        if isinstance(given, Failure):
            note(given.id, given.message)
        else:
            yield given


@contextlib.contextmanager
def opened(path: str, fields: Fields) -> Iterator[Index]:
    """The index at `path`, or one made for now of the sources there."""
    if (Path(path) / "manifest.json").is_file():
        yield Index.load(path)
        return
    with tempfile.TemporaryDirectory(prefix="detector-") as place:
        folder = Path(place) / "index"
        try:
            for _ in build(documents(path, fields), folder):
                pass
        except InputError as e:
            raise InputError(f"{path}: {e}" if e.code == "empty" else str(e), e.code) from None
        yield Index.load(folder)


@app.command("trace")
@guarded
def run_trace(
    paths: Annotated[list[str], typer.Argument(metavar="ARTICLE", help="Files, folders, globs, or - for stdin.")],
    source: Annotated[
        str,
        typer.Option("--sources", metavar="PATH", help="An index; or sources: a folder, .jsonl, .csv, .parquet."),
    ],
    format: Annotated[Format, typer.Option(help="For a reader, a JSON list, or one JSON object a line.")] = Format.TEXT,
    text_field: TextField = "text",
    id_field: IdField = "id",
    date_field: DateField = "date",
) -> int:
    """Trace articles to the sources that they were made from, sentence by sentence.

    JSON as docs/wire-schema.md has it. To ask one collection of sources often, make an index of it first.

    \b
    Examples:
      detector trace article.txt --sources archive/
      detector trace article.txt --sources agency.jsonl --format json
      detector index archive/ --output archive.index
      detector trace articles/ --sources archive.index --format jsonl
    """
    if paths.count(STDIN) + (source == STDIN) > 1:
        raise typer.BadParameter("- can be read only once: name it once", param_hint="ARTICLE")
    failed = False

    def outcomes(index: Index) -> Iterator[tuple[Article | Failure, Trace | None]]:
        nonlocal failed
        for given in sources.read_all(paths, stdin(), note):
            if isinstance(given, Failure):
                failed = True
                note(given.id, given.message)
            yield given, trace(given, index) if isinstance(given, Article) else None

    with opened(source, Fields(text_field, id_field, date_field)) as index:
        put(report.render_traces(outcomes(index), format))
    return Code.FAILED if failed else Code.SCORED


@app.command("index")
@guarded
def run_index(
    source: Annotated[
        str, typer.Argument(metavar="SOURCES", help="A folder, a .jsonl, .csv or .parquet file, or - for JSONL.")
    ],
    output: Annotated[str, typer.Option(metavar="DIR", help="The index's folder: a new one, unless --append.")],
    add: Annotated[bool, typer.Option("--append", help="Add to the index that is there.")] = False,
    text_field: TextField = "text",
    id_field: IdField = "id",
    date_field: DateField = "date",
) -> int:
    """Make an index of sources, for trace, or add to one.

    \b
    Examples:
      detector index archive/ --output archive.index
      detector index today.jsonl --output archive.index --append
    """
    given = documents(source, Fields(text_field, id_field, date_field))
    n = 0
    for n in (append if add else build)(given, output):
        say(f"{n:,} source{'' if n == 1 else 's'} indexed")
    return Code.SCORED if n else Code.FAILED


@app.command("cluster")
@guarded
def run_cluster(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="A folder, a .jsonl, .csv or .parquet file, or - for JSONL.")
    ],
    format: Annotated[Format, typer.Option(help="For a reader, a JSON list, or one JSON object a line.")] = Format.TEXT,
    text_field: TextField = "text",
    id_field: IdField = "id",
    date_field: DateField = "date",
) -> int:
    """Group articles that tell the same story; mark rewrite farms.

    Says which look derived from which; where records have dates, the later is the derived one.

    \b
    Examples:
      detector cluster articles/
      detector cluster crawl.jsonl --date-field published --format jsonl
    """
    from detector.trace.cluster import cluster  # scipy, which the other commands do without

    found = cluster(documents(source, Fields(text_field, id_field, date_field)))
    put(report.render_clusters([c.to_dict() for c in found], format))
    return Code.SCORED
