"""Fit: tables -> the arrays of a model: curves of the numbers, weights of hashed n-grams, and small trees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier

from detector.errors import CorpusError
from detector.features import COLUMNS
from detector.model import HEADS, Array, length_basis
from detector.signals.wording import BITS, BLOCKS
from detector.training.table import UNKNOWN, Table
from detector.trees import Trees
from detector.verdict import LABELS

KNOT_QUANTILES = (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99)
CURVE_SCALE = 0.25  # how freely curves move, beside n-grams
INVERSE_PENALTY = 30.0  # 1 / (alpha * rows); 10 to 100 are within noise of each other on held-out datasets
EPOCHS = 10
HARD = 4.0  # how much more a human original counts that looks aggregated: who is wronged most is learnt best
HARD_IN_TREES = 8.0  # the same in the trees, where twice as much costs no recall of aggregators
SPREAD = 4.0  # the standard deviation of a head's sums in training, about what log-odds have
TREES = {"origin": 0.8, "ai": 0.5}  # how much trees over the measured numbers count, beside the linear sums
# How they grow. Twice as many trees, twice as large, gained for `ai` and nothing for `origin` (docs/training.md).
GROWTH = {
    "origin": {"max_iter": 60, "learning_rate": 0.15, "max_leaf_nodes": 16, "max_depth": 6, "min_samples_leaf": 60},
    "ai": {"max_iter": 120, "learning_rate": 0.12, "max_leaf_nodes": 31, "max_depth": 8, "min_samples_leaf": 200},
}
# How much of `ai`'s words is told by texts against their own sources, for on one topic only the writer differs.
PAIRED = 0.15
PAIRED_BLOCK = "words"  # the style has little topic to take out
CURVES = "curves"  # the part of the columns that are shares of knots, beside the blocks of n-grams
NEVER_ALONE = (CURVES, "layout")  # parts that have no fit of their own
# What a page must carry for a retold story on it to be aggregated by definition: two listed sources or stamped teasers.
CARRIERS = {"structure.listed_sources_log": float(np.log(3)), "residue.time_stamped_items_log": float(np.log(3))}
# What probabilities of origin presume of a text before it is read: accusing is no likelier than not. What is both
# retold and assembled is aggregated (docs/labels.md), so that is presumed of more.
PRIOR = {"original": 0.5, "rewritten": 0.2, "aggregated": 0.3}
Names = npt.NDArray[np.str_]

# In how many ways a text says what it is. Most training sets have them in all of their texts or in none, so that a fit
# makes little of them: what they are worth on datasets of others is told by those that were held out (`find_lift`).
SELF_NAMING = "issue.kinds"

DEGREE = 2  # of calibration by length: a line from the shortest to the longest is too sure of texts of 75 to 150 words
# A short text is doubtful, and the doubt is the writer's: so much more people's texts under so many words weigh in
# calibrating `ai`. It takes people over the 1% bar of long texts from 2.3% to 1.7% and calibration errors stay.
SHORT, DOUBT = 80, 1.25
FEW_COLUMNS = "newton-cholesky"  # the solver that is fast with many rows of a few columns of different size
SHORTEST_DIGEST = 120  # words; of a digest's first hundred nobody is asked whether they are one
BALANCE = 0.5  # a unit of n rows weighs n**(1 - BALANCE)


@dataclass(frozen=True)
class Weights:
    """The uncalibrated part of a model; see detector.model.StoredModel."""

    features: tuple[str, ...]
    knots: Array
    curves: Array
    grams: dict[str, npt.NDArray[np.float32]]
    intercept: Array  # what the trees answer before they ask is in it
    trees: Trees

    def score(self, table: Table) -> Array:
        """The heads' sums for each variant, (n, 4)."""
        total: Array = np.repeat(self.intercept[None], len(table.n_words), axis=0)
        if self.features:
            values = table.values[:, [COLUMNS.index(f) for f in self.features]]
            # curves are centred, so a number without a share in any knot adds nothing, as it should
            total = total + hat_matrix(values, self.knots) @ self.curves.reshape(-1, len(HEADS))
            total += self.trees.sums(values)
        for block, weights in self.grams.items():
            total = total + table.blocks[block] @ weights
        return np.asarray(total, dtype=np.float64)

    def lifted(self, lift: Array) -> Weights:
        """These weights, with `lift` (3,) added to the sums of origin for each way in which a text names itself."""
        curves = self.curves.copy()
        i = self.features.index(SELF_NAMING)
        curves[i, :, : len(LABELS)] += self.knots[i, :, None] * lift
        return replace(self, curves=curves)


