"""Publish: a corpus folder in; a model folder (weights, vocabulary, manifest, card) and its evaluation out."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from detector import lexicon
from detector import model as models
from detector.article import Article
from detector.errors import UsageError
from detector.features import COLUMNS
from detector.model import Array
from detector.scoring import Detector
from detector.training import account, assess, corpus
from detector.training.corpus import Row
from detector.training.evaluate import HeldOut, Recipe, calibrate_on, lift_on, lift_sums
from detector.training.figures import Figure, figures
from detector.training.fit import CARRIERS, Weights, fit
from detector.training.scores import Scores

SEED = 20261121
VOCABULARY_SIZE = 3000
CAP_TRAIN, CAP_TEST = 600, 60  # rows of one unit, label, kind and generator

# What a head may not see. Page furniture decides nothing, and an AI disclosure is proof when present, never a score.
EXCLUDED: dict[str, tuple[str, ...]] = {
    "ai": ("residue", "disclaimers", "structure", "stories", "issue", "digest", "wording.layout"),
    "origin": ("disclaimers", "hedging", "stock_phrases", "readability", "rhythm", "wording.words"),
}

CANARIES = {
    "reported": (
        "I drove out to Harrow Lane on Tuesday with two of the wardens, and what they showed me was a "
        "culvert packed to the roof with gravel. “We told the county in March,” said Ines Dray, who has "
        "farmed the bottom field since 1988. “They sent a man with a clipboard.” The clipboard, it turns "
        "out, is still in the parish office; the clerk let me read it. It says: no action. By half past "
        "four the water was over my boots, and Dray had gone to move the ewes."
    ),
    "retold": (
        "In a significant development, local authorities have announced a comprehensive plan to address the "
        "growing challenges of urban flooding. The initiative underscores the importance of proactive "
        "infrastructure investment and highlights the need for collaboration between communities and "
        "government. Experts suggest that the measures could play a crucial role in mitigating future "
        "risks. Furthermore, officials emphasized that the project will foster resilience. As the region "
        "continues to navigate these complexities, it remains to be seen how effective the plan will be."
    ),
    "assembled": (
        "Morning briefing\n\n- The harbour board approved a second ferry berth, the Courier reports.\n- A "
        "strike at the glass works enters its third week; talks resume on Friday (Northern Wire).\n- Two "
        "climbers were brought down from Mount Ansel after a night in the snow, according to the rescue "
        "service.\n- The city library will open on Sundays from May. (Evening Post)\n- Shares in the "
        "battery maker Voltane fell 8% after it cut its forecast. (Market Daily)\n"
    ),
}


def train(folder: Path, output: Path, report: Path | None, jobs: int, say: Callable[[str], None]) -> HeldOut:
    """The held-out scores of a model that is trained on `folder` and written to `output`, a new folder.

    `report`, if given, is the evaluation's page; figures, plots and scores go into a folder of its name.
    Raises CorpusError for data that cannot work and UsageError if `output` exists.
    """
    refuse_existing(output)
    say("reading the corpus")
    train_rows, test_rows, recipe = prepare(folder, jobs)
    out, table, scores = assess.score_corpus(folder, train_rows, test_rows, recipe, say)
    say(f"fitting on all {len(train_rows)} rows")
    weights = fit(table, np.ones(len(table.variants), dtype=bool), recipe.features, recipe.excluded)
    sums = out.sums["model"]
    lift = lift_on(out.table, out.band, sums)
    calibration = calibrate_on(out.table, out.band, lift_sums(out.table, sums, lift))
    scores = replace(scores, about={**scores.about, "model": output.name})
    write(output, weights.lifted(lift), calibration, scores, recipe.vocabulary, train_rows, makers(folder))
    if report is not None:
        assess.publish(scores, report, say)
    say(f"wrote {output}")
    return out


def evaluate(folder: Path, output: Path, jobs: int, say: Callable[[str], None]) -> Figure:
    """The figures of models that never saw the datasets of a corpus folder which they score; written under `output`.

    Scores are kept there and read again as long as neither the corpus nor what makes them has changed.
    Raises CorpusError for data that cannot work.
    """
    report = output / assess.PAGE
    kept = report.with_suffix("") / assess.SCORES
    say("reading the corpus")
    source = assess.source(folder)
    if kept.exists() and (scores := Scores.load(kept)).about.get("source") == source:
        say(f"scores as kept in {kept}")
    else:
        train_rows, test_rows, recipe = prepare(folder, jobs)
        *_, scores = assess.score_corpus(folder, train_rows, test_rows, recipe, say)
    return assess.publish(scores, report, say)


def refuse_existing(output: Path) -> None:
    """Raises UsageError if a model's folder is there already."""
    if output.exists():
        raise UsageError(f"{output} exists: a published model is never edited; name a new folder")


