"""Figures: scores -> every number of an evaluation as one JSON value, which pages, plots, cards and floors read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.model import Array
from detector.training.corpus import MISLABELLED_KIND
from detector.training.evaluate import BANDS, calibration_error, threshold_at
from detector.training.fit import weigh, weigh_by_prior
from detector.training.scores import Integers, Mask, Names, Scores
from detector.training.table import UNKNOWN
from detector.verdict import LABELS

SCHEMA = 1
SMALLEST = 20  # a slice of fewer rows gets no figure of its own
SMALLEST_SITE = 5  # but a site is held out for its own sake, and counts in a mean over sites
RATES = (0.01, 0.05)
_DRAWS = 1000
_CURVE = np.r_[0.0, np.geomspace(0.001, 1, 60)]  # false-positive rates that a ROC is drawn at

Figure = dict[str, Any]


def figures(scores: Scores) -> Figure:
    """All figures of some scores, rounded to four digits; None stands for what too few rows say nothing about."""
    result: Figure = {"schema": SCHEMA, "about": scores.about}
    if (scores.ai != UNKNOWN).any():
        result["ai"] = _ai(scores)
    if (scores.origin != UNKNOWN).any():
        result["origin"] = _origin(scores)
    rounded: Figure = _rounded(result)
    return rounded


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 4)
    return value


# ---- a figure and its interval


def share(hits: npt.NDArray[Any]) -> Figure:
    """The share of hits with its 95% bootstrap interval over rows."""
    n = len(hits)
    if not n:
        return {"value": math.nan, "low": math.nan, "high": math.nan, "n": 0}
    p = float(np.mean(hits))
    # the mean of n rows drawn with replacement is a binomial count over n
    low, high = np.quantile(np.random.default_rng(0).binomial(n, p, _DRAWS) / n, [0.025, 0.975])
    return {"value": p, "low": float(low), "high": float(high), "n": n}


def mean(values: Sequence[float]) -> Figure:
    """The mean over datasets or sites with its 95% bootstrap interval over them."""
    v = np.array(values, dtype=np.float64)
    if not len(v):
        return {"value": math.nan, "low": math.nan, "high": math.nan, "units": 0}
    drawn = v[np.random.default_rng(0).integers(0, len(v), (_DRAWS, len(v)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": float(v.mean()), "low": float(low), "high": float(high), "units": len(v)}


def area(positive: Array, negative: Array, draws: int = 200) -> Figure:
    """AUROC with its 95% bootstrap interval, positives and negatives drawn apart; half a point for a tie."""
    n_p, n_n = len(positive), len(negative)
    if not n_p or not n_n:
        return {"value": math.nan, "low": math.nan, "high": math.nan, "n": n_p}
    both = np.r_[positive, negative]
    order = np.argsort(both, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(both[order]) != 0])
    rng = np.random.default_rng(0)
    # how often each row is drawn; the first draw is the sample itself
    p = np.vstack([np.ones(n_p), rng.multinomial(n_p, np.full(n_p, 1 / n_p), draws)])
    n = np.vstack([np.ones(n_n), rng.multinomial(n_n, np.full(n_n, 1 / n_n), draws)])
    nothing_p, nothing_n = np.zeros((draws + 1, n_p)), np.zeros((draws + 1, n_n))
    up = np.add.reduceat(np.hstack([p, nothing_n])[:, order], starts, axis=1)
    down = np.add.reduceat(np.hstack([nothing_p, n])[:, order], starts, axis=1)
    areas = (up * (np.cumsum(down, axis=1) - down / 2)).sum(axis=1) / (n_p * n_n)
    low, high = np.quantile(areas[1:], [0.025, 0.975])
    return {"value": float(areas[0]), "low": float(low), "high": float(high), "n": n_p}


def macro_f1(truth: Integers, called: Integers, weights: Array, n_classes: int) -> float:
    """The mean F1 over classes; an abstention (UNKNOWN) is a miss and no false alarm."""
    scores = []
    for c in range(n_classes):
        hit = weights[(truth == c) & (called == c)].sum()
        wrong = weights[(truth == c) != (called == c)].sum()
        scores.append(2 * hit / (2 * hit + wrong) if hit + wrong else math.nan)
    return float(np.mean(scores))


def _drawn_f1(truth: Integers, called: Integers, units: Names, n_classes: int) -> Figure:
    """Macro-F1 with classes of equal weight, and its interval over rows drawn anew."""
    weights = weigh(units, truth)
    rng = np.random.default_rng(0)
    value = macro_f1(truth, called, weights, n_classes)
    drawn = [
        macro_f1(truth, called, weights * rng.multinomial(len(truth), np.full(len(truth), 1 / len(truth))), n_classes)
        for _ in range(200)
    ]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high), "n": len(truth)}


def _bins(p: Array, truth: Mask, weights: Array) -> list[Figure]:
    """A reliability plot's points: in each tenth of probability, the mean probability and the share that is so."""
    which = np.minimum((p * 10).astype(int), 9)
    points = []
    for b in range(10):
        here = which == b
        if here.sum() >= SMALLEST:
            w = weights[here]
            points.append(
                {
                    "probability": float(np.average(p[here], weights=w)),
                    "share": float(np.average(truth[here], weights=w)),
                    "n": int(here.sum()),
                }
            )
    return points


