"""Account: what held-out scores say, as the figures of a manifest, a model's card and docs/evaluation.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.model import Array
from detector.training.corpus import Row
from detector.training.evaluate import (
    BANDS,
    BASELINES,
    HeldOut,
    auroc,
    calibration_error,
    decide_all,
    humans,
    interval,
    threshold_at,
)
from detector.training.fit import Names, weigh
from detector.verdict import LABELS

Thresholds = Mapping[str, Mapping[str, Any]]
Mask = npt.NDArray[np.bool_]
SMALLEST = 20  # a slice of fewer rows gets no figure of its own


def mean(values: Sequence[float] | npt.NDArray[Any]) -> float:
    """The mean; NaN, without a warning, of nothing."""
    return float(np.mean(values)) if len(values) else float("nan")


def flat(units: Names) -> Array:
    """The weight of each row when units count by the root of their size."""
    return weigh(units, np.zeros(len(units), dtype=np.int64))


def ai_thresholds(out: HeldOut) -> dict[str, dict[str, float | int]]:
    """The ai probability that a stated share of held-out human originals reaches, per length band."""
    chosen = {}
    for band in BANDS:
        rows = np.flatnonzero(humans(out, band or 0))
        weights = flat(out.table.units[rows])
        for fpr in (0.01, 0.05):
            value = threshold_at(out.ai[rows], weights, fpr)
            chosen[f"{band or 'full'} words, {fpr:.0%} FPR"] = {"value": round(value, 4), "n": len(rows)}
    return chosen


def machine_slices(out: HeldOut) -> Iterable[tuple[str, str, Mask, Mask]]:
    """(dataset, kind, machine rows, the same dataset's human rows) at every band; collections of sites are one each."""
    dataset = np.array([v.row.dataset for v in out.table.variants])
    kind = np.array([v.row.kind for v in out.table.variants])
    for d in np.unique(dataset[out.table.ai == 1]):
        own = (dataset == d) & (out.table.ai == 0)
        for k in np.unique(kind[(dataset == d) & (out.table.ai == 1)]):
            yield str(d), str(k), (dataset == d) & (kind == k) & (out.table.ai == 1), own


def ai_scores(out: HeldOut, name: str) -> Array:
    """One score a row by a model or baseline; a baseline's raw, the model's calibrated."""
    return out.ai if name == "model" else out.sums[name][:, 3]


def ai_summary(out: HeldOut, name: str, band: int) -> dict[str, float]:
    """Mean AUROC over (dataset, kind), and mean TPR at 1% and 5% FPR of one threshold on pooled human originals."""
    scores = ai_scores(out, name)
    people = humans(out, band)
    weights = flat(out.table.units[people])
    cut = {fpr: threshold_at(scores[people], weights, fpr) for fpr in (0.01, 0.05)}
    areas: list[float] = []
    rates: dict[float, list[float]] = {fpr: [] for fpr in cut}
    for _, _, machine, own in machine_slices(out):
        p, n = scores[machine & (out.band == band)], scores[own & (out.band == band)]
        if len(p) < SMALLEST:
            continue
        if len(n) >= SMALLEST:
            area = auroc(p, n)
            areas.append(max(area, 1 - area) if name == "length" else area)
        for fpr, t in cut.items():
            rates[fpr].append(float((p >= t).mean()))
    return {
        "auroc": mean(areas),
        "tpr_at_1": mean(rates[0.01]),
        "tpr_at_5": mean(rates[0.05]),
    }


def aggregation_score(out: HeldOut, name: str) -> Array:
    """How much each row looks aggregated, by a model or baseline."""
    if name == "model":
        return out.origin[:, 2]
    if name == "length":
        return out.sums[name][:, 2]
    s = out.sums[name][:, :3]
    rest: Array = np.logaddexp(s[:, 0], s[:, 1])
    return s[:, 2] - rest


def by_unit(mask: Mask, units: npt.NDArray[np.str_], smallest: int = 1) -> dict[str, Mask]:
    """Each unit's rows within a mask."""
    return {str(u): mask & (units == u) for u in np.unique(units[mask]) if (mask & (units == u)).sum() >= smallest}


def label_rates(labels: npt.NDArray[np.int64], rows: Mask) -> dict[str, float]:
    """The share of rows called by each label, and of abstentions."""
    called = labels[rows]
    return {label: mean(called == i) for i, label in enumerate(LABELS)} | {"abstained": mean(called < 0)}


def mean_over_units(rates: Sequence[float]) -> tuple[float, float, float]:
    """The mean of per-unit rates and its 95% bootstrap interval over units."""
    values = np.array(rates)
    return (mean(values), *interval(mean, values, n=1000))


def originals(out: HeldOut) -> Mask:
    """Held-out whole human originals."""
    return np.asarray((out.band == 0) & (out.table.origin == 0) & (out.table.ai == 0))


def headline(out: HeldOut, thresholds: Thresholds) -> dict[str, Any]:
    """The figures that stand in the manifest: means over held-out datasets, with intervals over them."""
    labels = decide_all(out.origin, thresholds)
    units = out.table.units
    whole = out.band == 0
    aggregators = by_unit(whole & (out.table.origin == 2), units, 5)
    people = by_unit(originals(out), units, 5)
    hard = originals(out) & np.array([v.row.hard for v in out.table.variants])
    figures: dict[str, Any] = {"ai": {str(b or "full"): ai_summary(out, "model", b or 0) for b in BANDS}}
    figures["n-grams ai"] = {str(b or "full"): ai_summary(out, "n-grams", b or 0) for b in BANDS}
    for name, groups, wanted in (
        ("aggregators called aggregated", aggregators, ("aggregated",)),
        ("originals called aggregated", people, ("aggregated",)),
        ("originals called rewritten", people, ("rewritten",)),
        ("originals called original", people, ("original",)),
        ("originals called original or abstained", people, ("original", "abstained")),
    ):
        value, low, high = mean_over_units([sum(label_rates(labels, m)[w] for w in wanted) for m in groups.values()])
        figures[name] = {"mean": value, "low": low, "high": high, "units": len(groups)}
    figures["hard originals called aggregated"] = {
        "share": label_rates(labels, hard)["aggregated"],
        "n": int(hard.sum()),
    }
    return {k: _rounded(v) for k, v in figures.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows])