def find_knots(values: Array) -> Array:
    """Knots of each column's curve, strictly rising, (columns, knots): its quantiles, or those above its lowest value.

    What most texts lack (a list of sources, a time stamp) has its lowest value as one knot and spends the others on the
    texts that have it.
    """
    knots = np.zeros((values.shape[1], len(KNOT_QUANTILES)))
    for j, column in enumerate(values.T):
        known = column[~np.isnan(column)]
        if len(known):
            lowest = known.min()
            above = known[known > lowest]
            if 0 < len(above) < len(known) / 2:
                knots[j] = np.append(lowest, np.quantile(above, KNOT_QUANTILES[1:]))
            else:
                knots[j] = np.quantile(known, KNOT_QUANTILES)
    step = np.maximum(1e-6, 1e-6 * np.abs(knots).max(axis=1, keepdims=True))
    return np.asarray(np.maximum.accumulate(knots, axis=1) + step * np.arange(knots.shape[1]))


def hat_matrix(values: Array, knots: Array) -> sp.csr_matrix:
    """Each value as shares of the two knots beside it, (n, columns * knots); NaN has no share in any.

    Source: linear B-splines; Hastie, Tibshirani and Friedman, "The Elements of Statistical Learning", ch. 5.
    """
    n, n_columns = values.shape
    n_knots = knots.shape[1]
    rows, columns, shares = [], [], []
    for j in range(n_columns):
        known = np.flatnonzero(~np.isnan(values[:, j]))
        x = np.clip(values[known, j], knots[j, 0], knots[j, -1])
        left = np.clip(np.searchsorted(knots[j], x, side="right") - 1, 0, n_knots - 2)
        share = (x - knots[j, left]) / (knots[j, left + 1] - knots[j, left])
        rows += [known, known]
        columns += [j * n_knots + left, j * n_knots + left + 1]
        shares += [1 - share, share]
    return sp.csr_matrix(
        (np.concatenate(shares).astype(np.float32), (np.concatenate(rows), np.concatenate(columns))),
        shape=(n, n_columns * n_knots),
    )


def _usual_shares(shares: sp.csr_matrix, n_knots: int) -> Array:
    """The mean share of each knot over the rows where its number is defined, (columns * knots,)."""
    sums = np.asarray(shares.sum(axis=0)).reshape(-1, n_knots)
    usual: Array = (sums / np.maximum(sums.sum(axis=1, keepdims=True), 1e-9)).ravel()
    return usual


def _absences(values: Array, n_knots: int) -> sp.csr_matrix:
    """1 at every knot of each number that is undefined, (n, columns * knots)."""
    return sp.csr_matrix(np.repeat(np.isnan(values), n_knots, axis=1).astype(np.float32))


def weigh(units: Names, labels: npt.NDArray[np.int64]) -> Array:
    """A weight for each row: large units held back, classes of equal weight, mean 1."""
    cells = list(zip(units.tolist(), labels.tolist(), strict=True))
    size = Counter(cells)
    weights = np.array([size[c] ** -BALANCE for c in cells])
    present = np.unique(labels)
    for label in present:
        weights[labels == label] /= weights[labels == label].sum()
    return weights * len(weights) / len(present)


def weigh_by_prior(units: Names, origin: npt.NDArray[np.int64]) -> Array:
    """As `weigh`, but labels of origin weigh what PRIOR says of them; mean 1."""
    weights = weigh(units, origin) * np.array([PRIOR[label] for label in LABELS])[origin]
    return np.asarray(weights / weights.mean())


