"""The command line: parse, call the library, print. stdout is the result, stderr everything else."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from detector import __version__, batch, report, sources
from detector.article import Article
from detector.errors import InputError, ModelError, UsageError
from detector.scoring import Detector
from detector.sources import STDIN, Failure
from detector.verdict import LABELS


class Code(IntEnum):
    """Exit codes. USAGE is found before a model is loaded, NO_MODEL before an input is read; FAILED wins over HIT."""

    SCORED = 0
    HIT = 1
    USAGE = 2
    FAILED = 3
    NO_MODEL = 4
    INTERNAL = 70
    OUTPUT = 74
    INTERRUPTED = 130


EXIT_CODES = """\b
Exit codes:
  0  scored (an abstention is an answer)
  1  an article has a label that --fail-on names
  2  the command itself makes no sense
  3  some inputs could not be scored; the others were
  4  no usable model
  70 an error in detector itself   74 reading or writing broke off   130 interrupted
"""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
model_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at a stored model, and check it.")
app.add_typer(model_app, name="model")


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"


class ListFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


Model = Annotated[str | None, typer.Option(metavar="FOLDER", help="Use this model instead of the one shipped.")]
Contributions = Annotated[
    str | None, typer.Option(metavar="N|all", help="How many contributions to give, strongest first.")
]


def guarded(command: Callable[..., int]) -> Callable[..., None]:
    """`command`, ending in its exit code; whatever goes wrong becomes one sentence on stderr."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            code = command(*args, **options)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except (ModelError, UsageError, InputError) as e:
            say(str(e))
            code = {"model": Code.NO_MODEL, "usage": Code.USAGE}.get(e.code, Code.FAILED)
        except BrokenPipeError:
            # The reader has seen enough. Nothing more may be written, not even when Python exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = Code.SCORED
        except KeyboardInterrupt:
            say("interrupted")
            code = Code.INTERRUPTED
        except OSError as e:
            say(f"reading or writing broke off ({e.strerror or type(e).__name__}): the result is not complete")
            code = Code.OUTPUT
        except Exception as e:  # a traceback could show an article
            say(f"internal error, {type(e).__name__} at {_place(e)}: please report it")
            code = Code.INTERNAL
        raise typer.Exit(code)

    return run


def _place(e: BaseException) -> str:
    trace = e.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "an unknown place"


def say(sentence: str) -> None:
    typer.echo(f"detector: {sentence}", err=True)


