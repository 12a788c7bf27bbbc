"""The report command: articles and their verdicts as one HTML file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from detector import batch, page, sources, storage
from detector.article import Article
from detector.cli.app import EXIT_CODES, Code, Model, Sources, app, guarded, load_sources, note, say, stdin
from detector.scoring import Detector
from detector.sources import STDIN, Failure
from detector.verdict import Verdict


@app.command(epilog=EXIT_CODES)
@guarded
def report(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="INPUT", help="Files, folders, globs, - for stdin; .jsonl, .csv, .parquet of records."),
    ],
    output: Annotated[str, typer.Option(metavar="OUT", help="Where the page goes, or - for stdout.")],
    text_field: Annotated[
        str, typer.Option(metavar="FIELD", help="The field of a record that holds the text.")
    ] = "text",
    id_field: Annotated[str, typer.Option(metavar="FIELD", help="The field of a record that holds the id.")] = "id",
    model: Model = None,
    source: Sources = None,
) -> int:
    """Write a page that shows articles with what was found in them.

    One HTML file that needs neither a network nor a program but a browser: send it by mail, print it. A list to
    search, filter and sort; each article with its passages, the heat of its sentences, and what moved its verdict.

    \b
    Examples:
      detector report articles/ --output report.html
      detector report articles.jsonl --text-field body --output report.html
      detector report articles/ --sources index/ --output report.html
    """
    if paths.count(STDIN) > 1:
        raise typer.BadParameter("- can be read only once: name it once", param_hint="INPUT")
    if _reads(paths, output):
        raise typer.BadParameter("it is an input: choose another file", param_hint="--output")
    judge, tally = Detector.load(model, sources=load_sources(source)), batch.Tally()
    options = batch.Options(text_field, id_field)

    def outcomes() -> Iterator[tuple[Article | Failure, Verdict | Failure]]:
        for given in _read(paths, options):
            outcome = batch.score_one(judge, given)
            tally.count(outcome)
            if isinstance(outcome, Failure):
                note(outcome.id, outcome.message)
            yield given, outcome

    if output == STDIN:
        page.write(outcomes(), sys.stdout.buffer)
    else:
        with batch.writing(output) as sink:
            page.write(outcomes(), sink)
        say(f"{output}: {tally.records:,} article{'' if tally.records == 1 else 's'}")
    return Code.FAILED if tally.errors else Code.SCORED


def _reads(paths: list[str], output: str) -> bool:
    """Whether the file `output`, if it is there, is among the inputs."""
    if output == STDIN or not os.path.exists(output):
        return False
    found = (path for given in paths for path in sources.expand(given) if isinstance(path, str) and path != STDIN)
    return any(storage.are_same(path, output) for path in found)


def _read(paths: list[str], options: batch.Options) -> Iterator[Article | Failure]:
    """Every article that `paths` name, in their order; of a file of records, each."""
    for path in paths:
        if sources.holds_records(path):
            yield from batch.read_articles(batch.Inputs((path,)), options, stdin(), note)
        else:
            yield from sources.read_all([path], stdin(), note)