def fit(
    table: Table,
    chosen: npt.NDArray[np.bool_],
    features: Sequence[str],
    excluded: Mapping[str, Sequence[str]],
    blocks: Sequence[str] = tuple(BLOCKS),
    trees: Trees | None = None,
) -> Weights:
    """Both heads fitted on the chosen rows of a table; `excluded` names families, columns or blocks of n-grams
    (`wording.words`) that a head may not see. `trees` that were grown on the same rows are taken as they are.

    Raises CorpusError if a head has fewer than two classes.
    """
    values = table.values[:, [COLUMNS.index(f) for f in features]]
    n_knots = len(KNOT_QUANTILES)
    knots, usual = np.zeros((0, n_knots)), np.zeros(0)
    shares = sp.csr_matrix((len(values), 0), dtype=np.float32)
    if features:
        knots = find_knots(values[chosen])
        shares = hat_matrix(values, knots)
        usual = _usual_shares(shares[chosen], n_knots)
        shares = (shares + _absences(values, n_knots) @ sp.diags(usual)) * CURVE_SCALE
    curves = np.zeros((len(features), n_knots, len(HEADS)))
    weights = {b: np.zeros((1 << BITS, len(HEADS)), dtype=np.float32) for b in blocks}
    intercept = np.zeros(len(HEADS))
    units = table.units
    forests = [Trees.empty(len(HEADS))]
    for head, labels, columns in (("origin", table.origin, [0, 1, 2]), ("ai", table.ai, [3])):
        rows = np.flatnonzero(chosen & (labels != UNKNOWN))
        present = np.unique(labels[rows])
        if len(present) < max(2, len(columns)):
            raise CorpusError(
                f"head {head!r} needs rows of all its classes, and has {len(present)}: add labelled texts"
            )
        barred = excluded.get(head, ())
        hidden = np.array([f in barred or f.partition(".")[0] in barred for f in features], dtype=bool)
        shown = np.flatnonzero(~np.repeat(hidden, n_knots))
        parts = {CURVES: shares[rows][:, shown].astype(np.float32)} if len(shown) else {}
        parts |= {b: table.blocks[b][rows] for b in blocks if f"wording.{b}" not in barred}
        importance = weigh(units[rows], labels[rows])
        wronged = table.hard[rows] & (labels[rows] == 0) if head == "origin" else np.zeros(len(rows), dtype=bool)
        by_part, intercept[columns] = _pool(parts, labels[rows], np.where(wronged, HARD, 1.0) * importance)
        if head == "ai" and PAIRED_BLOCK in parts and len(parts) > 1:  # words alone are a baseline
            paired, offset = tell_from_sources(parts[PAIRED_BLOCK], table, rows)
            by_part = {name: weights * (1 - PAIRED) for name, weights in by_part.items()}
            by_part[PAIRED_BLOCK] += paired * PAIRED
            intercept[columns] += (offset - intercept[columns]) * PAIRED
        if CURVES in by_part:
            curves.reshape(-1, len(HEADS))[shown[:, None], columns] = by_part.pop(CURVES) * CURVE_SCALE
        for block, coefficients in by_part.items():
            weights[block][:, columns] = coefficients
        if features and trees is None:
            asked = values[rows].copy()
            asked[:, hidden] = 0.0  # a constant, which no node can ask for
            emphasis = np.where(wronged, HARD_IN_TREES, 1.0) * importance
            forests.append(_grow(asked, labels[rows], emphasis, columns, head))
    trees = Trees.joined(forests) if trees is None else trees
    intercept += trees.roots
    # Centred: a contribution is measured from the usual article, and an undefined number contributes nothing.
    middle = (usual.reshape(len(features), n_knots, 1) * curves).sum(axis=1)
    curves -= middle[:, None, :]
    intercept += middle.sum(axis=0)
    return Weights(tuple(features), knots, curves, weights, intercept, trees)


def _pool(
    parts: Mapping[str, sp.csr_matrix], labels: npt.NDArray[np.int64], importance: Array
) -> tuple[dict[str, Array], Array]:
    """The mean of a fit on all parts together and of one on each block of words alone: the weights of each part,
    (columns, classes), and intercepts.

    Fitted together alone, the strongest columns take the weight that the others would need on texts where the strongest
    fail (Sutton, Sindelar and McCallum 2006, "Reducing weight undertraining in structured discriminative learning").
    A mean of sums is one sum, so it costs nothing when scoring. The numbers have the trees to themselves, and layout
    alone knows templates and not what they hold: with a fit of its own it finds fewer aggregators (docs/training.md).
    """
    alone = [(name,) for name in parts if name not in NEVER_ALONE]
    members = alone if alone == [tuple(parts)] else [*alone, tuple(parts)]
    n_classes = len(np.unique(labels))
    n_outputs = n_classes if n_classes > 2 else 1
    weights = {name: np.zeros((part.shape[1], n_outputs)) for name, part in parts.items()}
    intercept = np.zeros(n_outputs)
    total = np.zeros((len(labels), n_outputs))
    for member in members:
        x = parts[member[0]] if len(member) == 1 else sp.hstack([parts[name] for name in member], format="csr")
        classifier = _linear(len(labels))
        classifier.fit(x, labels, sample_weight=importance)
        sums = classifier.decision_function(x).reshape(total.shape)
        scale = SPREAD / sums.std()
        total += sums * scale
        intercept += classifier.intercept_ * scale
        at = 0
        for name in member:
            n = parts[name].shape[1]
            weights[name] += classifier.coef_[:, at : at + n].T * scale
            at += n
    scale = SPREAD / total.std()
    return {name: w * scale for name, w in weights.items()}, intercept * scale


