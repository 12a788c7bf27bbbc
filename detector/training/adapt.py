"""Adapt: a model for somebody's own labelled texts, alone or added to a model that there is.

Both are a logistic regression on the columns of the base model (its knots, n-grams and common words). Added to a base,
the base's own sums, which are large, are further columns that the penalty hardly touches, so what is learnt is a
correction that is pulled towards nothing: with few texts the base's answer stands, with many theirs does (Chelba and
Acero 2004, "Adaptation of maximum entropy capitalizer: little data can help a lot"). A sum of sums is a sum, so the
result is a model like any other; a base's trees are kept as they are, but for how much they count.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression

from detector import model as models
from detector.errors import CorpusError
from detector.features import COLUMNS
from detector.model import HEADS, Array, StoredModel, length_basis
from detector.model import calibrate as apply_calibration
from detector.training import assess, labelled, publish
from detector.training.corpus import Row, assign_folds
from detector.training.evaluate import (
    FALSE_CALLS,
    HeldOut,
    Recipe,
    choose_thresholds,
    decide_all,
    held_out_table,
    humans,
    select,
    training_table,
)
from detector.training.fit import (
    CURVE_SCALE,
    Weights,
    find_carriers,
    hat_matrix,
    tell_apart,
    weigh,
)
from detector.training.scores import Integers, Mask, Thresholds, decide_crossed, gather
from detector.training.table import UNKNOWN, Table
from detector.verdict import LABELS

N_FOLDS = 5
FEWEST = 40  # texts of a class
ENOUGH_HUMANS = 300  # originals that a bar of under 1% can be set on without the base's
STRENGTHS = (0.01, 0.1, 1.0)  # inverse penalties, chosen by held-out loss
LANDMARKS = 2500  # texts that span the fit; up to that many it is exact
CLASSES: dict[str, tuple[str, ...]] = {"origin": LABELS, "ai": ("not ai", "ai")}
PLACES = {"origin": [0, 1, 2], "ai": [3]}  # a head's columns in HEADS

Say = Callable[[str], None]


def train(
    path: Path, output: Path, report: Path | None, base: str | None, jobs: int, say: Say
) -> dict[str, tuple[float, bool]]:
    """For each head that was fitted, the inverse penalty and whether a base was added to; the model is in `output`.

    `base` is a model's folder, `shipped` for the one in the package, or None to fit alone: then the shipped model still
    lends its columns, and its answers for a head without labels.
    Raises CorpusError for texts that cannot work and UsageError if `output` exists.
    """
    publish.refuse_existing(output)
    rows = labelled.read(path)
    heads = find_heads(rows)
    refuse_leaks(rows)
    frame = models.load(None if base in (None, "shipped") else base)
    keys, how = choose_keys(rows, heads)
    folds = assign_folds([replace(r, unit=k) for r, k in zip(rows, keys, strict=True)], N_FOLDS)
    refuse_thin_folds(rows, folds, heads)
    say(f"{len(rows)} texts; fitting {' and '.join(heads)}; {how}")
    recipe = Recipe(frame.features, publish.EXCLUDED, frame.vocabulary, publish.SEED, jobs, n_composed=0)
    table, table_fold = training_table(rows, folds, recipe)
    test, band, fold = held_out_table(rows, folds, recipe)
    wholly = Weights(frame.features, frame.knots, frame.curves, dict(frame.grams), frame.intercept, frame.trees)
    design = Design.of(table, wholly)
    added = base is not None
    strengths: dict[str, float] = {}
    reduced = {head: design.reduce(head) for head in heads}
    for head in heads:
        strengths[head] = choose_strength(design, reduced[head], table_fold, added)
        say(f"{head}: inverse penalty {strengths[head]:g} by held-out loss")
    sums, base_sums = np.zeros((len(fold), 4)), wholly.score(test)
    for k in range(N_FOLDS):
        own = fold == k
        fitted = design.fit(table_fold != k, strengths, reduced, added)
        sums[own] = fitted.score(select(test, np.flatnonzero(own)))
    origin, ai = np.zeros((len(fold), 3)), np.zeros(len(fold))
    carries = find_carriers(test)
    for k in range(N_FOLDS):
        own = fold == k
        calibration = calibrate(sums, test, ~own, frame, heads)
        origin[own], ai[own] = apply_calibration(calibration, sums[own], test.n_words[own], carries[own])
    base_origin, base_ai = apply_calibration(frame.calibration, base_sums, test.n_words, carries)
    out = HeldOut(test, band, fold, {"model": sums}, origin, ai)
    bars = choose_bars(out, frame, "origin" in heads)
    about = {
        "how": "own",
        "folds": how,
        "model": output.name,
        "corpus": labelled.digest(path),
        "seed": publish.SEED,
        "rows": len(rows),
        "units": len({r.unit for r in rows}),
        "thresholds": bars,
        "min_words": frame.manifest["min_words"],
        "base": frame.id,
        "heads": {h: {"added": added, "inverse_penalty": s} for h, s in strengths.items()},
    }
    scores = gather(
        test,
        band,
        about,
        {"model": origin, "base": base_origin},
        {"model": ai, "base": base_ai},
        {"model": decide_all(origin, bars), "base": decide_all(base_origin, frame.manifest["thresholds"])},
        decide_crossed(replace(out, table=replace(test, grams=sp.csr_matrix((len(fold), 0)))))
        if "origin" in heads
        else decide_all(origin, bars),
    )
    say("fitting on all of them")
    final = design.fit(np.ones(len(table_fold), dtype=bool), strengths, reduced, added)
    calibration = calibrate(sums, test, np.ones(len(fold), dtype=bool), frame, heads)
    carriers = dict(frame.manifest["carriers"])
    publish.write(output, final, calibration, scores, frame.vocabulary, rows, {}, carriers)
    if report is not None:
        assess.publish(scores, report, say)
    say(f"wrote {output}")
    return {head: (s, added) for head, s in strengths.items()}


# ---- what cannot work


def find_heads(rows: Sequence[Row]) -> list[str]:
    """The heads that these labels can fit. Raises CorpusError if a head has labels, but not enough of each."""
    heads = []
    for head, classes in CLASSES.items():
        labels = _labels(rows, head)
        counts = Counter(labels[labels != UNKNOWN].tolist())
        if not counts:
            continue
        if len(counts) == 1:
            only = classes[next(iter(counts))]
            raise CorpusError(
                f"`{head}` has one class only ({only}): nothing can be told apart; add texts of the others, or leave "
                f"the column `{head}` out"
            )
        thin = [f"{counts[i]} of {name!r}" for i, name in enumerate(classes) if counts[i] < FEWEST]
        if thin:
            raise CorpusError(
                f"`{head}` has too few texts ({', '.join(thin)}): it needs {FEWEST} of each class; add some, or leave "
                f"the column `{head}` out"
            )
        heads.append(head)
    return heads


def refuse_leaks(rows: Sequence[Row]) -> None:
    """Raises CorpusError where one text stands twice with other labels, or in other groups or datasets."""
    seen: dict[str, Row] = {}
    for row in rows:
        opening = " ".join(row.text.lower().split()[:40])
        first = seen.setdefault(opening, row)
        if (first.origin, first.ai) != (row.origin, row.ai):
            raise CorpusError(f"texts {first.id!r} and {row.id!r} open alike and have other labels: keep one of them")
        if (first.group, first.unit) != (row.group, row.unit):
            raise CorpusError(
                f"texts {first.id!r} and {row.id!r} open alike and stand in other groups or datasets, so a held-out "
                "text would be known from training: keep one of them, or give both one group and dataset"
            )


def choose_keys(rows: Sequence[Row], heads: Sequence[str]) -> tuple[list[str], str]:
    """What is held out together, for each row, and a sentence for it: datasets if every class is in three or more.

    Datasets that share a group are held out together.
    """
    joined: dict[str, str] = {}

    def root(name: str) -> str:
        while (up := joined.get(name, name)) != name:
            name = up
        return name

    by_group: dict[str, str] = {}
    for row in rows:
        if row.group:
            joined[root(row.unit)] = root(by_group.setdefault(row.group, row.unit))
    units = [root(r.unit) for r in rows]
    spread = {
        (head, int(label)): {u for u, x in zip(units, _labels(rows, head), strict=True) if x == label}
        for head in heads
        for label in range(len(CLASSES[head]))
    }
    if min(len(s) for s in spread.values()) >= N_FOLDS:
        return units, f"whole datasets are held out, {len(set(units))} in {N_FOLDS} folds"
    openings = [" ".join(r.text.lower().split()[:40]) for r in rows]
    keys = [f"group {r.group}" if r.group else f"text {o}" for r, o in zip(rows, openings, strict=True)]
    return keys, (
        f"groups of texts are held out in {N_FOLDS} folds, for not every class is in {N_FOLDS} datasets: figures on "
        "outlets and generators that are not in these texts will be lower"
    )


def refuse_thin_folds(rows: Sequence[Row], folds: Integers, heads: Sequence[str]) -> None:
    """Raises CorpusError if leaving a fold out would leave a class without texts, or if all texts are one group."""
    for head in heads:
        labels = _labels(rows, head)
        for k in range(N_FOLDS):
            left = set(labels[(folds != k) & (labels != UNKNOWN)].tolist())
            missing = [name for i, name in enumerate(CLASSES[head]) if i not in left]
            if missing:
                raise CorpusError(
                    f"too few groups: all texts of {missing[0]!r} in `{head}` share their groups, so none is left to "
                    "train on when they are held out; use smaller groups"
                )


def _labels(rows: Sequence[Row], head: str) -> Integers:
    if head == "ai":
        return np.array([UNKNOWN if r.ai is None else int(r.ai) for r in rows], dtype=np.int64)
    return np.array([UNKNOWN if r.origin is None else LABELS.index(r.origin) for r in rows], dtype=np.int64)


# ---- fitting


@dataclass(frozen=True)
class Design:
    """Rows as columns to fit on: curves' shares, the n-grams that occur, and the base's sums."""

    table: Table
    base: Weights
    x: sp.csr_matrix
    usual: Array  # (n_features * n_knots,)
    occurring: dict[str, npt.NDArray[np.int64]]  # columns of each block
    sums: Array  # (n, 4)

    @classmethod
    def of(cls, table: Table, base: Weights) -> Design:
        values = table.values[:, [COLUMNS.index(f) for f in base.features]]
        shares = hat_matrix(values, base.knots).toarray()
        known = np.repeat(~np.isnan(values), base.knots.shape[1], axis=1)
        usual = shares.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        # centred, so that an undefined number adds nothing and a curve is measured from the usual text
        parts = [sp.csr_matrix((shares - known * usual) * CURVE_SCALE)]
        occurring = {}
        for block in base.grams:
            grams = table.blocks[block]
            occurring[block] = np.flatnonzero(np.asarray((grams > 0).sum(axis=0)).ravel() >= 2)
            parts.append(grams[:, occurring[block]])
        x = sp.hstack(parts, format="csr", dtype=np.float64)
        return cls(table, base, x, usual, occurring, base.score(table))

    def reduce(self, head: str) -> Reduced:
        """What a head may see, in as many directions as there are texts: a fit with a quadratic penalty needs no more.

        Source: the representer theorem (Kimeldorf and Wahba 1971); over LANDMARKS texts, Williams and Seeger 2001,
        "Using the Nystroem method to speed up kernel machines".
        """
        barred = publish.EXCLUDED.get(head, ())
        hidden = [f in barred or f.partition(".")[0] in barred for f in self.base.features]
        seen = np.ones(self.x.shape[1])
        seen[: len(self.usual)] = ~np.repeat(np.array(hidden, dtype=bool), self.base.knots.shape[1])
        # Words are shown to both heads: what somebody's own texts are about may well tell what they are.
        shown = {b: b == "words" or f"wording.{b}" not in barred for b in self.occurring}
        seen[len(self.usual) :] = np.concatenate([np.full(len(c), shown[b]) for b, c in self.occurring.items()])
        n, n_curves = self.x.shape[0], len(self.usual)
        marks = np.sort(np.random.default_rng(publish.SEED).permutation(n)[:LANDMARKS])
        curves = self.x[:, :n_curves].toarray() * seen[:n_curves]
        grams = self.x[:, n_curves:].multiply(seen[n_curves:]).tocsr()
        kernel = curves @ curves[marks].T + (grams @ grams[marks].T).toarray()
        values, vectors = np.linalg.eigh(kernel[marks])
        kept = values > 1e-9 * values.max()
        turn = vectors[:, kept] / np.sqrt(values[kept])
        return Reduced(head, kernel @ turn, sp.hstack([sp.csr_matrix(curves[marks]), grams[marks]]).T.tocsr(), turn)

    def fit(self, chosen: Mask, strengths: Mapping[str, float], reduced: Mapping[str, Reduced], added: bool) -> Weights:
        """A model of the chosen rows; a head that has no strength keeps the base's weights."""
        base, n_curves = self.base, len(self.usual)
        curves, intercept = base.curves.copy(), base.intercept.copy()
        grams = {block: np.array(w, dtype=np.float64) for block, w in base.grams.items()}
        of_trees = np.eye(len(HEADS))
        for head, strength in strengths.items():
            places = PLACES[head]
            own_columns = reduced[head].columns(self, added)
            coefficients, offset = _regress(own_columns, self, head, chosen, strength)
            n_base = len(places) if added else 0
            mix, delta = coefficients[:n_base], reduced[head].expand(coefficients[n_base:])
            # on the scale of the base's sums, which a kept origin calibration reads too
            total = own_columns[chosen] @ coefficients
            scale = max(float(self.sums[chosen][:, places].std()), 1e-6) / max(float(total.std()), 1e-6)
            old = {
                "curves": base.curves[:, :, places],
                "intercept": base.intercept[places],
                **{b: np.asarray(w[:, places], dtype=np.float64) for b, w in base.grams.items()},
            }
            own = {name: (a @ mix if added else np.zeros_like(a)) for name, a in old.items()}
            raw = delta[:n_curves] * CURVE_SCALE
            shape = (len(base.features), base.knots.shape[1], len(places))
            centred = raw.reshape(shape) - (raw * self.usual[:, None]).reshape(shape).sum(axis=1, keepdims=True)
            curves[:, :, places] = (own["curves"] + centred) * scale
            at = n_curves
            for block, columns in self.occurring.items():
                own[block][columns] += delta[at : at + len(columns)]
                grams[block][:, places] = own[block] * scale
                at += len(columns)
            intercept[places] = (own["intercept"] + offset) * scale
            of_trees[np.ix_(places, places)] = mix * scale if added else 0.0
        by_block = {b: w.astype(np.float32) for b, w in grams.items()}
        return Weights(base.features, base.knots, curves, by_block, intercept, base.trees.mixed(of_trees))


