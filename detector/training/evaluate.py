"""Evaluate: every row scored by a model that saw neither its dataset nor its group, and what that says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn.metrics import roc_auc_score

from detector.article import Article
from detector.model import Array
from detector.model import calibrate as apply_calibration
from detector.training import variants as make
from detector.training.corpus import Row, assign_folds, training_mask
from detector.training.fit import Weights, find_carriers, find_lift, find_self_naming, fit, fit_calibration, weigh
from detector.training.table import UNKNOWN, Table, tabulate
from detector.training.variants import Variant
from detector.verdict import LABELS, Label

N_FOLDS = 24
BANDS = (50, 100, 300, None)  # first words of a text; None is the whole
FALSE_CALLS: dict[Label, float] = {"aggregated": 0.009, "rewritten": 0.0003}  # of human originals; together under 1%
LENGTHS = (25, 30, 40, 50, 75, 100, 150, 300)  # words at which people's texts are cut to find the shortest safe length
SAFE = {"false calls": 0.01, "ai over": 0.02}  # shares of people's texts; labels accuse, the ai probability is shown
BASELINES = ("n-grams", "signals", "length")
_EXTRA = tuple(n for n in LENGTHS if n not in BANDS)  # of people's texts alone, so nothing is fitted on them
# Benchmarks whose line breaks tell how they were made and not who wrote them: all get the same dice there.
ARTEFACT_LINES = frozenset(
    "biscope detectrl_test fdgpt_closed_models imbd imbd_polish500 l2d l2r lastde llmfake outfox politifact_pp "
    "sheepdog".split()
)


@dataclass(frozen=True)
class Judge:
    """The model that scored one fold, none of whose datasets it saw."""

    weights: Weights
    calibration: dict[str, Array]

    def probabilities(self, table: Table) -> tuple[Array, Array]:
        """Calibrated probabilities, (n, 3) of LABELS and (n,) of a language model."""
        total = self.weights.score(table)
        return apply_calibration(self.calibration, total, table.n_words, find_carriers(table))


@dataclass(frozen=True)
class HeldOut:
    """Held-out rows at every length band: the table, each entry's band and fold, the uncalibrated sums of the model and
    of each baseline (n, 4), probabilities calibrated on the other folds, and the model of each fold."""

    table: Table
    band: npt.NDArray[np.int64]  # words, 0 for the whole text
    fold: npt.NDArray[np.int64]
    sums: dict[str, Array]
    origin: Array
    ai: Array
    judges: tuple[Judge, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """What a model is made of: the columns, what each head may not see, the vocabulary, the dice's seed, processes."""

    features: tuple[str, ...]
    excluded: dict[str, tuple[str, ...]]
    vocabulary: tuple[str, ...]
    seed: int
    jobs: int
    n_composed: int = 100  # made-up texts of each kind, a fold


def training_table(
    rows: Sequence[Row], folds: npt.NDArray[np.int64], recipe: Recipe
) -> tuple[Table, npt.NDArray[np.int64]]:
    """The variants of all rows, measured, with the fold of each."""
    rng = np.random.default_rng(recipe.seed)
    listed = [(v, int(f)) for row, f in zip(rows, folds, strict=True) for v in make.vary(row, rng)]
    for f in np.unique(folds):
        own = [r for r, g in zip(rows, folds, strict=True) if g == f]
        listed += [(v, int(f)) for v in make.compose(own, recipe.n_composed, recipe.seed + int(f))]
    listed = [(v, f) for v, f in listed if len(v.text.split()) >= 20]
    table = tabulate([v for v, _ in listed], recipe.vocabulary, recipe.jobs)
    place = {id(v): f for v, f in listed}
    return table, np.array([place[id(v)] for v in table.variants], dtype=np.int64)