def _f(x: float, digits: int = 3) -> str:
    return "–" if np.isnan(x) else f"{x:.{digits}f}"


def _ci(pair: tuple[float, float], digits: int = 2) -> str:
    return f"[{pair[0]:.{digits}f}, {pair[1]:.{digits}f}]"


def ai_page(out: HeldOut) -> str:
    """The `ai` head's section."""
    names = ("model", *BASELINES)
    summary = []
    for band in BANDS:
        s = {name: ai_summary(out, name, band or 0) for name in names}
        summary.append(
            [f"{band or 'full'}"]
            + [_f(s[n]["auroc"]) for n in names]
            + [_f(s[n]["tpr_at_1"], 2) for n in names]
            + [_f(s[n]["tpr_at_5"], 2) for n in ("model", "n-grams")]
        )
    head = ["words", *(f"AUROC {n}" for n in names), *(f"TPR@1% {n}" for n in names), "TPR@5% model", "TPR@5% n-grams"]
    people = humans(out, 0)
    weights = flat(out.table.units[people])
    cut = {n: threshold_at(ai_scores(out, n)[people], weights, 0.01) for n in ("model", "n-grams")}
    rows = []
    for dataset, kind, machine, own in machine_slices(out):
        m, h = machine & (out.band == 0), own & (out.band == 0)
        if m.sum() < SMALLEST:
            continue
        line = [dataset, kind, str(m.sum()), str(h.sum())]
        for n in ("model", "n-grams"):
            scores = ai_scores(out, n)
            enough = h.sum() >= SMALLEST
            area = f"{_f(auroc(scores[m], scores[h]))} {_ci(interval(auroc, scores[m], scores[h]))}" if enough else "–"
            reached = (scores[m] >= cut[n]).astype(np.float64)
            line.append(area)
            line.append(f"{_f(reached.mean(), 2)} {_ci(interval(mean, reached))}")
        rows.append(line)
    false = []
    for unit, rows_of in by_unit(
        originals(out), np.array([v.row.dataset for v in out.table.variants]), SMALLEST
    ).items():
        rate = float((out.ai[rows_of] >= cut["model"]).mean())
        other = float((out.sums["n-grams"][rows_of, 3] >= cut["n-grams"]).mean())
        false.append((rate, [unit, str(int(rows_of.sum())), f"{rate:.1%}", f"{other:.1%}"]))
    rows_all = [v.row for v in out.table.variants]
    for name, mask in (
        ("non-native writers", np.array([r.nonnative is True for r in rows_all])),
        ("native writers", np.array([r.nonnative is False for r in rows_all])),
    ):
        m = originals(out) & mask
        if m.sum():
            false.append((-1.0, [f"*{name}*", str(int(m.sum())), f"{(out.ai[m] >= cut['model']).mean():.1%}",
                                 f"{(out.sums['n-grams'][m, 3] >= cut['n-grams']).mean():.1%}"]))  # fmt: skip
    return "\n\n".join(
        [
            "## `ai`: did a language model write it?",
            "Means over datasets and kinds of machine text, by the first words of each text. AUROC is against the "
            "human texts "
            "of the same dataset; TPR at 1% and 5% FPR is by one threshold for all, set on the pooled human originals "
            f"(n = {int(people.sum())} whole texts from before November 2022, units weighted by the root of their "
            f"size).",
            _table(head, summary),
            "Whole texts, by dataset:",
            _table(["dataset", "kind", "machine", "human", "AUROC", "TPR@1%", "n-grams AUROC", "n-grams TPR@1%"], rows),
            "False positives by source of human text, whole texts, at the same threshold (worst first):",
            _table(["source", "n", "model", "n-grams"], [r for _, r in sorted(false, key=lambda x: -x[0])]),
        ]
    )


