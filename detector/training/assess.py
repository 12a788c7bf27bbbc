"""Assess: a corpus or somebody's labelled texts in; figures, a page and plots out."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression

from detector import lexicon
from detector.article import Article
from detector.errors import UsageError
from detector.features import COLUMNS
from detector.model import Array
from detector.scoring import Detector
from detector.training import account, corpus, labelled, plots, robustness
from detector.training import variants as make
from detector.training.corpus import Row
from detector.training.evaluate import (
    BANDS,
    N_FOLDS,
    HeldOut,
    Recipe,
    choose_min_words,
    choose_thresholds,
    hold_out,
    measure_lengths,
)
from detector.training.figures import Figure, figures
from detector.training.scores import Integers, Scores, gather, store
from detector.training.table import ORIGINS, UNKNOWN, Table
from detector.training.variants import Variant
from detector.verdict import LABELS

PAGE, FIGURES, SCORES, TRACING = "evaluation.md", "figures.json", "scores.npz", "tracing.json"
Say = Callable[[str], None]
Outcome = tuple[tuple[float, float, float], float, int]  # origin, ai (NaN if unscored), the label called

# What scores depend on; a change to how they are told makes no new ones.
_MAKERS = ("article.py", "language.py", "lexicon.py", "features.py", "signals/*.py", "trees.py", "model.py",
           "training/corpus.py", "training/variants.py", "training/table.py", "training/fit.py",
           "training/evaluate.py", "training/publish.py", "training/robustness.py", "training/scores.py")  # fmt: skip


def score_corpus(
    folder: Path, train_rows: Sequence[Row], test_rows: Sequence[Row], recipe: Recipe, say: Say
) -> tuple[HeldOut, Table, Scores]:
    """Held-out scores of a corpus, the table that was trained on, and what is kept of the scores."""
    say(f"scoring {len(test_rows)} rows by models that never saw their dataset")
    out, table = hold_out(train_rows, test_rows, recipe)
    say("changing texts and scoring them again")
    thresholds = choose_thresholds(out)
    lengths = measure_lengths(out, thresholds)
    min_words = choose_min_words(lengths)
    changed = robustness.compare_held_out(out, thresholds, recipe.vocabulary, min_words, recipe.seed, recipe.jobs)
    about = {
        "how": "held out",
        "n_folds": N_FOLDS,
        "model": "held-out fits",
        "source": source(folder),
        "corpus": corpus.digest(folder),
        "seed": recipe.seed,
        "rows": len(test_rows),
        "units": len({r.unit for r in test_rows}),
        "robustness": changed,
        "lengths": lengths,
    }
    return out, table, store(out, min_words, about)


def source(folder: Path) -> str:
    """A digest of a corpus and of all that makes scores from it."""
    total = hashlib.sha256((corpus.digest(folder) + lexicon.digest()).encode())
    package = Path(__file__).parents[1]
    for pattern in _MAKERS:
        for file in sorted(package.glob(pattern)):
            total.update(file.read_bytes())
    return total.hexdigest()


def evaluate_labelled(path: Path, output: Path, model: str | None, jobs: int, robust: bool, say: Say) -> Figure:
    """The figures of a model as it stands on somebody's labelled texts (labelled.read); written under `output`.

    Raises CorpusError if the file is none that can be evaluated.
    """
    rows = labelled.read(path)
    judge = Detector.load(model)
    say(f"scoring {len(rows)} texts with {judge.model.id}")
    scores = score_labelled(rows, judge, jobs, labelled.digest(path))
    if robust:
        say("changing texts and scoring them again")
        changed = _change(rows, judge, jobs, seed=0)
        scores = replace(scores, about={**scores.about, "robustness": changed})
    return publish(scores, output / PAGE, say)


def score_labelled(rows: Sequence[Row], judge: Detector, jobs: int, digest: str) -> Scores:
    """The scores that a model gives labelled rows, whole and by their first words."""
    listed: list[tuple[Variant, int, int]] = []
    for row in rows:
        article = Article(row.text)
        for words in BANDS:
            if words is None:
                listed.append((Variant(row, row.text), 0, article.n_words))
            elif article.n_words >= 1.2 * words:
                labels = replace(row, origin=None) if row.origin == "aggregated" and words < 300 else row
                text = make.crop(article, words, None)
                listed.append((Variant(labels, text), words, Article(text).n_words))
    origin, ai, called = _score_all([v.text for v, _, _ in listed], judge, jobs)
    band = np.array([b for _, b, _ in listed], dtype=np.int64)
    kept = np.flatnonzero(~np.isnan(ai))
    unscored = int((np.isnan(ai) & (band == 0)).sum())
    table = bare_table([v for v, _, _ in listed], np.array([n for _, _, n in listed], dtype=np.int64))
    table = Table(
        [table.variants[i] for i in kept],
        table.values[kept],
        table.grams[kept],
        table.n_words[kept],
        table.origin[kept],
        table.ai[kept],
    )
    about = {
        "how": "as it stands",
        "model": judge.model.id,
        "corpus": digest,
        "seed": 0,
        "rows": len(rows),
        "units": len({r.unit for r in rows}),
        "unscored": unscored,
        "thresholds": judge.model.manifest["thresholds"],
        "min_words": judge.model.manifest["min_words"],
    }
    by_ai = {"model": ai[kept]} | ({"length": by_length(table)} if len(np.unique(table.ai)) > 1 else {})
    return gather(
        table, band[kept], about, {"model": origin[kept]}, by_ai, {"model": called[kept]}, called[kept]
    )  # the bars come with the model, so there is nothing to cross


def bare_table(variants: Sequence[Variant], n_words: Integers) -> Table:
    """Variants with their labels and lengths, and nothing measured."""
    return Table(
        list(variants),
        np.zeros((len(variants), len(COLUMNS))),
        sp.csr_matrix((len(variants), 0)),
        n_words,
        np.array([ORIGINS[v.row.origin] for v in variants], dtype=np.int64),
        np.array([UNKNOWN if v.row.ai is None else int(v.row.ai) for v in variants], dtype=np.int64),
    )


def by_length(table: Table) -> Array:
    """The ai probability that the number of words alone gives, each fifth of the rows by a fit on the others."""
    keys = [v.row.group or v.row.id for v in table.variants]
    fold = np.array([hashlib.blake2b(k.encode("utf-8", "surrogatepass")).digest()[0] % 5 for k in keys])
    x, result = np.log(np.maximum(table.n_words, 1))[:, None], np.full(len(keys), 0.5)
    for k in range(5):
        others = (fold != k) & (table.ai != UNKNOWN)
        if len(np.unique(table.ai[others])) == 2 and (fold == k).any():
            fitted = LogisticRegression(class_weight="balanced").fit(x[others], table.ai[others])
            result[fold == k] = fitted.predict_proba(x[fold == k])[:, 1]
    return result


def _change(rows: Sequence[Row], judge: Detector, jobs: int, seed: int) -> Figure:
    origin = np.array([ORIGINS[r.origin] for r in rows], dtype=np.int64)
    ai = np.array([UNKNOWN if r.ai is None else int(r.ai) for r in rows], dtype=np.int64)
    some = robustness.choose(origin, ai, np.ones(len(rows), dtype=bool), seed)
    return robustness.compare(
        [rows[i].text for i in some], origin[some], ai[some], lambda texts: _score_all(texts, judge, jobs), seed
    )


def _score_all(texts: Sequence[str], judge: Detector, jobs: int) -> tuple[Array, Array, Integers]:
    folder, chunks = str(judge.model.folder), [texts[i : i + 50] for i in range(0, len(texts), 50)]
    done = Parallel(n_jobs=min(jobs, max(1, len(chunks))))(delayed(_score_some)(chunk, folder) for chunk in chunks)
    outcomes = [outcome for chunk in done for outcome in chunk]
    return (
        np.array([o for o, _, _ in outcomes]).reshape(-1, 3),
        np.array([a for _, a, _ in outcomes]),
        np.array([c for _, _, c in outcomes], dtype=np.int64),
    )


_loaded = functools.lru_cache(maxsize=2)(Detector.load)  # once a process


def _score_some(texts: Sequence[str], folder: str) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for verdict in _loaded(folder).score_many(texts):
        p = verdict.probabilities
        called = UNKNOWN if verdict.label is None else LABELS.index(verdict.label)
        # Undefined where nothing was scored, and where the language is not its own: a number without a promise.
        spoken = p is not None and verdict.abstained_because != "unsupported_language"
        origin = (p["original"], p["rewritten"], p["aggregated"]) if p is not None and spoken else (np.nan,) * 3
        ai = verdict.ai_probability if spoken else None
        outcomes.append((origin, np.nan if ai is None else ai, called))
    return outcomes


def keep_tracing(output: Path, folder: Path, jobs: int, say: Say) -> None:
    """Measures on a corpus folder how sources are traced, and keeps that under `output` for `publish` to tell."""
    from detector.training import tracing  # holds an index in memory, which nothing else here needs

    say("tracing sources")
    section, told = tracing.evaluate(folder, jobs)
    kept = (output / PAGE).with_suffix("") / TRACING
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"section": section, "figures": told}, indent=1, ensure_ascii=False) + "\n", "utf-8")


def publish(scores: Scores, report: Path, say: Say) -> Figure:
    """The figures of some scores, after writing the page `report` and, in a folder of its name, all else.

    What `keep_tracing` left in that folder stands in both.
    """
    folder = report.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    told = figures(scores)
    if changed := told["about"].pop("robustness", None):
        told["robustness"] = changed
    traced = json.loads((folder / TRACING).read_text("utf-8")) if (folder / TRACING).exists() else None
    if traced:
        told["tracing"] = traced["figures"]
    try:
        drawn = plots.draw(told, folder)
    except UsageError as e:
        say(f"no plots are drawn: {e}")
        drawn = []
    written = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / FIGURES).write_text(written, "utf-8")
    page = account.page(told, folder.name, drawn)
    report.write_text(f"{page}\n{traced['section']}" if traced else page, "utf-8")
    scores.save(folder / SCORES)
    say(f"wrote {report}, and {FIGURES}, {SCORES} and {len(drawn)} plots in {folder}")
    return told


def read_figures(folder: Path) -> dict[str, Any]:
    """The figures that an evaluation wrote under `folder`. Raises UsageError if there are none."""
    path = (folder / PAGE).with_suffix("") / FIGURES
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        raise UsageError(f"{path} holds no figures: run `detector evaluate CORPUS --output {folder}` first") from None