def held_out_table(
    rows: Sequence[Row], folds: npt.NDArray[np.int64], recipe: Recipe
) -> tuple[Table, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows as they are scored, whole and by their first words, with the band and fold of each."""
    rng = np.random.default_rng(recipe.seed + 1)
    listed: list[tuple[Variant, int, int]] = []
    for row, f in zip(rows, folds, strict=True):
        text = make.clean(row, rng)
        if row.unit in ARTEFACT_LINES:
            text = make.relayer(text, rng)
        article = Article(text[:60_000])
        for band in (*BANDS, *_EXTRA) if row.surely_human and row.origin == "original" else BANDS:
            if band is None:
                listed.append((Variant(row, article.text), 0, int(f)))
            elif article.n_words >= 1.2 * band:
                # a digest's first words may be one item: at short lengths only the ai head is asked about it
                labels = replace(row, origin=None) if row.origin == "aggregated" and band < 300 else row
                listed.append((Variant(labels, make.crop(article, band, None)), band, int(f)))
    table = tabulate([v for v, _, _ in listed], recipe.vocabulary, recipe.jobs)
    place = {id(v): (band, f) for v, band, f in listed}
    pairs = np.array([place[id(v)] for v in table.variants], dtype=np.int64).reshape(-1, 2)
    return table, pairs[:, 0], pairs[:, 1]


def hold_out(train_rows: Sequence[Row], test_rows: Sequence[Row], recipe: Recipe) -> tuple[HeldOut, Table]:
    """Every test row scored by models fitted without its dataset, its family of datasets and its group; and the table
    that they were fitted on, each on its part."""
    everything = list(train_rows) + list(test_rows)
    folds = assign_folds(everything, N_FOLDS)
    train_folds, test_folds = folds[: len(train_rows)], folds[len(train_rows) :]
    train, train_fold = training_table(train_rows, train_folds, recipe)
    test, band, fold = held_out_table(test_rows, test_folds, recipe)
    test_groups = [
        {r.group for r, f in zip(test_rows, test_folds, strict=True) if f == k and r.group} for k in range(N_FOLDS)
    ]

    def run(k: int) -> tuple[dict[str, Array], Weights]:
        chosen = training_mask([v.row for v in train.variants], train_fold, k)
        chosen &= np.array([v.row.group not in test_groups[k] for v in train.variants])
        own = select(test, np.flatnonzero(fold == k))
        model = fit(train, chosen, recipe.features, recipe.excluded)
        models = {
            "model": model,
            "n-grams": fit(train, chosen, (), {}, ("words",)),
            "signals": fit(train, chosen, recipe.features, recipe.excluded, (), model.trees),
        }
        scores = {name: weights.score(own) for name, weights in models.items()}
        return scores | {"length": np.repeat(np.log(own.n_words)[:, None], 4, axis=1)}, models["model"]

    sums: dict[str, Array] = {}
    fitted: list[Weights] = []
    # threads share the tables, and the sparse products that fitting consists of let go of the interpreter's lock
    for k, (scores, weights) in enumerate(
        Parallel(n_jobs=recipe.jobs, backend="threading")(delayed(run)(k) for k in range(N_FOLDS))
    ):
        for name, s in scores.items():
            sums.setdefault(name, np.zeros((len(fold), 4)))[fold == k] = s
        fitted.append(weights)
    lifts = [lift_on(test, band, sums["model"], fold != k) for k in range(N_FOLDS)]
    origin, ai, calibrations = calibrate_across(test, band, fold, sums["model"], lifts)
    judges = tuple(Judge(w.lifted(lift), c) for w, lift, c in zip(fitted, lifts, calibrations, strict=True))
    return HeldOut(test, band, fold, sums, origin, ai, judges), train


def calibrate_on(
    table: Table, band: npt.NDArray[np.int64], sums: Array, chosen: npt.NDArray[np.bool_] | None = None
) -> dict[str, Array]:
    """Calibration arrays from (chosen) held-out rows; not from lengths at which only people's texts are."""
    rows = _in_bands(band, chosen)
    return fit_calibration(sums[rows], table.n_words[rows], table.origin[rows], table.ai[rows], table.units[rows])


def lift_on(
    table: Table, band: npt.NDArray[np.int64], sums: Array, chosen: npt.NDArray[np.bool_] | None = None
) -> Array:
    """The lift (3,) of texts that name themselves, from the same rows as the calibration."""
    rows = _in_bands(band, chosen)
    naming = find_self_naming(table)[rows]
    return find_lift(sums[rows], naming, table.n_words[rows], table.origin[rows], table.units[rows])


def lift_sums(table: Table, sums: Array, lift: Array) -> Array:
    """The sums (n, 4) that `Weights.lifted` gives."""
    lifted = sums.copy()
    lifted[:, :3] += find_self_naming(table)[:, None] * lift
    return lifted


def _in_bands(band: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_]:
    return np.asarray(np.isin(band, [b or 0 for b in BANDS]) & (True if chosen is None else chosen))


def calibrate_across(
    table: Table,
    band: npt.NDArray[np.int64],
    fold: npt.NDArray[np.int64],
    sums: Array,
    lifts: Sequence[Array] | None = None,
) -> tuple[Array, Array, list[dict[str, Array]]]:
    """Probabilities of origin (n, 3) and ai (n,), each fold's calibrated on the others; and the calibrations.

    `lifts` (3,) of the folds, if any, are added to the sums of what names itself.
    """
    origin, ai = np.zeros((len(fold), 3)), np.zeros(len(fold))
    carries = find_carriers(table)
    calibrations = []
    for k in range(int(fold.max()) + 1):
        others, own = fold != k, fold == k
        lifted = sums if lifts is None else lift_sums(table, sums, lifts[k])
        calibration = calibrate_on(table, band, lifted, others)
        origin[own], ai[own] = apply_calibration(calibration, lifted[own], table.n_words[own], carries[own])
        calibrations.append(calibration)
    return origin, ai, calibrations


def select(table: Table, rows: npt.NDArray[np.int64]) -> Table:
    """Some rows of a table."""
    return Table(
        [table.variants[i] for i in rows],
        table.values[rows],
        table.grams[rows],
        table.n_words[rows],
        table.origin[rows],
        table.ai[rows],
    )


def threshold_at(scores: Array, weights: Array, fpr: float) -> float:
    """The lowest threshold that at most a weighted share `fpr` of these (negative) scores reaches."""
    order = np.argsort(-scores, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    n = int(np.searchsorted(share, fpr, side="right"))
    return float(np.nextafter(scores[order][n], np.inf)) if n < len(scores) else float(scores.min())


def auroc(positive: Array, negative: Array) -> float:
    """The chance that a positive scores above a negative."""
    if not len(positive) or not len(negative):
        return float("nan")
    return float(roc_auc_score(np.r_[np.ones(len(positive)), np.zeros(len(negative))], np.r_[positive, negative]))


def interval(statistic: Callable[..., float], *samples: Array, seed: int = 0, n: int = 200) -> tuple[float, float]:
    """The 95% bootstrap interval of a statistic of independent samples, each resampled by row."""
    rng = np.random.default_rng(seed)
    draws = [statistic(*(s[rng.integers(0, len(s), len(s))] for s in samples)) for _ in range(n)]
    low, high = np.nanquantile(draws, [0.025, 0.975])
    return float(low), float(high)


def calibration_error(probability: Array, truth: npt.NDArray[np.bool_], weights: Array, bins: int = 10) -> float:
    """Expected calibration error over equal-width bins (Naeini et al. 2015), weighted."""
    which = np.minimum((probability * bins).astype(int), bins - 1)
    total = 0.0
    for b in range(bins):
        here = which == b
        if here.any():
            w = weights[here]
            total += w.sum() * abs(np.average(probability[here], weights=w) - np.average(truth[here], weights=w))
    return float(total / weights.sum())


def humans(out: HeldOut, band: int) -> npt.NDArray[np.bool_]:
    """Held-out texts at a band that people surely wrote, as originals: what a false-positive rate is measured on."""
    rows = [v.row for v in out.table.variants]
    surely = np.array([r.surely_human for r in rows], dtype=bool)
    return np.asarray((out.band == band) & (out.table.ai == 0) & (out.table.origin == 0) & surely)


def choose_thresholds(out: HeldOut) -> dict[str, dict[str, float | int | str]]:
    """The bar for each label (detector.verdict.decide), and the share of held-out human originals that clears it."""
    rows = np.flatnonzero(humans(out, 0) | humans(out, 300))
    weights = _flat(out, rows)
    best, certainty = out.origin[rows].argmax(axis=1), 1 - out.origin[rows, 0]
    chosen: dict[str, dict[str, float | int | str]] = {
        "original": {"value": 0.5, "on": "no false accusation: the likeliest label, and likelier than not"}
    }
    for label, fpr in FALSE_CALLS.items():
        value = threshold_at(np.where(best == LABELS.index(label), certainty, 0.0), weights, fpr)
        where = "held-out human originals from before November 2022"
        chosen[label] = {"value": round(max(value, 0.5), 4), "fpr": fpr, "n": len(rows), "on": where}
    return chosen


def measure_lengths(out: HeldOut, thresholds: Mapping[str, Mapping[str, Any]]) -> list[dict[str, float | int]]:
    """For each of LENGTHS, the share of people's texts cut to so many words that is called rewritten or aggregated, and
    the share whose ai probability reaches what 1% of their texts of 300 words or more reach."""
    long = np.flatnonzero(humans(out, 0) | humans(out, 300))
    bar = threshold_at(out.ai[long], _flat(out, long), 0.01)
    called = decide_all(out.origin, thresholds)
    measured: list[dict[str, float | int]] = []
    for words in LENGTHS:
        rows = np.flatnonzero(humans(out, words))
        if len(rows):
            weights = _flat(out, rows)
            false = float(np.average(called[rows] > 0, weights=weights))
            over = float(np.average(out.ai[rows] >= bar, weights=weights))
            measured.append({"words": words, "n": len(rows), "false calls": round(false, 5), "ai over": round(over, 5)})
    return measured


def choose_min_words(measured: Sequence[Mapping[str, float | int]]) -> int:
    """The shortest length from which on neither share in `measure_lengths` is above its limit in SAFE.

    The bars were set on texts of 300 words and more, so those count as safe.
    """
    safe = LENGTHS[-1]
    for m in reversed([m for m in measured if m["words"] < LENGTHS[-1]]):
        if any(m[name] > most for name, most in SAFE.items()):
            break
        safe = int(m["words"])
    return safe


def _flat(out: HeldOut, rows: npt.NDArray[np.int64]) -> Array:
    return weigh(out.table.units[rows], np.zeros(len(rows), dtype=np.int64))


def decide_all(origin: Array, thresholds: Mapping[str, Mapping[str, Any]]) -> npt.NDArray[np.int64]:
    """Label indices by the rule of detector.verdict.decide, UNKNOWN where it abstains."""
    best = origin.argmax(axis=1)
    certainty = np.where(best == 0, origin[:, 0], 1 - origin[:, 0])
    bars = np.array([float(thresholds[label]["value"]) for label in LABELS])
    return np.where(certainty >= bars[best], best, UNKNOWN)
