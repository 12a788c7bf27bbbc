"""The batch command: many records."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import Annotated, BinaryIO

import typer

from detector import batch, report, sources
from detector.cli.app import EXIT_CODES, Code, Contributions, Model, app, count, guarded, say, stdin
from detector.scoring import Detector
from detector.sources import STDIN


@app.command("batch", epilog=EXIT_CODES)
@guarded
def run_batch(
    input: Annotated[str, typer.Argument(metavar="INPUT", help="A file of JSON objects, one a line, or - for stdin.")],
    output: Annotated[str, typer.Option(metavar="OUT", help="Where the rows go, or - for stdout.")],
    text_field: Annotated[str, typer.Option(metavar="FIELD", help="The field that holds the text.")] = "text",
    id_field: Annotated[
        str, typer.Option(metavar="FIELD", help="The field that holds the id; where it is missing: the line number.")
    ] = "id",
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="How many processes score.")] = 1,
    contributions: Contributions = None,
    model: Model = None,
) -> int:
    """Score many records, JSONL in and JSONL out.

    Exactly one row for each line, in the same order, the same bytes with any number of jobs. A line that cannot
    be scored becomes an error row. OUT appears when all is done, or not at all.

    \b
    Examples:
      detector batch articles.jsonl --output verdicts.jsonl
      detector batch articles.jsonl --output verdicts.jsonl --text-field body --id-field url --jobs 4
      zcat articles.jsonl.gz | detector batch - --output - | grep '"rewritten"'
    """
    options = batch.Options(text_field, id_field, count(contributions, batch.CONTRIBUTIONS))
    if output not in (STDIN, input) and os.path.exists(output) and os.path.exists(input):
        same = os.path.samefile(input, output)
    else:
        same = output == input != STDIN
    if same:
        raise typer.BadParameter("it is the input: choose another file", param_hint="--output")
    judge = Detector.load(model)
    with sources.open_stream(input, stdin()) as source, _sink(output) as sink:
        tally = _watch(batch.run(judge, source, sink, options, jobs, model))
    for line in report.summary_lines(tally):
        say(line)
    return Code.FAILED if tally.errors else Code.SCORED


def _sink(output: str) -> contextlib.AbstractContextManager[BinaryIO]:
    return contextlib.nullcontext(sys.stdout.buffer) if output == STDIN else batch.writing(output)


def _watch(tallies: Iterator[batch.Tally]) -> batch.Tally:
    """The last tally; now and then one is told on stderr."""
    live = sys.stderr.isatty()
    started = told = time.monotonic()
    tally = batch.Tally()
    for tally in tallies:
        now = time.monotonic()
        if now - told >= (0.5 if live else 10):
            told = now
            line = f"detector: {tally.records:,} records, {tally.records / (now - started):,.0f} a second"
            typer.echo(f"\r{line}" if live else line, err=True, nl=not live)
    if live and told != started:
        typer.echo(err=True)
    return tally