def origin_page(out: HeldOut, thresholds: Thresholds) -> str:
    """The `origin` head's section."""
    labels = decide_all(out.origin, thresholds)
    units = out.table.units
    whole = out.band == 0
    people = originals(out)
    weights = flat(units[people])
    cut = {n: threshold_at(aggregation_score(out, n)[people], weights, 0.02) for n in ("model", *BASELINES)}
    aggregators = by_unit(whole & (out.table.origin == 2), units, 5)
    rows: list[list[str]] = []
    ranked: dict[str, list[float]] = {n: [] for n in cut}
    for unit, m in aggregators.items():
        rates = label_rates(labels, m)
        at = {n: float((aggregation_score(out, n)[m] >= t).mean()) for n, t in cut.items()}
        for n, r in at.items():
            ranked[n].append(r)
        rows.append(
            [
                unit,
                str(int(m.sum())),
                _f(rates["aggregated"], 2),
                _f(rates["abstained"], 2),
                _f(at["model"], 2),
                _f(at["n-grams"], 2),
            ]
        )
    recall = mean_over_units([label_rates(labels, m)["aggregated"] for m in aggregators.values()])
    false = []
    sites = by_unit(people, units, 5)
    for unit, m in sites.items():
        rates = label_rates(labels, m)
        line = [
            unit,
            str(int(m.sum())),
            *(f"{rates[k]:.1%}" for k in ("aggregated", "rewritten", "original", "abstained")),
        ]
        false.append((rates["aggregated"] + rates["rewritten"], line))
    summary = []
    for wanted in (("aggregated",), ("rewritten",), ("original",), ("original", "abstained")):
        value, low, high = mean_over_units([sum(label_rates(labels, m)[w] for w in wanted) for m in sites.values()])
        name = "originals called " + " or ".join(wanted)
        size = f"{len(sites)} sources, {int(people.sum())} texts"
        summary.append([name, f"{value:.1%}", f"[{low:.1%}, {high:.1%}]", size])
    hard = people & np.array([v.row.hard for v in out.table.variants])
    summary.append(
        [
            "hard originals called aggregated",
            f"{label_rates(labels, hard)['aggregated']:.1%}",
            "",
            f"{int(hard.sum())} texts",
        ]
    )
    summary.append(
        [
            "aggregators called aggregated",
            f"{recall[0]:.1%}",
            f"[{recall[1]:.1%}, {recall[2]:.1%}]",
            f"{len(aggregators)} aggregators",
        ]
    )
    for n in cut:
        summary.append([f"aggregators ranked above 98% of originals, by {n}", f"{np.mean(ranked[n]):.1%}", "", ""])
    dataset = np.array([v.row.dataset for v in out.table.variants])
    retold = []
    for unit, m in by_unit(whole & (out.table.origin == 1), dataset, SMALLEST).items():
        rates = label_rates(labels, m)
        retold.append(
            [
                unit,
                str(int(m.sum())),
                *(f"{rates[k]:.0%}" for k in ("rewritten", "aggregated", "original", "abstained")),
            ]
        )
    return "\n\n".join(
        [
            "## `origin`: original, rewritten or aggregated?",
            "Whole texts, by the label given (thresholds of this model), means over held-out sources.",
            _table(["", "mean", "95% interval over sources", "n"], summary),
            "Each aggregator, held out (recall by label; by rank: above the pooled originals' 98th percentile):",
            _table(["aggregator", "n", "called aggregated", "abstained", "by rank", "n-grams by rank"], rows),
            "Each source of human originals, worst first:",
            _table(
                ["source", "n", "aggregated", "rewritten", "original", "abstained"],
                [r for _, r in sorted(false, key=lambda x: -x[0])],
            ),
            "Rewritten texts, by dataset:",
            _table(["dataset", "n", "rewritten", "aggregated", "original", "abstained"], retold),
        ]
    )