@dataclass(frozen=True)
class Reduced:
    """A design's columns turned into few directions, and the way back."""

    head: str
    z: Array  # (n, directions)
    landmarks: sp.csr_matrix  # (columns, landmarks)
    turn: Array  # (landmarks, directions)

    def columns(self, design: Design, added: bool) -> Array:
        """What is fitted on: the directions, behind the base's sums if it is added to."""
        return np.hstack([design.sums[:, PLACES[self.head]], self.z]) if added else self.z

    def expand(self, coefficients: Array) -> Array:
        """Coefficients of the design's columns from those of the directions, (columns, classes or 1)."""
        return np.asarray(self.landmarks @ (self.turn @ coefficients))


def _regress(
    x: Array, design: Design, head: str, chosen: Mask, strength: float
) -> tuple[npt.NDArray[np.float64], Array]:
    """Coefficients (columns, classes or 1) and intercepts."""
    labels = design.table.origin if head == "origin" else design.table.ai
    rows = np.flatnonzero(chosen & (labels != UNKNOWN))
    fitted = LogisticRegression(C=strength, max_iter=2000, tol=1e-3)
    fitted.fit(x[rows], labels[rows], sample_weight=weigh(design.table.units[rows], labels[rows]))
    return fitted.coef_.T, fitted.intercept_


