"""The batch command: many records."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain
from typing import Annotated

import typer

from detector import batch, report, storage
from detector.batch import rows, run
from detector.batch.run import Job, Progress
from detector.cli.app import (
    EXIT_CODES,
    Code,
    Contributions,
    Model,
    Sources,
    app,
    count,
    guarded,
    load_sources,
    note,
    reason,
    say,
    stdin,
)
from detector.scoring import Detector
from detector.sources import STDIN


class Kind(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"
    TSV = "tsv"
    PARQUET = "parquet"
    DOCUMENT = "document"


class Form(StrEnum):
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


class Engine(StrEnum):
    LOCAL = "local"
    DASK = "dask"
    RAY = "ray"


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a run as Ctrl-C does."""


FORMS = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


@app.command("batch", epilog=EXIT_CODES)
@guarded
def run_batch(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT", help="Files, folders, globs, URLs, or - for stdin (JSONL).")
    ],
    output: Annotated[
        str, typer.Option(metavar="OUT", help="Where the rows go: .jsonl, .csv (both also .gz, .zst), .parquet; or -.")
    ],
    text_field: Annotated[str, typer.Option(metavar="FIELD", help="The field that holds the text.")] = "text",
    id_field: Annotated[
        str, typer.Option(metavar="FIELD", help="The field that holds the id; where there is none: the line number.")
    ] = "id",
    keep: Annotated[str, typer.Option(metavar="FIELD[,FIELD]|all", help="Fields that are carried through.")] = "",
    columns: Annotated[
        str, typer.Option(metavar="NAME[,NAME]|all", help="Which of the verdict's columns come out.")
    ] = "all",
    contributions: Contributions = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, max=999, help="How many processes score.")] = 1,
    engine: Annotated[Engine, typer.Option(help="Processes here, or a cluster that is there.")] = Engine.LOCAL,
    address: Annotated[str | None, typer.Option(metavar="URL", help="Where the cluster is (tcp://...).")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run; refuse to begin one.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Forget what an unfinished run did.")] = False,
    max_errors: Annotated[
        str | None, typer.Option(metavar="N|P%", help="Stop (to resume later) beyond so many errors.")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Score the first N records.")] = None,
    sample: Annotated[str | None, typer.Option(metavar="P%", help="Score so many of the records, spread.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read all, count, report problems; score none.")] = False,
    summary: Annotated[str | None, typer.Option(metavar="FILE", help="Where the summary goes as JSON, too.")] = None,
    from_kind: Annotated[Kind | None, typer.Option("--from", help="What INPUT is, if its name does not say.")] = None,
    to_form: Annotated[Form | None, typer.Option("--to", help="What OUT is, if its name does not say.")] = None,
    chunk: Annotated[int, typer.Option(metavar="N", min=1, help="Records in a chunk: what a crash costs.")] = 256,
    run_dir: Annotated[str | None, typer.Option(metavar="DIR", help="Where progress is kept; else OUT.run.")] = None,
    model: Model = None,
    source: Sources = None,
) -> int:
    """Score many records: JSONL, CSV, Parquet or files in, JSONL, CSV or Parquet out.

    Exactly one row for each record, in the same order, the same bytes with any number of jobs. What cannot be
    scored becomes an error row. OUT appears when all is done; until then OUT.run keeps what is, and the same command
    goes on from there, whatever ended it.

    \b
    Examples:
      detector batch articles.jsonl --output verdicts.jsonl
      detector batch articles.csv --output verdicts.parquet --text-field body --id-field url --keep outlet --jobs 4
      detector batch 'pages/*.html' notes/ --output verdicts.csv --columns id,label,ai_probability
      detector batch s3://bucket/crawl/*.parquet --output s3://bucket/verdicts.parquet --engine dask --address tcp://10.0.0.1:8786
      tail -f crawl.jsonl | detector batch - --output - | grep '"rewritten"'
    """
    if resume and restart:
        raise typer.BadParameter("one goes on, the other forgets: choose one", param_hint="--resume, --restart")
    if (engine is Engine.DASK) > (address is not None):
        raise typer.BadParameter("where is the cluster? add --address tcp://HOST:PORT", param_hint="--engine dask")
    if address is not None and engine is Engine.LOCAL:
        raise typer.BadParameter("it is a cluster's: add --engine dask or ray", param_hint="--address")
    if inputs.count(STDIN) > 1 or (STDIN in inputs and len(inputs) > 1):
        raise typer.BadParameter("- can be read only once, and alone", param_hint="INPUT")
    for input in inputs:
        _refuse_same(input, output, "--output")
    if summary == output == STDIN:
        raise typer.BadParameter("the rows go to stdout: name a file", param_hint="--summary")
    if summary:
        for other in (*inputs, output):
            _refuse_same(other, summary, "--summary")
    most, share = _limit(max_errors)
    name = output.lower()
    packed = storage.compression(name)
    form = to_form or FORMS.get(os.path.splitext(name.removesuffix(f".{packed}"))[1], "jsonl")
    if form == "parquet" and packed:
        raise typer.BadParameter("Parquet is compressed within: leave .gz or .zst out", param_hint="--output")
    options = batch.Options(
        text_field=text_field,
        id_field=id_field,
        contributions=count(contributions, batch.CONTRIBUTIONS),
        keep=None if keep == "all" else tuple(_names(keep)),
        columns=None if columns == "all" else rows.check_columns(_names(columns)),
        form=str(form),
        compression=packed,
        sample=_share(sample, "--sample") if sample is not None else 1.0,
        limit=limit,
        chunk=chunk,
    )
    job = Job(
        paths=tuple(inputs),
        output=output,
        options=options,
        kind=from_kind and str(from_kind),
        jobs=jobs,
        engine=str(engine),
        address=address,
        model=model,
        sources=source,
        folder=run_dir,
        summary=summary,
        resume=resume,
        restart=restart,
        max_errors=most,
        max_error_share=share,
    )
    if summary and summary != STDIN:
        storage.try_writing(summary)
    started, progress = time.monotonic(), Progress(batch.Tally(), 0)
    try:
        with _termination():
            judge = Detector.load(model, sources=load_sources(source))
            work = (
                run.survey(job, stdin(), note)
                if dry_run
                else run.run(job, judge, stdin(), sys.stdout.buffer if output == STDIN else None, note)
            )
            with contextlib.closing(work):
                for now in _watched(work):
                    progress = now
    except KeyboardInterrupt as e:
        say(f"interrupted{_how_to_resume(job, progress, dry_run)}")
        return Code.TERMINATED if isinstance(e, Terminated) else Code.INTERRUPTED
    except (run.StoppedError, run.WorkerError) as e:
        stopped = isinstance(e, run.StoppedError)
        again = "a higher --max-errors" if stopped else "the same command"
        say(f"{e}{_how_to_resume(job, progress, dry_run, again)}")
        return Code.FAILED if stopped else Code.OUTPUT
    except BrokenPipeError:
        if job.streams:  # the reader has seen enough
            raise
        say(f"writing broke off{_how_to_resume(job, progress, dry_run)}")
        return Code.OUTPUT
    except OSError as e:
        say(f"reading or writing broke off ({reason(e)}){_how_to_resume(job, progress, dry_run)}")
        return Code.OUTPUT
    seconds = time.monotonic() - started
    tally = progress.tally
    for line in report.summary_lines(tally, seconds, progress.resumed, dry_run):
        say(line)
    if summary:
        told = report.summary(tally, seconds, progress.resumed) | {"model": judge.id, "output": output}
        with storage.writing(summary) if summary != STDIN else contextlib.nullcontext(sys.stdout.buffer) as sink:
            sink.write(json.dumps(told, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
    return Code.FAILED if tally.errors or tally.bad else Code.SCORED


def _names(given: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))


def _refuse_same(file: str, target: str, option: str) -> None:
    """Refuses to write over a file that is read, or written too."""
    if STDIN not in (target, file) and storage.are_same(file, target):
        raise typer.BadParameter(f"it is {file}, which this run uses: choose another file", param_hint=option)
    if target.endswith("/") or os.path.isdir(target):
        raise typer.BadParameter("it is a folder: name a file in it", param_hint=option)


def _share(given: str, option: str) -> float:
    try:
        share = float(given.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not given.endswith("%") or not 0 <= share <= 1:
        raise typer.BadParameter(f"{given!r} is no percentage: write 5%", param_hint=option)
    return share


def _limit(given: str | None) -> tuple[int | None, float | None]:
    """A number, or a share of the records."""
    if given is None:
        return None, None
    if given.isdecimal():
        return int(given), None
    return None, _share(given, "--max-errors")


def _how_to_resume(job: Job, progress: Progress, dry_run: bool, again: str = "the same command") -> str:
    if job.streams or dry_run or not os.path.exists(os.path.join(job.run_folder, "run.json")):
        return ": the result is not complete"
    return (
        f": {progress.tally.records:,} records are done and kept in {shlex.quote(job.run_folder)}; {again} "
        "goes on from there"
    )


@contextlib.contextmanager
def _termination() -> Iterator[None]:
    """SIGTERM raises Terminated while the block lasts."""

    def end(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _watched(work: Iterator[Progress]) -> Iterator[Progress]:
    """The same; a bar on a terminal where the input's size is known, else now and then a line."""
    first = next(work)  # a run that does anything says how far it is
    work = chain([first], work)
    if not (first.bytes and sys.stderr and sys.stderr.isatty()):
        yield from _logged(work)
        return
    with typer.progressbar(length=first.bytes, file=sys.stderr, item_show_func=lambda p: p and _so_far(p)) as bar:
        for progress in work:
            bar.current_item = progress
            bar.update(max(0, progress.position - bar.pos))
            yield progress


def _logged(work: Iterator[Progress]) -> Iterator[Progress]:
    started = told = time.monotonic()
    for progress in work:
        now = time.monotonic()
        if now - told >= 10:
            told = now
            rate = (progress.tally.records - progress.resumed) / (now - started)
            done = f", {progress.position / progress.bytes:.0%} of the input" if progress.bytes else ""
            say(f"{_so_far(progress)}, {rate:,.0f} a second{done}")
        yield progress


def _so_far(progress: Progress) -> str:
    counts = {**progress.tally.labels, "abstained": progress.tally.abstained.total()}
    if progress.tally.errors:
        counts["errors"] = progress.tally.errors.total()
    return ", ".join([f"{progress.tally.records:,} records", *(f"{k} {n:,}" for k, n in sorted(counts.items()))])
