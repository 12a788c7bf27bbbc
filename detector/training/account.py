"""Account: figures -> docs/evaluation.md and a model's card. Nothing is computed here; all numbers are figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from detector.training.figures import Figure
from detector.verdict import LABELS

PLOTS = {
    "roc": "ROC of the `ai` head, whole texts and first 100 words",
    "length": "TPR at 1% FPR by length",
    "reliability": "Reliability of the `ai` probability by length, and of the three origin probabilities",
    "aggregators": "Recall of each aggregator, held out",
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows])


def _f(x: float | None, digits: int = 3) -> str:
    return "–" if x is None else f"{round(x, digits) + 0.0:.{digits}f}"  # no minus before a zero


def _p(x: float | None, digits: int = 1) -> str:
    return "–" if x is None else f"{x:.{digits}%}"


def _with(figure: Mapping[str, Any], digits: int = 2) -> str:
    """A figure and its interval."""
    if figure["value"] is None:
        return "–"
    return f"{_f(figure['value'], digits)} [{_f(figure['low'], digits)}, {_f(figure['high'], digits)}]"


def _pwith(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "–"
    return f"{_p(figure['value'])} [{_p(figure['low'])}, {_p(figure['high'])}]"


def _names(slices: Mapping[str, Any]) -> list[str]:
    return [n for n in ("model", "base", "n-grams", "signals", "length") if n in slices]


def page(figures: Figure, folder: str, drawn: Sequence[str]) -> str:
    """docs/evaluation.md; the plots that were drawn are SVG files in `folder`, as the page links it."""
    plots = {name: f"![{PLOTS[name]}]({folder}/{name}.svg)" for name in drawn}
    parts = ["# Evaluation", _about(figures)]
    if "ai" in figures:
        parts += _ai_page(figures["ai"], plots)
    if "origin" in figures:
        parts += _origin_page(figures["origin"], plots)
    parts += _calibration_page(figures, plots)
    parts += _lengths_page(figures["about"])
    if "robustness" in figures:
        parts += robustness_page(figures["robustness"])
    return "\n\n".join([p for p in parts if p] + [""])


def _about(figures: Figure) -> str:
    a = figures["about"]
    first = f"Written by `detector evaluate`; do not edit. Model `{a['model']}`, data `{a['corpus'][:12]}`."
    if a["how"] == "as it stands":
        return (
            f"{first}\n\nThe model as it stands, on {a['rows']} texts that somebody labelled. Intervals are 95% "
            "bootstrap intervals. Texts that the model could not score (empty, not English) are left out of the ranks "
            "and count as abstentions; of those there are "
            f"{a['unscored']}."
        )
    if a["how"] == "own":
        return (
            f"{first}\n\nEvery figure is on texts that the scoring model did not see: {a['folds']}. "
            "Intervals are 95% bootstrap intervals."
        )
    return (
        f"{first} Seed {a['seed']}, {a['rows']} rows of {a['units']} datasets and sites.\n\n"
        "Every figure is on texts whose dataset the scoring model never saw: datasets (each site of `digests`, "
        f"`human_sites` and `ai_sites` is one) are dealt into {a['n_folds']} folds, sets on the same base texts into "
        "the same one; the fold's datasets, and every row elsewhere that shares a source text with them, are left out "
        "of training. A little harder than leaving one dataset out, and "
        f"{a['n_folds']} fits in place of {a['units']}. "
        "Baselines are fitted on the same rows, calibrated and given thresholds by the same rules; "
        "where texts are ranked, n-grams and signals rank by their uncalibrated score, which serves them better: "
        "*n-grams* is hashed word 1-2-grams with logistic regression, *signals* every column but no n-grams, *length* "
        "the number of words. Intervals are 95% bootstrap intervals: over datasets or sites for a mean of them, over "
        "rows for one of them; thresholds are held fixed.\n\n"
        "    detector evaluate ../shared/data --output docs"
    )


def _ai_page(ai: Figure, plots: Mapping[str, str]) -> list[str]:
    bands = ai["bands"]
    first = next(iter(bands.values()))
    names = _names(first)
    full = bands.get("full", first)
    result = [
        "## `ai`: did a language model write it?",
        "Means over datasets and kinds of machine text, by the first words of each text. AUROC is against the human "
        "texts of the same dataset. TPR is by one threshold for all, set on the pooled human originals of that length "
        f"(n = {full['people']} whole texts from before November 2022, sources weighted by the root of their size). "
        "Macro-F1 calls a text machine-written from a probability of one half, classes of equal weight.",
    ]
    for key, title in (
        ("auroc", "AUROC"),
        ("tpr_at_1", "TPR at 1% FPR"),
        ("tpr_at_5", "TPR at 5% FPR"),
        ("macro_f1", "Macro-F1"),
    ):
        rows = [[words, *(_with(b[n][key]) for n in names)] for words, b in bands.items() if key in b[names[0]]]
        if rows:
            result.append(_table([f"{title}, words", *names], rows))
    rows = [
        [words, str(b["rows"]), _with(b["model"]["recall"]["human"]), _with(b["model"]["recall"]["machine"])]
        for words, b in bands.items()
        if "recall" in b["model"]
    ]
    if rows:
        result += [
            "Recall of each class by the model at one half, all rows alike:",
            _table(["words", "n", "human", "machine"], rows),
        ]
    result += [plots.get("roc", ""), plots.get("length", "")]
    shown = [n for n in names if n in ("model", "base", "n-grams")]
    columns = [f"{title} {n}" for n in shown for title in ("AUROC", "TPR@1%")]

    def compared(line: Figure) -> list[str]:
        return [_with(line[n][k], 3 if k == "auroc" else 2) for n in shown for k in ("auroc", "tpr_at_1")]

    if ai["datasets"]:
        rows = [[d["dataset"], d["kind"], str(d["machine"]), str(d["human"]), *compared(d)] for d in ai["datasets"]]
        result += ["Whole texts, by dataset:", _table(["dataset", "kind", "machine", "human", *columns], rows)]
    if ai["generators"]:
        rows = [[d["generator"], str(d["machine"]), *compared(d)] for d in ai["generators"]]
        result += [
            "Whole texts, by generator (AUROC against all human originals):",
            _table(["generator", "machine", *columns], rows),
        ]
    if ai["domains"]:
        rows = [
            [d["domain"], str(d["machine"]), str(d["human"]), *compared(d), *(_pwith(d[n]["fpr"]) for n in shown)]
            for d in ai["domains"]
        ]
        result += [
            "Whole texts, by domain (human: originals from before November 2022):",
            _table(["domain", "machine", "human", *columns, *(f"FPR {n}" for n in shown)], rows),
        ]
    for key, what in (("sources", "source"), ("sites", "site")):
        worst = sorted(ai[key], key=lambda d: (-d["model"]["value"], d[what]))
        if key == "sites":
            worst = [d for d in worst if d["model"]["value"] > 0]
        if worst:
            rows = [[d[what], str(d["model"]["n"]), *(_pwith(d[n]) for n in shown)] for d in worst]
            text = f"False positives by {what} of human originals, whole texts, at the same threshold, worst first"
            if key == "sites":
                text += f" ({len(ai[key]) - len(worst)} of {len(ai[key])} sites have none)"
            result += [f"{text}:", _table([what, "n", *shown], rows)]
    if ai["writers"]:
        rows = [[d["writer"], d["words"], str(d["model"]["n"]), *(_pwith(d[n]) for n in shown)] for d in ai["writers"]]
        result += [
            "False positives by group of writers and length, where all human originals of that length have 1%:",
            _table(["writers", "words", "n", *shown], rows),
        ]
    return result


def _origin_page(origin: Figure, plots: Mapping[str, str]) -> list[str]:
    names = _names(origin["names"])
    rows = [
        [k, _pwith(v), f"{v['units']} sources" if "units" in v else f"{v['n']} texts"]
        for k, v in origin["summary"].items()
    ]
    result = [
        "## `origin`: original, rewritten or aggregated?",
        "Whole texts, by the label given (thresholds of this model), means over held-out sources.",
        _table(["", "mean", "n"], rows),
        "The model beside the baselines, each with thresholds set by the same rule. An abstention is a miss. AUROC "
        "and TPR rank each aggregator against all human originals.",
    ]
    rows = []
    for title, key in (
        ("recall of originals", "original"),
        ("recall of rewritten", "rewritten"),
        ("recall of aggregated", "aggregated"),
    ):
        rows.append([title, *(_with(origin["names"][n]["recall"][key]) for n in names)])
    for title, key in (
        ("originals called rewritten or aggregated", "originals called rewritten or aggregated"),
        ("AUROC, aggregators", "auroc"),
        ("TPR at 1% FPR, aggregators", "tpr_at_1"),
        ("TPR at 2% FPR, aggregators", "tpr_at_2"),
        ("TPR at 5% FPR, aggregators", "tpr_at_5"),
        ("macro-F1 of the labels given", "macro_f1"),
        ("macro-F1 of the likeliest labels", "macro_f1 likeliest label"),
    ):
        if key in origin["names"][names[0]]:
            rows.append([title, *(_with(origin["names"][n][key], 3) for n in names)])
    result.append(_table(["", *names], rows))
    result.append(plots.get("aggregators", ""))
    if origin["aggregators"]:
        rows = [
            [a["aggregator"], str(a["n"]), *(_f(a[k], 2) for k in ("aggregated", "rewritten", "abstained", "by_rank")),
             _f(a.get("n-grams_by_rank"), 2)]
            for a in sorted(origin["aggregators"], key=lambda a: a["aggregated"])
        ]  # fmt: skip
        result += [
            "Each aggregator, held out, worst first (by rank: above the 98th percentile of human originals):",
            _table(["aggregator", "n", "aggregated", "rewritten", "abstained", "by rank", "n-grams by rank"], rows),
        ]
    for key, what, text in (
        ("originals", "source", "Each source of human originals, worst first"),
        ("domains", "domain", "Human originals by domain"),
        ("writers", "writer", "Human originals by group of writers"),
        ("rewritten", "dataset", "Rewritten texts by dataset"),
        ("generators", "generator", "Rewritten texts by generator"),
    ):
        if origin[key]:
            lines = sorted(origin[key], key=lambda d: (-d["aggregated"] - d["rewritten"], d[what]))
            lines = origin[key] if key in ("rewritten", "generators", "writers") else lines
            rows = [[d[what], str(d["n"]), *(_p(d[k]) for k in (*LABELS, "abstained"))] for d in lines]
            result += [f"{text}:", _table([what, "n", *LABELS, "abstained"], rows)]
    return result


def _calibration_page(figures: Figure, plots: Mapping[str, str]) -> list[str]:
    rows = []
    ai, origin = figures.get("ai", {}).get("bands", {}), figures.get("origin", {}).get("bands", {})
    for words in ai or origin:
        m, o = ai.get(words, {}).get("model", {}), origin.get(words, {})
        rows.append(
            [words, str(ai.get(words, o).get("rows", 0)), _f(m.get("ece")), _f(m.get("brier"))]
            + [_f(o.get(label, {}).get("ece")) for label in LABELS]
            + [_f(o.get(label, {}).get("brier")) for label in LABELS]
        )
    heads = [f"{what} {label}" for what in ("ECE", "Brier") for label in LABELS]
    beside = [
        [words, *(_f(b[n].get("ece")) + " / " + _f(b[n].get("brier")) for n in _names(b))] for words, b in ai.items()
    ]
    names = _names(next(iter(ai.values()))) if ai else []
    return [
        "## Calibration under shift",
        "How far probabilities can be taken at their word on datasets that neither model nor calibration saw. `ai`: "
        "classes weighted equally; origin: half of all texts originals, the rest shared by the other two, as its "
        "probabilities presume. ECE over ten bins.",
        _table(["words", "n", "ECE ai", "Brier ai", *heads], rows),
        "ECE / Brier of `ai` beside the baselines, calibrated by the same rule:" if len(names) > 1 else "",
        _table(["words", *names], beside) if len(names) > 1 else "",
        plots.get("reliability", ""),
    ]


def _lengths_page(about: Figure) -> list[str]:
    rows = [
        [str(m["words"]), str(m["n"]), _p(m["false calls"], 2), _p(m["ai over"], 2)] for m in about.get("lengths", [])
    ]
    if not rows:
        return []
    return [
        "## The shortest text",
        "People's texts cut to so many words (to the nearest sentence's end), by the bars that were set on texts of "
        "300 words and more: the share called rewritten or aggregated, and the share whose `ai` probability reaches "
        f"what 1% of long texts reach. From **{about['min_words']} words** on the first is under 1%, the second under "
        "2%; below, it abstains.",
        _table(["words", "n", "false calls", "ai over the 1% bar"], rows),
    ]


def robustness_page(robustness: Figure) -> list[str]:
    """The section on changed texts."""
    rows = []
    for line in robustness["changes"]:
        rows.append(
            [line["change"], line["kind"], str(line["n"]), _p(line["agreement"]), _p(line["accused"]),
             _f(line["auroc_drop"]), _f(line["tpr_drop"]), _f(line["recall_drop"])]
        )  # fmt: skip
    n = robustness["n"]
    return [
        "## Robustness",
        f"Whole texts ({n['human']} human originals, {n['machine']} machine-written, {n['aggregated']} aggregated), "
        "changed and scored again. *Same verdict*: label or abstention as before. *Newly accused*: human originals "
        "called rewritten or aggregated that were not before. Drops are of AUROC, of TPR at the threshold that 1% of "
        "the unchanged originals reach, and of the aggregated called so; below 0 is a rise.",
        _table(
            ["change", "kind", "n", "same verdict", "newly accused", "AUROC drop", "TPR@1% drop", "recall drop"], rows
        ),
    ]


FAILURES = (
    (
        "Release notes and team updates written as a list",
        "“In 4.2: the parser no longer drops tabs. Faster start. Docs: three new guides, thanks to Priya and Tom. Next "
        "week we look at the importer.”",
        "one team's own news, but it reads as a digest's items; aggregated or abstained",
    ),
    (
        "A polished human essay with stock phrases",
        "“Furthermore, lifelong learning plays a crucial role in today's fast-paced world, and it is important to "
        "note that everyone benefits.”",
        "learners are taught this register; the ai probability is too high",
    ),
    (
        "A person's draft that a model only corrected",
        "“We walked the sea wall at low tide. It holds, mostly. Where it doesn't, you can see daylight.” (commas and "
        "one verb were a model's)",
        "reads as the person's, and passes",
    ),
    (
        "A newsletter in its editor's own voice",
        "“Three things I could not stop thinking about this week. First, the harbour vote, which the Courier covered "
        "better than I can.”",
        "assembled from others' stories, but the voice is one person's; original or abstained",
    ),
    (
        "An agency report cut by hand",
        "“The marathon will start an hour earlier, organisers said on Friday, because of the heat.”",
        "keeps the reporting of what it was cut from; original",
    ),
)


def ai_thresholds(figures: Figure) -> dict[str, dict[str, float | int]]:
    """The ai probability that a stated share of held-out human originals reaches, per length band."""
    if "ai" not in figures:
        return {}
    return {
        f"{words} words, {rate} FPR": {"value": value, "n": figures["ai"]["bands"][words]["people"]}
        for words, by_rate in figures["ai"]["thresholds"].items()
        for rate, value in by_rate.items()
    }


def headline(figures: Figure) -> Figure:
    """The figures that stand in a manifest."""
    result: Figure = {}
    for name, bands in (("ai", figures.get("ai", {}).get("bands", {})),):
        for shown in ("model", "n-grams"):
            key = name if shown == "model" else f"{shown} {name}"
            rows = {words: b[shown] for words, b in bands.items() if shown in b}
            if rows:
                wanted = ("auroc", "tpr_at_1", "tpr_at_5")
                result[key] = {words: {k: b[k]["value"] for k in wanted} for words, b in rows.items()}
    result |= figures.get("origin", {}).get("summary", {})
    return result


def card(manifest: Mapping[str, Any], figures: Figure, datasets: Sequence[Sequence[str]]) -> str:
    """CARD.md: what the model is made of, what it can be used for, and how it fails.

    `datasets` is a row (name, rows, maker, licence) each.
    """
    thresholds = [
        [label, f"{t['value']:.3f}", f"{t['fpr']:.2%} of {t['n']}" if "fpr" in t else "–", str(t["on"])]
        for label, t in manifest["thresholds"].items()
    ]
    bars = [[name, f"{t['value']:.3f}", str(t["n"])] for name, t in manifest.get("ai_thresholds", {}).items()]
    parts = [
        f"# Model card: {manifest['name']}",
        "Two heads, each a sum over measured signals (curves and small trees) and hashed n-grams of words and, for "
        "`origin`, of the shapes of lines: `origin` (original, rewritten, aggregated) and "
        "`ai` (did a language model write or rewrite it). English only. At least "
        f"{manifest['min_words']} words, or it abstains.",
        "## Intended use",
        "To sort and to show: which articles a person should look at, and the quotations to look at in them; to "
        "study how much of a corpus is retold or assembled. Verdicts on many texts, read together, are safer than a "
        "verdict on one.",
        "## Forbidden use",
        "- **Never the sole ground for punishing a writer**: no sanction, grade, rejection or public claim rests on a "
        "score. Read the quotations, ask for notes and drafts, allow an answer.\n"
        f"- Not on texts under {manifest['min_words']} words, nor in other languages; it abstains there, and the "
        "numbers it may still show carry no promise.\n"
        "- Not on groups that it was not measured on. Learners and second-language writers, students, and polished "
        "corporate prose come closest to machine text.\n"
        "- Not as proof that a person wrote a text: what a model lightly polished mostly passes.",
        "## Thresholds",
        _table(["label", "certainty needed", "false calls", "on"], thresholds),
        "Certainty is a label's own probability for original, and one minus the probability of original for the "
        "others.",
    ]
    if bars:
        parts += [
            "The `ai` probability that a share of held-out human originals reaches:",
            _table(["first words, FPR", "ai probability", "n"], bars),
        ]
    parts.append("## Results on held-out texts")
    if "ai" in figures:
        rows = [
            [words, *(_with(b["model"][k], 3 if k == "auroc" else 2) for k in ("auroc", "tpr_at_1", "tpr_at_5")),
             _f(b["model"].get("ece"))]
            for words, b in figures["ai"]["bands"].items()
        ]  # fmt: skip
        parts += [
            "`ai`, means over datasets and kinds with 95% intervals, by the first words:",
            _table(["words", "AUROC", "TPR at 1% FPR", "TPR at 5% FPR", "ECE"], rows),
        ]
        worst = sorted(figures["ai"]["datasets"], key=lambda d: d["model"]["tpr_at_1"]["value"])[:5]
        if worst:
            rows = [
                [d["dataset"], d["kind"], str(d["machine"]), _with(d["model"]["tpr_at_1"]), _with(d["model"]["auroc"])]
                for d in worst
            ]
            parts += [
                "Machine text that it finds least of:",
                _table(["dataset", "kind", "n", "TPR at 1% FPR", "AUROC"], rows),
            ]
        sources = sorted(figures["ai"]["sources"], key=lambda d: -d["model"]["value"])[:5]
        groups = [d for d in figures["ai"]["writers"] if d["words"] == "full" and d["writer"] != "all"]
        rows = [[d["source"], str(d["model"]["n"]), _pwith(d["model"])] for d in sources]
        rows += [[f"*{d['writer']}*", str(d["model"]["n"]), _pwith(d["model"])] for d in groups]
        if rows:
            parts += [
                "Where people are taken for machines most, at the threshold that 1% of all reach, and groups of "
                "writers:",
                _table(["source", "n", "false positives"], rows),
            ]
    if "origin" in figures:
        rows = [[k, _pwith(v), str(v.get("units", v.get("n")))] for k, v in figures["origin"]["summary"].items()]
        parts += [
            "`origin`, means over held-out sources with 95% intervals:",
            _table(["", "value", "sources or texts"], rows),
        ]
        worst = sorted(figures["origin"]["originals"], key=lambda d: -d["aggregated"] - d["rewritten"])[:5]
        rows = [[d["source"], str(d["n"]), _p(d["aggregated"]), _p(d["rewritten"]), _p(d["abstained"])] for d in worst]
        parts += [
            "Human sources that it wrongs most:",
            _table(["source", "n", "aggregated", "rewritten", "abstained"], rows),
        ]
    parts += [
        "## Failures",
        "Invented examples of what it gets wrong, each of a kind that was met in measuring:",
        _table(["kind", "example", "what happens"], FAILURES),
        "## Trained on",
        f"{manifest['rows']} rows of {manifest['units']} datasets and sites, capped for each generator, and variants "
        "made from them."
        + (f" Built on `{manifest['base']}`, whose card says what it was trained on." if "base" in manifest else ""),
        _table(["dataset", "rows", "maker", "licence stated there"], datasets),
        "## Drift",
        "Generators change monthly, and so do outlets' habits. The figures hold for the corpora above; run `detector "
        "evaluate LABELLED.jsonl --output DIR` on fresh texts of your own before relying on them, and again every few "
        "months. Warning signs: more abstentions than here, a share of accused originals over the threshold's rate, "
        "reliability that bends away from the diagonal.",
        "",
    ]
    return "\n\n".join(parts)