def makers(folder: Path) -> dict[str, tuple[str, str]]:
    """Who made each dataset and under which licence, from the table in the corpus folder's README, if it has one."""
    readme = folder / "README.md"
    if not readme.exists():
        return {}
    cells = [line.strip("| ").split(" | ") for line in readme.read_text("utf-8").splitlines() if line.startswith("| ")]
    return {c[0]: (c[1], c[2]) for c in cells if len(c) >= 4}


def prepare(folder: Path, jobs: int) -> tuple[list[Row], list[Row], Recipe]:
    """The rows to train on, the rows to score held out, and the recipe."""
    rows = list(corpus.read(folder))
    vocabulary = common_words(rows, VOCABULARY_SIZE)
    known = [r for r in rows if r.origin is not None or r.ai is not None]
    recipe = Recipe(COLUMNS, EXCLUDED, vocabulary, SEED, jobs)
    people = [r for r in known if not r.ai]
    machines = [r for r in known if r.ai]
    train_rows = corpus.sample(machines, CAP_TRAIN, SEED) + corpus.sample(people, 4 * CAP_TRAIN, SEED)
    test_rows = corpus.sample(machines, CAP_TEST, SEED + 1) + corpus.sample(people, 4 * CAP_TEST, SEED + 1)
    return train_rows, test_rows, recipe


def common_words(rows: Sequence[Row], n: int) -> tuple[str, ...]:
    """The `n` words with the highest mean share of texts over units, commonest first: no unit's topic gets in alone."""
    rng = np.random.default_rng(SEED)
    by_unit: dict[str, list[Row]] = {}
    for r in rows:
        by_unit.setdefault(r.unit, []).append(r)
    share: dict[str, float] = {}
    for _, unit in sorted(by_unit.items()):
        chosen = unit if len(unit) <= 100 else [unit[i] for i in rng.choice(len(unit), 100, replace=False)]
        for r in chosen:
            for word in set(Article(r.text[:20_000]).words):
                if word[0].isalpha() or word[0] == "'" or word == "n't":
                    share[word] = share.get(word, 0.0) + 1 / len(chosen)
    return tuple(sorted(share, key=lambda w: (-share[w], w))[:n])


def write(
    output: Path,
    weights: Weights,
    calibration: Mapping[str, Array],
    scores: Scores,
    vocabulary: Sequence[str],
    rows: Sequence[Row],
    made_by: Mapping[str, tuple[str, str]],
    carriers: Mapping[str, float] = CARRIERS,
) -> None:
    """A model folder, complete and loadable; its canaries are what it itself gives."""
    output.mkdir(parents=True)
    arrays: dict[str, Any] = {
        "knots": weights.knots,
        "curves": weights.curves.astype(np.float32),
        "intercept": weights.intercept,
        **weights.trees.arrays,
        **{f"grams_{b}": w.astype(np.float16) for b, w in weights.grams.items()},
        **{f"calibration_{head}": a for head, a in calibration.items()},
    }
    np.savez_compressed(output / "weights.npz", **arrays)
    (output / "vocabulary.txt").write_text("\n".join(vocabulary) + "\n", "utf-8")
    told = figures(scores)
    about = scores.about
    manifest: dict[str, Any] = {
        "format": models.FORMAT,
        "name": output.name,
        "features": list(weights.features),
        "blocks": list(weights.grams),
        "min_words": about["min_words"],
        "carriers": {name: round(least, 4) for name, least in carriers.items()},
        "thresholds": about["thresholds"],
        "ai_thresholds": account.ai_thresholds(told),
        "corpus": about["corpus"],
        "lexicons": lexicon.digest(),
        "seed": about["seed"],
        "rows": len(rows),
        "units": len({r.unit for r in rows}),
        "libraries": {name: version(name) for name in ("numpy", "scikit-learn", "textstat")}
        | {"python": platform.python_version()},
        "metrics": account.headline(told),
        "canaries": [],
    }
    if "base" in about:
        manifest["base"] = about["base"]
    n_rows = Counter(r.dataset for r in rows)
    datasets = [[d, str(n), *made_by.get(d, ("?", "?"))] for d, n in sorted(n_rows.items())]
    (output / "CARD.md").write_text(account.card(manifest, told, datasets), "utf-8")
    _seal(output, manifest)
    detector = Detector(models.load(output))
    for name, text in CANARIES.items():
        verdict = detector.score(text)
        promised = {**(verdict.probabilities or {}), "ai": verdict.ai_probability}
        manifest["canaries"].append({"name": name, "text": text, "probabilities": promised})
    _seal(output, manifest)
    Detector.load(output)


def _seal(output: Path, manifest: dict[str, Any]) -> None:
    manifest["files"] = {name: models.digest(output / name) for name in models.FILES}
    manifest["digest"] = models.manifest_digest(manifest)
    (output / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", "utf-8")