def _flat(units: Names) -> Array:
    return weigh(units, np.zeros(len(units), dtype=np.int64))


def _groups(values: Names, mask: Mask, smallest: int) -> Iterator[tuple[str, Mask]]:
    """Each named value's rows within a mask, if there are enough."""
    for value in np.unique(values[mask]):
        rows = mask & (values == value)
        if value and rows.sum() >= smallest:
            yield str(value), rows


# ---- ai


def _machines(s: Scores) -> Iterator[tuple[str, str, Mask, Mask]]:
    """(dataset, kind, its machine rows, its human rows), at every band; a collection of sites is one dataset."""
    dataset = s.dataset
    for d in np.unique(dataset[s.ai == 1]):
        own = (dataset == d) & (s.ai == 0)
        for k in np.unique(s.kind[(dataset == d) & (s.ai == 1)]):
            yield str(d), str(k), (dataset == d) & (s.kind == k) & (s.ai == 1), own


def _cut(s: Scores, name: str, band: int, rate: float) -> float:
    """The ai probability that a share `rate` of human originals of a band reaches; infinite if there are none."""
    rows = np.flatnonzero(s.people & (s.band == band))
    return threshold_at(s.rank_ai(name)[rows], _flat(s.unit[rows]), rate) if len(rows) else math.inf


def _ai(s: Scores) -> Figure:
    cut = {name: _cut(s, name, 0, 0.01) for name in s.names}
    whole, people = s.band == 0, s.people & (s.band == 0)
    shown = [n for n in s.names if n not in ("signals", "length")]  # in the slices that pages do not compare wholly
    result: Figure = {
        "bands": {str(b or "full"): _ai_band(s, b or 0) for b in BANDS if (s.band == (b or 0)).any()},
        "thresholds": {str(b or "full"): {f"{r:.0%}": _cut(s, "model", b or 0, r) for r in RATES}
                       for b in BANDS if (s.people & (s.band == (b or 0))).any()},
        "roc_fpr": [float(f) for f in _CURVE],
        "roc": {b: {name: _roc(s, name, band) for name in s.names} for b, band in (("full", 0), ("100", 100))},
        "datasets": [], "generators": [], "domains": [], "sources": [], "sites": [], "writers": [],
    }  # fmt: skip
    for d, k, machine, own in _machines(s):
        m, h = machine & whole, own & whole
        if m.sum() >= SMALLEST:
            line: Figure = {"dataset": d, "kind": k, "machine": int(m.sum()), "human": int(h.sum())}
            result["datasets"].append(line | {n: _compare(s.rank_ai(n), cut[n], m, h) for n in s.names})
    for g, m in _groups(s.generator, (s.ai == 1) & whole, SMALLEST):
        line = {"generator": g, "machine": int(m.sum())}
        result["generators"].append(line | {n: _compare(s.rank_ai(n), cut[n], m, people) for n in shown})
    for d, own in _groups(s.domain, whole & (s.ai != UNKNOWN), SMALLEST):
        m, h = own & (s.ai == 1), own & people
        line = {"domain": d, "machine": int(m.sum()), "human": int(h.sum())}
        enough = m if m.sum() >= SMALLEST else np.zeros_like(m)
        for n in shown:
            rank = s.rank_ai(n)
            line[n] = _compare(rank, cut[n], enough, own & (s.ai == 0)) | {"fpr": share(rank[h] >= cut[n])}
        result["domains"].append(line)
    for what, key, values in (("sources", "source", s.dataset), ("sites", "site", s.unit)):
        result[what] = [
            {key: u, **{n: share(s.rank_ai(n)[m] >= cut[n]) for n in s.names}}
            for u, m in _groups(values, people, SMALLEST)
            if what == "sources" or ":" in u
        ]
    for writer, rows in _writers(s):
        for b in BANDS:
            m = rows & s.people & (s.band == (b or 0))
            if m.sum() >= SMALLEST:
                line = {"writer": writer, "words": str(b or "full")}
                for n in s.names:
                    line[n] = share(s.rank_ai(n)[m] >= _cut(s, n, b or 0, 0.01))
                result["writers"].append(line)
    return result