def calibration_page(out: HeldOut) -> str:
    """How far probabilities can be taken at their word, on datasets that calibration did not see."""
    rows = []
    for band in BANDS:
        m = np.flatnonzero((out.band == (band or 0)) & (out.table.ai >= 0))
        truth = out.table.ai[m] == 1
        w = weigh(out.table.units[m], out.table.ai[m])
        line = [str(band or "full"), str(len(m)), _f(calibration_error(out.ai[m], truth, w)),
                _f(float(np.average((out.ai[m] - truth) ** 2, weights=w)))]  # fmt: skip
        m = np.flatnonzero((out.band == (band or 0)) & (out.table.origin >= 0))
        if len(np.unique(out.table.origin[m])) == len(LABELS):
            w = weigh(out.table.units[m], out.table.origin[m])
            line += [_f(calibration_error(out.origin[m, i], out.table.origin[m] == i, w)) for i in range(len(LABELS))]
        else:
            line += ["–"] * len(LABELS)
        rows.append(line)
    return "\n\n".join(
        [
            "## Calibration",
            "Classes weighted equally, calibrated on the other folds' datasets. ECE over ten bins.",
            _table(["words", "n", "ECE ai", "Brier ai", *(f"ECE {label}" for label in LABELS)], rows),
        ]
    )


def evaluation(out: HeldOut, manifest: Mapping[str, Any]) -> str:
    """docs/evaluation.md."""
    return "\n\n".join(
        [
            "# Evaluation",
            f"Written by `detector train`; do not edit. Model `{manifest['name']}`, corpus "
            f"`{manifest['corpus'][:12]}`, seed "
            f"{manifest['seed']}.",
            "Every figure is on texts whose dataset the scoring model never saw: datasets (each site of `digests`, "
            "`human_sites` "
            "and `ai_sites` is one) are dealt into eight folds, sets on the same base texts into the same one; the "
            "fold's datasets, "
            "and every row elsewhere that shares a source text with them, are left out of training. Harder than "
            "leaving one dataset "
            "out, and eight fits in place of "
            f"{manifest['units']}. Baselines are fitted on the same rows: *n-grams* is hashed word 1-2-grams with "
            f"logistic "
            "regression, *signals* every column but no n-grams, *length* the number of words.",
            ai_page(out),
            origin_page(out, manifest["thresholds"]),
            calibration_page(out),
            "",
        ]
    )


def card(manifest: Mapping[str, Any], out: HeldOut, rows: Sequence[Row]) -> str:
    """CARD.md: what the model is made of, what it can be used for, and how it fails."""
    figures = headline(out, manifest["thresholds"])
    datasets: dict[str, int] = {}
    for r in rows:
        datasets[r.dataset] = datasets.get(r.dataset, 0) + 1
    thresholds = [
        [label, f"{t['value']:.3f}", f"{t['fpr']:.1%} of {t['n']}" if "fpr" in t else "–", t["on"]]
        for label, t in manifest["thresholds"].items()
    ]
    full, short = figures["ai"]["full"], figures["ai"]["100"]
    keys = [k for k in figures if "called" in k]
    return "\n\n".join(
        [
            f"# Model card: {manifest['name']}",
            "Two linear heads on measured signals and hashed word n-grams: `origin` (original, rewritten, "
            "aggregated) and `ai` "
            "(did a language model write or rewrite it). English only. At least "
            f"{manifest['min_words']} words, or it abstains.",
            "## Use",
            "Made to sort and to show: which articles to look at, and the quotations to look at in them. **Never the "
            "sole ground "
            "for a sanction against a writer**, never on texts under the minimum length, never on other languages. "
            "Human texts by "
            "students, learners and polished corporate writers come closest to machine text; texts lightly polished "
            "by a model "
            "come closest to human text, and most of those pass.",
            "## Thresholds",
            _table(["label", "certainty needed", "false calls", "on"], thresholds),
            "Certainty is a label's own probability for original, and one minus the probability of original for the "
            "others.",
            "## Results on held-out datasets",
            f"`ai`, whole texts: mean AUROC {full['auroc']:.3f}, mean TPR {full['tpr_at_1']:.2f} at 1% FPR; first "
            f"100 words: "
            f"{short['auroc']:.3f} and {short['tpr_at_1']:.2f}. Everything else is in `docs/evaluation.md`.",
            _table(["", "value"], [[k, f"{figures[k].get('mean', figures[k].get('share')):.1%}"] for k in keys]),
            "## Trained on",
            f"{manifest['rows']} rows of {manifest['units']} datasets and sites, capped for each generator, and "
            f"variants made from "
            "them. Makers and licences: `docs/training.md`.",
            _table(["dataset", "rows"], [[d, str(n)] for d, n in sorted(datasets.items())]),
            "## Drift",
            "Generators change monthly. The figures are for those in the corpora (GPT-3 to the models of 2026); run "
            "`detector evaluate` on fresh labelled texts before relying on them.",
            "",
        ]
    )