def _linear(n_rows: int, fit_intercept: bool = True) -> SGDClassifier:
    """A logistic regression of many columns, by averaged SGD: on held-out datasets as good as or better than L-BFGS
    run to its end, in a tenth of the time.
    """
    return SGDClassifier(
        loss="log_loss",
        alpha=1 / (INVERSE_PENALTY * n_rows),
        max_iter=EPOCHS,
        tol=None,
        average=True,
        fit_intercept=fit_intercept,
        random_state=0,
    )


def tell_from_sources(part: sp.csr_matrix, table: Table, rows: npt.NDArray[np.int64]) -> tuple[Array, float]:
    """Weights (columns, 1) of a block by which a machine's text differs from a person's on the same source, and the
    offset that makes the sums of `rows`, whose block is `part`, 0 on average; both 0 if there are no such texts.

    Differences have no topic, which sums over all texts learn with the style (conditional logistic regression; Breslow
    and Day 1980, ch. 7). Each machine's text is set against the person's of about its length.
    """
    groups = [table.variants[i].row.group for i in rows]
    labels, length = table.ai[rows], np.log(table.n_words[rows])
    by_people: dict[str, list[int]] = {}
    for i in np.flatnonzero(labels == 0).tolist():
        by_people.setdefault(groups[i], []).append(i)
    rng = np.random.default_rng(0)
    machines = np.array([i for i in np.flatnonzero(labels == 1).tolist() if groups[i] and groups[i] in by_people], int)
    if not len(machines):
        return np.zeros((part.shape[1], 1)), 0.0
    people = np.empty_like(machines)
    for k, i in enumerate(machines.tolist()):
        choice = np.array(by_people[groups[i]])
        people[k] = choice[np.argmin(np.abs(length[choice] - length[i]) + 0.2 * rng.random(len(choice)))]
    # Half of the differences are taken the other way round, so that there are two classes.
    turned = rng.random(len(machines)) < 0.5
    first, second = np.where(turned, people, machines), np.where(turned, machines, people)
    classifier = _linear(len(machines), fit_intercept=False)
    importance = weigh(table.units[rows[machines]], np.zeros(len(machines), dtype=np.int64))
    classifier.fit(part[first] - part[second], ~turned, sample_weight=importance)
    sums = part @ classifier.coef_[0]
    scale = SPREAD / sums.std()
    return classifier.coef_.T * scale, float(-sums.mean() * scale)


def _grow(values: Array, labels: npt.NDArray[np.int64], importance: Array, columns: Sequence[int], head: str) -> Trees:
    """Trees over the measured numbers, which see what they mean together; they add to these columns of the sums."""
    model = HistGradientBoostingClassifier(
        l2_regularization=5, max_bins=63, max_features=0.3, early_stopping=False, random_state=0, **GROWTH[head]
    )
    model.fit(values, labels, sample_weight=importance)
    spread = model.decision_function(values).std()
    if not spread:  # too few texts to ask anything
        return Trees.empty(len(HEADS))
    return Trees.grown(model._predictors, columns, len(HEADS)).mixed(
        np.eye(len(HEADS)) * (TREES[head] * SPREAD / spread)
    )


