"""Commands on models: train, evaluate, and model show and verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from detector import report
from detector.cli.app import Code, Model, app, guarded, put, say
from detector.errors import UsageError
from detector.scoring import Detector

model_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at a stored model, and check it.")
app.add_typer(model_app, name="model")


@app.command("train")
@guarded
def run_train(
    corpus: Annotated[
        str,
        typer.Argument(
            metavar="CORPUS",
            help="Your labelled texts (JSONL or CSV with text, origin and/or ai), or a folder with corpus/*.jsonl.gz.",
        ),
    ],
    output: Annotated[str, typer.Option(metavar="DIR", help="The model's folder, which must be new.")],
    base: Annotated[
        str | None,
        typer.Option(metavar="FOLDER|shipped", help="Add your texts to this model instead of fitting on them alone."),
    ] = None,
    report: Annotated[
        str | None, typer.Option(metavar="FILE.md", help="Where the evaluation goes; figures and plots beside it.")
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="How many processes measure texts.")] = 2,
) -> int:
    """Train a model, and measure it on texts that it did not see.

    On a file of your own, groups of texts (whole datasets, if there are enough) are held out in turn to choose how far
    your texts are trusted, to calibrate and to set thresholds; a head without labels stays the base model's. On a
    corpus folder, whole datasets are. What is written is fitted on all of it (docs/training.md).

    \b
    Examples:
      detector train labelled.csv --base shipped --output models/ours --report ours.md
      detector train labelled.jsonl --output models/ours
      detector train ../shared/data --output models/v9 --report docs/evaluation.md
    """
    from detector.training import adapt, labelled, publish  # scikit-learn is for those who train

    path, folder, page = Path(corpus), Path(output), Path(report) if report else None
    if labelled.is_labelled(path):
        adapt.train(path, folder, page, base, jobs, say)
    elif base is not None:
        raise UsageError("--base adds a file of labelled texts to a model: name a .jsonl or .csv file")
    else:
        publish.train(path, folder, page, jobs, say)
    return Code.SCORED


@app.command("evaluate")
@guarded
def run_evaluate(
    output: Annotated[str, typer.Option(metavar="DIR", help="Where evaluation.md and evaluation/ go.")],
    corpus: Annotated[
        str | None,
        typer.Argument(
            metavar="[CORPUS]",
            help="A folder with corpus/*.jsonl.gz, or your labelled JSONL or CSV; none to look at DIR's figures again.",
        ),
    ] = None,
    model: Model = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Also change your texts (quotes, wraps, typos) and score them again.")
    ] = False,
    trace: Annotated[
        bool, typer.Option("--trace", help="Also measure, on a corpus folder, how sources are traced.")
    ] = False,
    check: Annotated[
        str | None, typer.Option(metavar="FILE", help="Compare with these floors and ceilings; 1 if one is broken.")
    ] = None,
    pin: Annotated[str | None, typer.Option(metavar="FILE", help="Write these figures as floors and ceilings.")] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why --pin may relax a floor; kept in the file.")
    ] = None,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="How many processes measure texts.")] = 2,
) -> int:
    """Measure how often it is right, and whom it wrongs.

    A corpus folder is scored by models that never saw the dataset of what they score, and says how good training is; a
    file of labelled texts is scored by the model as it stands, and says how good that is on them. DIR/evaluation.md
    tells it, DIR/evaluation/ has figures.json, plots, and the scores, so that the next run takes seconds.

    \b
    Examples:
      detector evaluate labelled.csv --output measured --robustness
      detector evaluate ../shared/data --output docs --trace
      detector evaluate --output docs --check benchmarks/quality.json
    """
    from detector.training import assess, labelled, publish, ratchet  # scikit-learn is for those who measure

    folder = Path(output)
    if trace and (corpus is None or labelled.is_labelled(Path(corpus))):
        raise UsageError("--trace needs pairs of articles and sources: name a corpus folder")
    if corpus is None:
        if not (check or pin):
            raise UsageError("nothing to evaluate: name a corpus folder or a labelled file, or --check or --pin a file")
        told = assess.read_figures(folder)
    elif labelled.is_labelled(Path(corpus)):
        told = assess.evaluate_labelled(Path(corpus), folder, model, jobs, robustness, say)
    elif model is not None:
        raise UsageError(
            "a corpus folder is scored by models fitted for it: leave --model out, or name a labelled file"
        )
    else:
        if trace:
            assess.keep_tracing(folder, Path(corpus), jobs, say)
        told = publish.evaluate(Path(corpus), folder, jobs, say)
    if pin:
        for sentence in ratchet.pin(told, Path(pin), reason):
            say(f"relaxed: {sentence}")
    broken = ratchet.breaches(told, ratchet.read(Path(check))) if check else []
    for sentence in broken:
        say(sentence)
    return Code.HIT if broken else Code.SCORED


ModelFolder = Annotated[str | None, typer.Argument(metavar="[FOLDER]", help="Its folder; the one shipped if none.")]


@model_app.command("show")
@guarded
def show_model(folder: ModelFolder = None) -> int:
    """Show what a model's manifest says.

    \b
    Examples:
      detector model show
      detector model show models/ours
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
      detector model verify models/ours
    """
    judge = Detector.load(folder)
    put(report.check_lines(judge.model, judge.check_canaries()))
    return Code.SCORED