def _writers(s: Scores) -> Iterator[tuple[str, Mask]]:
    everyone = np.ones(len(s.unit), dtype=bool)
    yield "all", everyone
    for writer in ("native", "non-native"):
        yield writer, s.writer == writer
    yield "hard originals", s.hard


def _compare(p: Array, cut: float, machine: Mask, human: Mask) -> Figure:
    """AUROC against some human rows (if there are enough), and how many machine rows reach a threshold."""
    enough = human if human.sum() >= SMALLEST else np.zeros_like(human)
    return {"auroc": area(p[machine], p[enough]), "tpr_at_1": share(p[machine] >= cut)}


def _ai_band(s: Scores, band: int) -> Figure:
    """Means over (dataset, kind) of AUROC and of TPR by one threshold; macro-F1 and calibration over all rows."""
    here = s.band == band
    cells = [
        (m & here, h & here) for _, _, m, h in _machines(s) if (m & here).sum() >= SMALLEST
    ]  # each against the people of its own dataset
    known = np.flatnonzero(here & (s.ai != UNKNOWN))
    truth, weights = s.ai[known] == 1, weigh(s.unit[known], s.ai[known])
    both = len(np.unique(s.ai[known])) == 2
    band_figures: Figure = {"rows": len(known), "people": int((s.people & here).sum())}
    for name in s.names:
        p, rank = s.by_ai[name], s.rank_ai(name)
        own: Figure = {"auroc": mean([area(rank[m], rank[h], 1)["value"] for m, h in cells if h.sum() >= SMALLEST])}
        for rate in RATES:
            cut = _cut(s, name, band, rate)
            own[f"tpr_at_{rate * 100:.0f}"] = mean([float((rank[m] >= cut).mean()) for m, _ in cells])
        called = (p[known] >= 0.5).astype(np.int64)
        if both:
            own["macro_f1"] = _drawn_f1(s.ai[known], called, s.unit[known], 2)
            own["recall"] = {
                "human": share(called[~truth] == 0),
                "machine": share(called[truth] == 1),
            }
            own["ece"] = calibration_error(p[known], truth, weights)
            own["brier"] = float(np.average((p[known] - truth) ** 2, weights=weights))
            if name == "model":
                own["reliability"] = _bins(p[known], truth, weights)
        band_figures[name] = own
    return band_figures


def _roc(s: Scores, name: str, band: int) -> list[float]:
    """TPR at the false-positive rates of `roc_fpr`; sources weighted by the root of their size."""
    rows = np.flatnonzero((s.band == band) & (s.ai == 1))
    people = np.flatnonzero((s.band == band) & s.people)
    if not len(rows) or not len(people):
        return []
    p, weights = s.rank_ai(name), _flat(s.unit[rows])
    cuts = [threshold_at(p[people], _flat(s.unit[people]), f) if f < 1 else -math.inf for f in _CURVE]
    return [float(weights[p[rows] >= c].sum() / weights.sum()) for c in cuts]


# ---- origin


def _rates(called: Integers, rows: Mask) -> Figure:
    """The share of rows called by each label, and of abstentions."""
    own = called[rows]
    result = {label: float((own == i).mean()) for i, label in enumerate(LABELS)}
    return result | {"abstained": float((own == UNKNOWN).mean()), "n": len(own)}


