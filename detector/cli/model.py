"""Commands on models: train, and model show and verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detector import report
from detector.cli.app import Code, app, guarded, put, say
from detector.scoring import Detector

model_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at a stored model, and check it.")
app.add_typer(model_app, name="model")


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