def fit_calibration(
    total: Array,
    n_words: npt.NDArray[np.int64],
    origin: npt.NDArray[np.int64],
    ai: npt.NDArray[np.int64],
    units: npt.NDArray[np.str_],
) -> dict[str, Array]:
    """Calibration arrays from the sums of rows that were held out, weighted as in training."""
    basis = length_basis(n_words, DEGREE)
    known = ai != UNKNOWN
    design = np.hstack([basis * total[:, 3:4], basis])[known]
    doubt = np.where((ai[known] == 0) & (n_words[known] < SHORT), DOUBT, 1.0)
    platt = LogisticRegression(C=1e3, solver=FEW_COLUMNS, fit_intercept=False)
    platt.fit(design, ai[known], sample_weight=weigh(units[known], ai[known]) * doubt)
    ai_array = platt.coef_[0].reshape(2, -1).T  # (basis, (slope, offset))
    origin_array = _scale_vector(total, n_words, origin, units).reshape(3, -1, 5).transpose(1, 0, 2)
    return {"ai": ai_array, "origin": origin_array, "which": tell_apart(total, n_words, origin, ai, units)}


def tell_apart(
    total: Array,
    n_words: npt.NDArray[np.int64],
    origin: npt.NDArray[np.int64],
    ai: npt.NDArray[np.int64],
    units: npt.NDArray[np.str_],
    strength: float = 1e2,
) -> Array:
    """Log-odds of aggregated against rewritten over (the sums of origin, 1), (4,), from texts that are one of the two
    and, if both have such, as long as digests are.

    Digests by machines weigh as much as all others. Most digests here are people's and most retelling is machines', so
    that left to their numbers, how a text sounds would decide what it is.
    """
    rows = np.flatnonzero(origin > 0)
    long = rows[n_words[rows] > SHORTEST_DIGEST]
    if len(np.unique(origin[long])) == len(np.unique(origin[rows])):
        rows = long
    assembled = origin[rows] == LABELS.index("aggregated")
    by_machine = ai[rows] == 1
    weights = weigh(units[rows], assembled.astype(np.int64))
    digests = [mask for mask in (assembled & by_machine, assembled & ~by_machine) if mask.any()]
    for mask, share in [(~assembled, PRIOR["rewritten"]), *((m, PRIOR["aggregated"] / len(digests)) for m in digests)]:
        weights[mask] *= share / weights[mask].sum()
    weights *= len(rows) / weights.sum()
    told = LogisticRegression(C=strength, solver=FEW_COLUMNS)
    told.fit(total[rows, : len(LABELS)], assembled, sample_weight=weights)
    return np.append(told.coef_[0], told.intercept_)


def find_lift(
    total: Array,
    self_naming: Array,
    n_words: npt.NDArray[np.int64],
    origin: npt.NDArray[np.int64],
    units: npt.NDArray[np.str_],
) -> Array:
    """What `Weights.lifted` should add, (3,): what each way of naming itself adds to calibrated log-odds of rows that
    were held out, in texts of 300 words and more, as sums before calibration."""
    coefficients = _scale_vector(total, n_words, origin, units, self_naming)
    slopes, gain = coefficients[:, : len(LABELS)], coefficients[:, -1]
    # Only differences between labels count.
    lift: Array = np.linalg.lstsq(slopes - slopes.mean(axis=0), gain - gain.mean(), rcond=None)[0]
    return lift


def _scale_vector(
    total: Array,
    n_words: npt.NDArray[np.int64],
    origin: npt.NDArray[np.int64],
    units: npt.NDArray[np.str_],
    *more: Array,
) -> Array:
    """Log-odds of each label of origin as sums of the heads' sums and 1, each times each length basis, and of `more`:
    their coefficients, (3, basis * 5 + more).

    Source: vector scaling; Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    known = origin != UNKNOWN
    scores = np.hstack([total, np.ones((len(total), 1))])
    by_length = [scores * b[:, None] for b in length_basis(n_words, DEGREE).T]
    vector = LogisticRegression(C=1e2, solver=FEW_COLUMNS, fit_intercept=False)
    vector.fit(
        np.column_stack([*by_length, *more])[known],
        origin[known],
        sample_weight=weigh_by_prior(units[known], origin[known]),
    )
    return np.asarray(vector.coef_)


def find_self_naming(table: Table) -> Array:
    """In how many ways each row says that it is an issue of something, (n,)."""
    return np.nan_to_num(table.values[:, COLUMNS.index(SELF_NAMING)])


def find_carriers(table: Table) -> npt.NDArray[np.bool_]:
    """Which rows carry a list of sources or others' teasers, (n,)."""
    marks = [table.values[:, COLUMNS.index(f)] >= least - 1e-9 for f, least in CARRIERS.items()]
    return np.asarray(np.any(marks, axis=0))