def put(lines: Iterator[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")


def note(id: str, remark: str) -> None:
    say(f"{report.printable(id)}: {remark}")


def stdin() -> BinaryIO | None:
    return sys.stdin.buffer if sys.stdin else None


def count(given: str | None, default: int) -> int | None:
    """How many contributions an option asks for; None is all of them."""
    if given is None:
        return default
    if given == "all":
        return None
    if not given.isdecimal():
        raise typer.BadParameter(f"{given!r} is neither a number nor 'all'", param_hint="--contributions")
    return int(given)


def labels(given: str) -> set[str]:
    """The labels in a list parted by commas."""
    wanted = {label.strip() for label in given.split(",") if label.strip()}
    if unknown := sorted(wanted - set(LABELS)):
        raise typer.BadParameter(
            f"no label is called {unknown[0]!r}; the labels are {', '.join(LABELS)}", param_hint="--fail-on"
        )
    return wanted


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"detector {__version__}")
        raise typer.Exit


@app.callback()
def detector(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Tells what an article is (original, rewritten or aggregated), how likely a language model wrote it, and why.

    \b
    Examples:
      detector score article.txt
      detector score articles/ --format jsonl > verdicts.jsonl
      detector explain article.txt
      detector batch articles.jsonl --output verdicts.jsonl
    """


@app.command(epilog=EXIT_CODES)
@guarded
def score(
    paths: Annotated[list[str], typer.Argument(metavar="PATH", help="Files, folders, globs, or - for stdin.")],
    format: Annotated[Format, typer.Option(help="A table, a JSON list, or one JSON object a line.")] = Format.TEXT,
    contributions: Contributions = None,
    fail_on: Annotated[
        str, typer.Option(metavar="LABEL[,LABEL]", help="End with code 1 if any article has one of these labels.")
    ] = "",
    model: Model = None,
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
    if paths.count(STDIN) > 1:
        raise typer.BadParameter("- can be read only once: name it once", param_hint="PATH")
    n, unwanted = count(contributions, batch.CONTRIBUTIONS), labels(fail_on)
    judge, tally = Detector.load(model), batch.Tally()

    def outcomes() -> Iterator[batch.Outcome]:
        for given in sources.read_all(paths, stdin(), note):
            outcome = batch.score_one(judge, given)
            tally.count(outcome)
            if isinstance(outcome, Failure):
                note(outcome.id, outcome.message)
            yield outcome

    put(report.render(outcomes(), format, n))
    if tally.errors:
        return Code.FAILED
    return Code.HIT if unwanted & set(tally.labels) else Code.SCORED


@app.command(epilog=EXIT_CODES)
@guarded
def explain(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A file, or - for stdin.")],
    contributions: Contributions = None,
    model: Model = None,
) -> int:
    """Explain one article in full.

    Its probabilities, what moved them, and every span quoted in its context. Colours tell the families of
    evidence apart; without a terminal, or with NO_COLOR set, brackets mark the spans.

    \b
    Examples:
      detector explain article.txt
      detector explain article.txt --contributions all
      detector explain - < article.txt | less
    """
    n = count(contributions, 12)
    judge = Detector.load(model)
    given = sources.read(path, stdin(), note)
    outcome = batch.score_one(judge, given)
    if isinstance(outcome, Failure):
        note(outcome.id, outcome.message)
        return Code.FAILED
    assert isinstance(given, Article), "only an article has a verdict"
    put(report.explain(given, outcome, n, report.Ink(colour())))
    return Code.SCORED


def colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


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
    put(report.signal_lines() if format is ListFormat.TEXT else iter([report.to_json(report.signal_table())]))
    return Code.SCORED


@app.command("train")
@guarded
def run_train(
    corpus: Annotated[
        str, typer.Argument(metavar="CORPUS", help="A folder with corpus/*.jsonl.gz (docs/training.md).")
    ],
    output: Annotated[str, typer.Option(metavar="DIR", help="The model's folder, which must be new.")],
    report: Annotated[str | None, typer.Option(metavar="FILE", help="Where the evaluation goes.")] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="How many processes measure texts.")] = 2,
) -> int:
    """Train a model and evaluate it on datasets held out.

    Every row is first scored by a model that never saw its dataset; the model that is written is fitted on all of them.

    \b
    Examples:
      detector train ../shared/data --output models/v2 --report docs/evaluation.md
    """
    from detector.training import publish  # scikit-learn is for those who train

    publish.train(Path(corpus), Path(output), Path(report) if report else None, jobs, say)
    return Code.SCORED


ModelFolder = Annotated[str | None, typer.Argument(metavar="[FOLDER]", help="Its folder; the one shipped if none.")]


@model_app.command("show")
@guarded
def show_model(folder: ModelFolder = None) -> int:
    """Show what a model's manifest says.

    \b
    Examples:
      detector model show
      detector model show models/v1
    """
    put(report.model_lines(Detector.load(folder).model))
    return Code.SCORED


@model_app.command("verify")
@guarded
def verify_model(folder: ModelFolder = None) -> int:
    """Check a model against its manifest.

    Its format, the digest of every file, its feature names, and that its canaries give what they must.

    \b
    Examples:
      detector model verify
      detector model verify models/v1
    """
    judge = Detector.load(folder)
    put(report.check_lines(judge.model, judge.check_canaries()))
    return Code.SCORED


def main() -> None:
    """Runs the command line and ends the process."""
    # It speaks when a run is cut short, which is said here in one sentence.
    warnings.filterwarnings("ignore", module="joblib")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # The same bytes on every machine, and no name or text that cannot be written.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    app(prog_name="detector")


if __name__ == "__main__":
    main()