def _origin(s: Scores) -> Figure:
    whole = (s.band == 0) & (s.origin != UNKNOWN)
    people = (s.band == 0) & s.originals
    sites = dict(_groups(s.unit, people, SMALLEST_SITE)) or dict(_groups(s.unit, people, 1))
    aggregators = dict(_groups(s.unit, whole & (s.origin == 2), SMALLEST_SITE))
    retold = dict(_groups(s.dataset, whole & (s.origin == 1), SMALLEST))
    hard = people & s.hard
    surely = people & s.surely_human
    called = s.by_label["model"]
    aside = (s.band == 0) & (s.kind == MISLABELLED_KIND)

    def over(units: dict[str, Mask], *wanted: str, by: Integers = called) -> Figure:
        return mean([sum(_rates(by, m)[w] for w in wanted) for m in units.values()])

    result: Figure = {
        "summary": {
            "aggregators called aggregated": over(aggregators, "aggregated"),
            "rewritten called rewritten": over(retold, "rewritten"),
            "rewritten called rewritten or aggregated": over(retold, "rewritten", "aggregated"),
            "originals called aggregated": over(sites, "aggregated"),
            "originals called rewritten": over(sites, "rewritten"),
            "originals called original": over(sites, "original"),
            "originals called original or abstained": over(sites, "original", "abstained"),
            "hard originals called aggregated": share(called[hard] == 2),
            "hard originals called rewritten": share(called[hard] == 1),
            "pooled originals from before November 2022 called rewritten or aggregated": share(called[surely] > 0),
            "the same, by bars set on the other folds": share(s.crossed[surely] > 0),
            **(
                {
                    "digests that the corpora call originals, set aside, called aggregated": share(called[aside] == 2),
                    "pooled originals called rewritten or aggregated, with those": share(called[surely | aside] > 0),
                }
                if aside.any()
                else {}
            ),
        },
        "names": {name: _origin_by(s, name, whole, people, sites, aggregators, retold) for name in s.by_label},
        "bands": {str(b or "full"): _origin_band(s, b or 0) for b in BANDS},
        "aggregators": [
            {"aggregator": u, **_rates(called, m), "by_rank": _reached(s, "model", people, m),
             **({"n-grams_by_rank": _reached(s, "n-grams", people, m)} if "n-grams" in s.by_label else {})}
            for u, m in aggregators.items()
        ],
        "originals": [{"source": u, **_rates(called, m)} for u, m in sites.items()],
        "domains": [{"domain": u, **_rates(called, m)} for u, m in _groups(s.domain, people, SMALLEST)],
        "writers": [
            {"writer": u, **_rates(called, m & people)} for u, m in _writers(s) if (m & people).sum() >= SMALLEST
        ],
        "rewritten": [{"dataset": u, **_rates(called, m)} for u, m in retold.items()],
        "generators": [
            {"generator": u, **_rates(called, m)} for u, m in _groups(s.generator, whole & (s.origin == 1), SMALLEST)
        ],
    }  # fmt: skip
    return result


def _reached(s: Scores, name: str, people: Mask, rows: Mask, rate: float = 0.02) -> float:
    """The share of rows that rank above all but `rate` of human originals."""
    if not people.any():
        return math.nan
    scores = s.rank_origin(name)
    return float((scores[rows] >= threshold_at(scores[people], _flat(s.unit[people]), rate)).mean())


def _origin_by(
    s: Scores,
    name: str,
    whole: Mask,
    people: Mask,
    sites: dict[str, Mask],
    aggregators: dict[str, Mask],
    retold: dict[str, Mask],
) -> Figure:
    """What the model and each baseline reach by the same rule, on whole texts."""
    called, scores = s.by_label[name], s.rank_origin(name)
    rows = np.flatnonzero(whole)
    truth, best = s.origin[rows], s.by_origin[name][rows].argmax(axis=1)
    result: Figure = {
        "recall": {
            label: mean([float((called[m] == i).mean()) for m in units.values()])
            for i, (label, units) in enumerate(zip(LABELS, (sites, retold, aggregators), strict=True))
        },
        "originals called rewritten or aggregated": mean([float((called[m] > 0).mean()) for m in sites.values()]),
        "auroc": mean([area(scores[m], scores[people], 1)["value"] for m in aggregators.values() if people.any()]),
    }
    for rate in (*RATES, 0.02):
        key = f"tpr_at_{rate * 100:.0f}"
        result[key] = mean([_reached(s, name, people, m, rate) for m in aggregators.values() if people.any()])
    if len(np.unique(truth)) == len(LABELS):
        result["macro_f1"] = _drawn_f1(truth, called[rows], s.unit[rows], len(LABELS))
        result["macro_f1 likeliest label"] = _drawn_f1(truth, best, s.unit[rows], len(LABELS))
    return result


def _origin_band(s: Scores, band: int) -> Figure:
    """Calibration of the three probabilities, and what human originals of a length are called."""
    here = s.band == band
    rows = np.flatnonzero(here & (s.origin != UNKNOWN))
    result: Figure = {"rows": len(rows)}
    people = here & s.originals
    if people.any():
        units = dict(_groups(s.unit, people, SMALLEST_SITE))
        result["originals called rewritten or aggregated"] = mean(
            [float((s.by_label["model"][m] > 0).mean()) for m in units.values()]
        )
    if len(np.unique(s.origin[rows])) == len(LABELS):
        weights, p = weigh_by_prior(s.unit[rows], s.origin[rows]), s.by_origin["model"][rows]
        for i, label in enumerate(LABELS):
            truth = s.origin[rows] == i
            result[label] = {
                "ece": calibration_error(p[:, i], truth, weights),
                "brier": float(np.average((p[:, i] - truth) ** 2, weights=weights)),
                "reliability": _bins(p[:, i], truth, weights),
            }
    return result
