"""Commands on a few articles: score, explain, clean; and signals, which lists what they are judged by."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import typer

from detector import batch, report, sources
from detector.article import Article
from detector.cli.app import (
    EXIT_CODES,
    Code,
    Contributions,
    Model,
    Sources,
    app,
    colour,
    count,
    guarded,
    load_sources,
    note,
    put,
    stdin,
)
from detector.scoring import Detector
from detector.signals import residue
from detector.sources import STDIN, Failure
from detector.verdict import LABELS, to_json


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


Sentences = Annotated[bool, typer.Option("--sentences", help="Give what each sentence's wording added (JSON only).")]


class ListFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


def labels(given: str) -> set[str]:
    """The labels in a list parted by commas."""
    wanted = {label.strip() for label in given.split(",") if label.strip()}
    if unknown := sorted(wanted - set(LABELS)):
        raise typer.BadParameter(
            f"no label is called {unknown[0]!r}; the labels are {', '.join(LABELS)}", param_hint="--fail-on"
        )
    return wanted


@app.command(epilog=EXIT_CODES)
@guarded
def score(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders, globs, or - for stdin.")],
    format: Annotated[Format, typer.Option(help="A table, a JSON list, or one JSON object a line.")] = Format.TEXT,
    contributions: Contributions = None,
    sentences: Sentences = False,
    fail_on: Annotated[
        str, typer.Option(metavar="LABEL[,LABEL]", help="End with code 1 if any article has one of these labels.")
    ] = "",
    model: Model = None,
    source: Sources = None,
) -> int:
    """Score articles: label, probabilities, quotations.

    A table, or JSON as docs/wire-schema.md has it. Folders are searched for .txt, .text and .md files.

    \b
    Examples:
      detector score article.txt
      detector score articles/ 'more/*.md'
      pbpaste | detector score -
      detector score articles/ --format jsonl --contributions all
      detector score article.txt --fail-on rewritten,aggregated
    """
    if contributions is not None and format is Format.TEXT:
        raise typer.BadParameter(
            "the table shows none: add --format json, or use detector explain", param_hint="--contributions"
        )
    if sentences and format is Format.TEXT:
        raise typer.BadParameter(
            "the table shows none: add --format json, or use detector explain", param_hint="--sentences"
        )
    if paths.count(STDIN) > 1:
        raise typer.BadParameter("- can be read only once: name it once", param_hint="PATH")
    n, unwanted = count(contributions, batch.CONTRIBUTIONS), labels(fail_on)
    judge, tally = Detector.load(model, sources=load_sources(source)), batch.Tally()

    def outcomes() -> Iterator[batch.Outcome]:
        for given in sources.read_all(paths, stdin(), note):
            outcome = batch.score_one(judge, given)
            tally.count(outcome)
            if isinstance(outcome, Failure):
                note(outcome.id, outcome.message)
            yield outcome

    put(report.render(outcomes(), format, n, sentences))
    if tally.errors:
        return Code.FAILED
    return Code.HIT if unwanted & set(tally.labels) else Code.SCORED


@app.command(epilog=EXIT_CODES)
@guarded
def explain(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A file, or - for stdin.")],
    format: Annotated[ListFormat, typer.Option(help="For a reader, or as JSON.")] = ListFormat.TEXT,
    contributions: Contributions = None,
    model: Model = None,
    source: Sources = None,
) -> int:
    """Explain one article in full.

    Its probabilities, what moved them, every span quoted in its context, and what the wording of each sentence
    added. Colours tell the families of evidence apart; without a terminal, or with NO_COLOR set, brackets and
    signs do. As JSON it is the row of detector score, with every contribution and its sentences.

    \b
    Examples:
      detector explain article.txt
      detector explain article.txt --contributions all
      detector explain article.txt --format json
      detector explain - < article.txt | less
    """
    n = count(contributions, 12) if contributions or format is ListFormat.TEXT else None
    judge = Detector.load(model, sources=load_sources(source))
    given = sources.read(path, stdin(), note)
    outcome = batch.score_one(judge, given)
    if isinstance(outcome, Failure):
        note(outcome.id, outcome.message)
        return Code.FAILED
    assert isinstance(given, Article), "only an article has a verdict"
    if format is ListFormat.JSON:
        put(iter([report.to_row(outcome, n, sentences=True)]))
    else:
        put(report.explain(given, outcome, n, report.Ink(colour())))
    return Code.SCORED


@app.command(epilog=EXIT_CODES)
@guarded
def clean(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A file, or - for stdin.")],
    diff: Annotated[bool, typer.Option("--diff", help="List each line taken, with its reason, on stderr.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object: the text, and the lines taken.")] = False,
) -> int:
    """Print an article without its page furniture.

    Comment forms, share rows, lists of other stories, notices: whole lines, and only those that are furniture beyond
    doubt; what is kept is kept to the letter. What was taken is said on stderr.

    \b
    Examples:
      detector clean article.txt > cleaned.txt
      detector clean article.txt --diff > cleaned.txt
      pbpaste | detector clean - | detector score -
      detector clean article.txt --json
    """
    given = sources.read(path, stdin(), note)
    if isinstance(given, Failure):
        note(given.id, given.message)
        return Code.FAILED
    text, cuts = residue.cut(given)
    if json:
        taken = [{**dataclasses.asdict(cut), "text": given.text[cut.start : cut.end]} for cut in cuts]
        put(iter([to_json({"id": given.id, "text": text, "taken": taken})]))
    else:
        sys.stdout.write(text)
    if diff:
        for cut in cuts:
            line = report.printable(given.text[cut.start : cut.end])
            typer.echo(f"- {line}\n  {cut.reason} (score {cut.score:.2f})", err=True)
    n_chars = len(given.text) - len(text)
    note(path, f"took {len(cuts):,} of {len(given.lines):,} lines, {n_chars:,} of {len(given.text):,} characters")
    return Code.SCORED


@app.command()
@guarded
def signals(
    format: Annotated[ListFormat, typer.Option(help="For a reader, or as JSON.")] = ListFormat.TEXT,
) -> int:
    """List every signal and its features.

    Each with its unit, and what a high value speaks for.

    \b
    Examples:
      detector signals
      detector signals --format json
    """
    put(report.signal_lines() if format is ListFormat.TEXT else iter([to_json(report.signal_table())]))
    return Code.SCORED