def choose_strength(design: Design, reduced: Reduced, folds: Integers, added: bool) -> float:
    """The inverse penalty with the lowest held-out log loss, classes and datasets weighted as in fitting."""
    labels = design.table.origin if reduced.head == "origin" else design.table.ai
    x = reduced.columns(design, added)
    losses: dict[float, float] = defaultdict(float)
    for strength in STRENGTHS:
        for k in range(N_FOLDS):
            own = np.flatnonzero((folds == k) & (labels != UNKNOWN))
            if not len(own):
                continue
            coefficients, offset = _regress(x, design, reduced.head, folds != k, strength)
            z = x[own] @ coefficients + offset
            z = np.hstack([np.zeros_like(z), z]) if z.shape[1] == 1 else z
            log_p = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
            weights = weigh(design.table.units[own], labels[own])
            losses[strength] -= float((log_p[np.arange(len(own)), labels[own]] * weights).sum())
    return min(STRENGTHS, key=lambda s: (losses[s], s))


def calibrate(sums: Array, table: Table, chosen: Mask, base: StoredModel, heads: Sequence[str]) -> dict[str, Array]:
    """Calibration from held-out sums for the heads that were fitted, the base's for the other.

    Penalised, for it has some hundred texts to go by: it stays near a slope that does not bend with length.
    """
    result = {head: np.array(a) for head, a in base.calibration.items()}
    basis = length_basis(table.n_words, 1)
    if "ai" in heads:
        rows = np.flatnonzero(chosen & (table.ai != UNKNOWN))
        design = np.hstack([basis * sums[:, 3:4], basis])[rows]
        fitted = LogisticRegression(C=1.0, max_iter=1000, fit_intercept=False)
        fitted.fit(design, table.ai[rows], sample_weight=weigh(table.units[rows], table.ai[rows]))
        result["ai"] = np.stack([fitted.coef_[0][:2], fitted.coef_[0][2:]], axis=1)
    if "origin" in heads:
        rows = np.flatnonzero(chosen & (table.origin != UNKNOWN))
        scores = np.hstack([sums, np.ones((len(sums), 1))])
        design = np.hstack([scores * b[:, None] for b in basis.T])[rows]
        fitted = LogisticRegression(C=1.0, max_iter=2000, fit_intercept=False)
        fitted.fit(design, table.origin[rows], sample_weight=weigh(table.units[rows], table.origin[rows]))
        n = len(HEADS) + 1
        result["origin"] = fitted.coef_.reshape(len(LABELS), -1, n).transpose(1, 0, 2)
        result["which"] = tell_apart(
            sums[rows], table.n_words[rows], table.origin[rows], table.ai[rows], table.units[rows], strength=1.0
        )
    return result


def choose_bars(out: HeldOut, base: StoredModel, fitted: bool) -> Thresholds:
    """The bar of each label: set on held-out originals of theirs, and never under the base's while those are few."""
    bars = {label: dict(bar) for label, bar in base.manifest["thresholds"].items()}
    if not fitted or not (humans(out, 0) | humans(out, 300)).any():
        return bars
    n = int(humans(out, 0).sum())
    own: dict[str, Any] = choose_thresholds(out)
    for label in FALSE_CALLS:
        bar = {**own[label], "on": f"held-out human originals of these texts ({n} whole ones)"}
        if n < ENOUGH_HUMANS and bars[label]["value"] > bar["value"]:
            bar = {**bars[label], "on": f"{bars[label]['on']} of {base.id}: {n} originals are too few for a lower bar"}
        bars[label] = bar
    return bars
