"""Tracing: fits what tells a derived article from an independent one, and measures tracing on pairs of the corpora.

    python -m detector.training.tracing ../shared/data --fit     # detector/trace/derivation.json
    python -m detector.training.tracing ../shared/data --rarity  # detector/trace/rarity.npz, which the fit rests on
    python -m detector.training.tracing ../shared/data           # the section of docs/evaluation.md

Derived pairs: machine rewrites, paraphrases and polishes, simplified news, and aggregated stories with their sources.
Independent pairs: sources of one aggregated story, each another outlet's report of one event, unless they share more
than 5% of their runs of six words (agency copy: a twentieth of the pairs).
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import random
import re
import statistics
import sys
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from detector.article import Article
from detector.errors import CorpusError
from detector.trace.alignment import FEATURES, align
from detector.trace.derivation import Judge, compare, conclude, find, shipped
from detector.trace.index import Document, Index, build
from detector.trace.reading import RARITY_SCALE, Floats, read

REWRITES = ("l2d", "imbd", "imbd_polish500", "l2r", "llmfake", "sheepdog", "politifact_pp", "onestopenglish")
KINDS = ("llm_rewritten", "llm_polished", "llm_paraphrased", "human_rewritten")
POOL = ("multi_news_plus_sources", "bbc_2004", "fnc1_emergent", "gov_digitalgov", "echoes_opinions_human_pre2022")
STORIES, SOURCES = "multi_news_plus", "multi_news_plus_sources"
# Datasets on the same base texts are held out together.
FAMILIES = {"sheepdog": "a", "llmfake": "a", "politifact_pp": "a", "imbd": "b", "imbd_polish500": "b", "l2d": "b"}
PER_DATASET = 300
N_STORIES = 800
FALSE_POSITIVES = {"derived": 0.01, "doubtful": 0.05}
_COPY = 0.05  # shared runs of six words, of the shorter text, above which two reports are not independent
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Derived:
    """An article, and the ids of the sources that it was made from."""

    dataset: str
    kind: str
    key: str
    text: str
    sources: frozenset[str]


@dataclass(frozen=True)
class Material:
    """A pool of sources, articles made from them, and groups of independent reports of one event (ids of sources)."""

    pool: Mapping[str, str]
    derived: Sequence[Derived]
    events: Sequence[tuple[str, ...]]


def gather(folder: Path) -> Material:
    """The material in `folder`/corpus. Raises CorpusError where a dataset is missing."""
    rng = random.Random(20261121)
    pool: dict[str, str] = {}
    by_pair: dict[str, list[str]] = defaultdict(list)
    seen: dict[str, str] = {}
    derived: list[Derived] = []

    def add(row: Mapping[str, Any]) -> str:
        # one text may stand in several datasets
        key = "".join(_WORD.findall(row["text"].lower()))[:160]
        id = seen.setdefault(key, row["id"])
        pool.setdefault(id, row["text"])
        return id

    for dataset in REWRITES:
        rows = list(_read(folder, dataset))
        made: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            if row["pair_id"] and row["origin"] == "original":
                id = add(row)
                if id not in by_pair[row["pair_id"]]:
                    by_pair[row["pair_id"]].append(id)
            elif row["pair_id"] and row["kind"] in KINDS:
                made[row["pair_id"]].append(row)
        keys = sorted(k for k in made if by_pair.get(k))
        rng.shuffle(keys)
        for k in keys[:PER_DATASET]:
            row = rng.choice(made[k])
            derived.append(Derived(dataset, row["kind"], k, row["text"], frozenset(by_pair[k])))
    for dataset in POOL:
        for row in _read(folder, dataset):
            if dataset != SOURCES and row["origin"] == "original":
                add(row)
            elif dataset == SOURCES:
                by_pair[row["pair_id"]].append(add(row))
    stories = [r for r in _read(folder, STORIES) if r["pair_id"] in by_pair]
    rng.shuffle(stories)
    for row in stories[:N_STORIES]:
        k = row["pair_id"]
        derived.append(Derived(STORIES, "aggregated", k, row["text"], frozenset(by_pair[k])))
    events = [tuple(dict.fromkeys(by_pair[r["pair_id"]])) for r in stories]
    return Material(pool, derived, events)


def _read(folder: Path, dataset: str) -> Iterator[dict[str, Any]]:
    path = folder / "corpus" / f"{dataset}.jsonl.gz"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
    except OSError:
        raise CorpusError(f"{path} cannot be read: tracing is fitted and measured on it") from None


def count_rarity(material: Material) -> dict[str, Any]:
    """The arrays of rarity.npz: stems that three or more texts of the pool have, and how rare each is."""
    stems, df = np.unique(
        np.concatenate([read(Article(text[:60_000])).vocabulary for text in material.pool.values()]), return_counts=True
    )
    n, kept = len(material.pool), df >= 3
    rarity = np.log(1 + (n - df[kept] + 0.5) / (df[kept] + 0.5))
    return {
        "stems": stems[kept],
        "rarity": np.rint(rarity * RARITY_SCALE).astype(np.uint8),
        "rarest": np.float32(math.log(1 + (n - 1) / 2)),
    }


def shared_runs(a: str, b: str, n: int = 6) -> float:
    """The share of the shorter text's runs of n words that the other has."""
    runs = []
    for text in (a, b):
        words = _WORD.findall(text.lower())
        runs.append(set(zip(*(words[i:] for i in range(n)), strict=False)))
    return len(runs[0] & runs[1]) / max(1, min(map(len, runs)))


def independent_pairs(material: Material) -> Iterator[tuple[str, str]]:
    """Ids of two reports of one event, each pair once, in an order that a checksum deals."""
    for event in material.events:
        for i, x in enumerate(event):
            for y in event[:i]:
                if shared_runs(material.pool[x], material.pool[y]) <= _COPY:
                    yield (x, y) if zlib.crc32(f"{x}{y}".encode()) % 2 else (y, x)


def measure(pairs: Sequence[tuple[str, str]]) -> Floats:
    """The features of (article, source) texts."""
    rows = [align(read(Article(a)), read(Article(s))).features for a, s in pairs]
    return np.array(rows).reshape(len(pairs), len(FEATURES))


def measure_all(pairs: Sequence[tuple[str, str]], jobs: int) -> Floats:
    chunks = [pairs[i : i + 200] for i in range(0, len(pairs), 200)]
    return np.vstack(Parallel(n_jobs=jobs)(delayed(measure)(c) for c in chunks))


@dataclass(frozen=True)
class Pairs:
    """Measured pairs: features, whether derived, the dataset and the half (by event) of each."""

    features: Floats
    derived: npt.NDArray[np.bool_]
    dataset: npt.NDArray[np.str_]
    article: npt.NDArray[np.str_]
    half: npt.NDArray[np.int64]


def pair_up(material: Material, jobs: int) -> Pairs:
    """Every derived article with a source of its (aggregated stories with each), and the independent pairs."""
    texts, labels, datasets, articles = [], [], [], []
    for d in material.derived:
        for source in sorted(d.sources) if d.dataset == STORIES else sorted(d.sources)[:1]:
            texts.append((d.text, material.pool[source]))
            labels.append(True)
            datasets.append(d.dataset)
            articles.append(d.key)
    event_of = {id: event[0] for event in material.events for id in event}
    halves = [zlib.crc32(a.encode()) % 2 for a in articles]
    for x, y in independent_pairs(material):
        texts.append((material.pool[x], material.pool[y]))
        labels.append(False)
        datasets.append(SOURCES)
        articles.append(x)
        halves.append(zlib.crc32(event_of[x].encode()) % 2)
    return Pairs(measure_all(texts, jobs), np.array(labels), np.array(datasets), np.array(articles), np.array(halves))


def fit_judge(pairs: Pairs, chosen: npt.NDArray[np.bool_]) -> Judge:
    """The regression fitted on some pairs; datasets weigh by the root of their size, both classes alike.

    Aggregated stories only measure: their sources are cut short, so that a pair may share next to nothing, and with
    them the weights of what makes texts alike turn negative.
    """
    chosen = chosen & (pairs.dataset != STORIES)
    weights = np.zeros(len(chosen))
    for dataset in np.unique(pairs.dataset[chosen]):
        rows = chosen & (pairs.dataset == dataset)
        weights[rows] = 1 / math.sqrt(rows.sum())
    for label in (True, False):
        rows = chosen & (pairs.derived == label)
        weights[rows] *= chosen.sum() / 2 / weights[rows].sum()
    x = pairs.features[chosen]
    mean, scale = x.mean(axis=0), x.std(axis=0)
    model = LogisticRegression(max_iter=3000).fit((x - mean) / scale, pairs.derived[chosen], weights[chosen])
    return Judge(model.coef_[0], float(model.intercept_[0]), mean, scale, {})


def hold_out(pairs: Pairs) -> Floats:
    """Each pair's probability by a judge that saw neither its dataset's family nor its half of the events."""
    family = np.array([FAMILIES.get(d, d) for d in pairs.dataset])
    scores = np.zeros(len(family))
    for f in np.unique(family):
        for half in (0, 1):
            asked = (family == f) & (pairs.half == half)
            judge = fit_judge(pairs, ((family != f) | ~pairs.derived) & (pairs.half != half))
            scores[asked] = [judge.probability(x) for x in pairs.features[asked]]
    return scores


def best_by_article(pairs: Pairs, scores: Floats) -> Floats:
    """For each independent article the score of the sibling that it looks most derived from."""
    best: dict[str, float] = {}
    for article, s, derived in zip(pairs.article, scores, pairs.derived, strict=True):
        if not derived:
            best[article] = max(best.get(article, 0.0), float(s))
    return np.array(list(best.values()))


def independent_articles(material: Material, half: int, n: int = 1000) -> list[str]:
    """Ids of reports whose event another outlet reports, from one half of the events."""
    ids = sorted(x for e in material.events if len(e) > 1 and zlib.crc32(e[0].encode()) % 2 == half for x in e)
    random.Random(3).shuffle(ids)
    return ids[:n]


def _index(material: Material, place: str) -> str:
    where = str(Path(place) / "index")
    for _ in build((Document(id, text) for id, text in material.pool.items()), where):
        pass
    return where


def _likeliest(folder: str, asked: Sequence[tuple[str, str]], judge: Judge) -> list[float]:
    """For each article the probability of the source that it looks most derived from, it and its copies left out."""
    index = Index.load(folder)
    best = []
    for id, text in asked:
        reading = read(Article(text))
        documents = _independent_of(id, text, [index.stored(n) for n in find(reading, index)])
        best.append(max((c.probability for c in compare(reading, documents, judge)), default=0.0))
    return best


def _independent_of(id: str, text: str, documents: Sequence[Document]) -> list[Document]:
    return [d for d in documents if d.id != id and shared_runs(text, d.text) <= _COPY]


def fit(folder: Path, jobs: int) -> dict[str, Any]:
    """What derivation.json holds: weights fitted on all pairs, thresholds set on held-out scores."""
    material = gather(folder)
    pairs = pair_up(material, jobs)
    held = hold_out(pairs)
    judge = fit_judge(pairs, np.ones(len(held), dtype=bool))
    with tempfile.TemporaryDirectory() as place:
        where = _index(material, place)
        asked = independent_articles(material, 0)
        chunks = [[(x, material.pool[x]) for x in asked[i::16]] for i in range(16)]
        best = Parallel(n_jobs=jobs)(delayed(_likeliest)(where, c, judge) for c in chunks)
    negatives = np.concatenate(best)
    thresholds = {
        name: {
            "value": round(float(np.quantile(negatives, 1 - rate)), 6),
            "fpr": rate,
            "n": len(negatives),
            "on": "independent articles (half the events), each traced in the whole pool without its copies",
        }
        for name, rate in FALSE_POSITIVES.items()
    }
    return {
        "features": list(FEATURES),
        "weights": np.round(judge.weights, 6).tolist(),
        "intercept": round(judge.intercept, 6),
        "mean": np.round(judge.mean, 6).tolist(),
        "scale": np.round(judge.scale, 6).tolist(),
        "thresholds": thresholds,
        "provenance": {
            "by": "python -m detector.training.tracing CORPUS --fit",
            "derived": {d: int(((pairs.dataset == d) & pairs.derived).sum()) for d in np.unique(pairs.dataset)},
            "independent": int((~pairs.derived).sum()),
            "auroc_held_out": {d: round(a, 4) for d, (a, _, _) in auroc_by_dataset(pairs, held).items()},
        },
    }


def auroc_by_dataset(pairs: Pairs, scores: Floats) -> dict[str, tuple[float, float, int]]:
    """By dataset: AUROC against the independent pairs, the share above the 1% threshold, n."""
    negative = scores[~pairs.derived]
    bar = np.quantile(best_by_article(pairs, scores), 1 - FALSE_POSITIVES["derived"])
    result = {}
    groups = {d: pairs.dataset == d for d in np.unique(pairs.dataset[pairs.derived])}
    people = np.isin(pairs.dataset, (STORIES, "onestopenglish"))
    groups["machine rewrites, all"] = ~people & pairs.derived
    groups["rewrites, all"] = pairs.derived & (pairs.dataset != STORIES)
    for name, rows in groups.items():
        positive = scores[rows & pairs.derived]
        truth = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
        area = float(roc_auc_score(truth, np.r_[positive, negative]))
        result[name] = area, float((positive >= bar).mean()), len(positive)
    return result


def wilson(hits: float, n: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927)."""
    if not n:
        return math.nan, math.nan
    z, p = 1.96, hits / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def share(hits: Iterable[float]) -> str:
    """A mean of 0s and 1s with its interval and n."""
    values = list(hits)
    if not values:
        return "–"
    low, high = wilson(sum(values), len(values))
    return f"{statistics.mean(values):.3f} [{low:.3f}, {high:.3f}] ({len(values)})"


@dataclass(frozen=True)
class Traced:
    """What tracing gave for an article with known sources: ranks (from 0) of the true ones among the candidates.

    `likeliest` is the highest probability of a source that is no copy, `apart` the same of an aggregated story without
    the sources that share over 5% of their runs of six words with it: what independent articles are measured without.
    """

    dataset: str
    kind: str
    n_true: int
    ranks: tuple[int, ...]
    found_rank: int | None
    derivation: str | None
    told: frozenset[str]
    told_true: int
    likeliest: float
    apart: float
    seconds: float


def trace_one(index: Index, text: str, sources: frozenset[str], dataset: str, kind: str, itself: str) -> Traced:
    """One article through retrieval, alignment and verdict; copies of an independent one (id `itself`) are left out."""
    start = time.process_time()
    reading = read(Article(text))
    documents = [index.stored(n) for n in find(reading, index)]
    seconds = time.process_time() - start
    if itself:
        documents = _independent_of(itself, text, documents)
    start = time.process_time()
    compared = compare(reading, documents)
    found = conclude(reading, compared, {})
    seconds += time.process_time() - start
    others = [c for c in compared if not c.same_article]
    apart = [c for c in others if dataset == STORIES and shared_runs(text, c.document.text) <= _COPY]
    truth = [d.text for d in documents if d.id in sources]

    def is_true(document: Document) -> bool:
        # another extraction of the same page is the same source
        return document.id in sources or any(shared_runs(document.text, t) > 0.3 for t in truth)

    ranks = tuple(
        i for i, c in enumerate(compared) if (c.document.id in sources if len(sources) > 1 else is_true(c.document))
    )
    retrieved = next((i for i, d in enumerate(documents) if is_true(d)), None)
    told = frozenset(s.id for s in found.sources if not s.same_article)
    return Traced(
        dataset,
        kind,
        len(sources),
        ranks,
        retrieved,
        found.derivation,
        told,
        sum(is_true(c.document) for c in compared if c.document.id in told),
        max((c.probability for c in others), default=0.0),
        max((c.probability for c in apart), default=0.0),
        seconds,
    )


def _trace_chunk(folder: str, asked: Sequence[tuple[str, frozenset[str], str, str, str]]) -> list[Traced]:
    index = Index.load(folder)
    return [trace_one(index, *a) for a in asked]


def stitched(material: Material, n: int) -> list[Derived]:
    """Roundups with known sources: three to five machine rewrites of different sources, one after the other."""
    rng = random.Random(7)
    usable = [d for d in material.derived if d.kind.startswith("llm") and 60 <= len(d.text.split()) <= 400]
    made = []
    for i in range(n):
        parts = rng.sample(usable, rng.randint(3, 5))
        ids = frozenset(sorted(d.sources)[0] for d in parts)
        made.append(Derived("stitched", "aggregated", f"stitched:{i}", "\n\n".join(d.text for d in parts), ids))
    return made


def evaluate(folder: Path, jobs: int = 1) -> tuple[str, dict[str, Any]]:
    """A section of markdown on tracing, and its figures.

    Args:
        folder: the corpora, as `detector train` takes them.
        jobs: processes.
    """
    material = gather(folder)
    pairs = pair_up(material, jobs)
    held = hold_out(pairs)
    areas = auroc_by_dataset(pairs, held)
    asked = [(d.text, d.sources, d.dataset, d.kind, "") for d in material.derived]
    asked += [(d.text, d.sources, d.dataset, d.kind, "") for d in stitched(material, 200)]
    # thresholds were set on the other half of the events
    asked += [
        (material.pool[x], frozenset(), "independent", "same event", x) for x in independent_articles(material, 1)
    ]
    with tempfile.TemporaryDirectory() as place:
        where = _index(material, place)
        chunks = [asked[i::16] for i in range(16)]
        traced = [t for ts in Parallel(n_jobs=jobs)(delayed(_trace_chunk)(where, c) for c in chunks) for t in ts]
    return _section(material, areas, traced), _figures(material, areas, traced)


def _first(t: Traced, k: int) -> float:
    return float(any(r < k for r in t.ranks))


def _figures(
    material: Material, areas: Mapping[str, tuple[float, float, int]], traced: Sequence[Traced]
) -> dict[str, Any]:
    def of(choose: Callable[[Traced], bool]) -> list[Traced]:
        return [t for t in traced if choose(t)]

    machine = of(lambda t: t.kind.startswith("llm"))
    people = of(lambda t: t.dataset == "onestopenglish")
    several = of(lambda t: t.dataset == STORIES and t.n_true > 1)
    one = [*machine, *people]
    many = [*several, *of(lambda t: t.dataset == "stitched")]
    alone = of(lambda t: t.dataset == "independent")
    told_one = [t for t in traced if t.derivation == "derived_from_one"]
    told_many = [t for t in traced if t.derivation == "derived_from_several"]
    return {
        "pool": len(material.pool),
        "recall@1, machine rewrites": share(_first(t, 1) for t in machine),
        "recall@5, machine rewrites": share(_first(t, 5) for t in machine),
        "recall@1, machine rewrites, by retrieval alone": share(float(t.found_rank == 0) for t in machine),
        "recall@1, human rewrites": share(_first(t, 1) for t in people),
        "recall@5, human rewrites": share(_first(t, 5) for t in people),
        "sources of aggregated stories in the top 10": share(
            float(i < sum(r < 10 for r in t.ranks)) for t in several for i in range(t.n_true)
        ),
        "sources of stitched roundups in the top 10": share(
            float(i < sum(r < 10 for r in t.ranks)) for t in traced if t.dataset == "stitched" for i in range(t.n_true)
        ),
        "AUROC derived v same event, rewrites": round(areas["rewrites, all"][0], 4),
        "AUROC derived v same event, machine rewrites": round(areas["machine rewrites, all"][0], 4),
        "AUROC derived v same event, aggregated stories": round(areas[STORIES][0], 4),
        "AUROC aggregated stories v independent articles, each in the whole pool": _area(
            [t.likeliest for t in several], [t.likeliest for t in alone]
        ),
        "the same, sources with passages word for word left out of both": _area(
            [t.apart for t in several], [t.likeliest for t in alone]
        ),
        "independent articles called derived": share(
            float(t.derivation in ("derived_from_one", "derived_from_several")) for t in alone
        ),
        "independent articles abstained on": share(float(t.derivation is None) for t in alone),
        "derived_from_one, recall on rewrites": share(float(t.derivation == "derived_from_one") for t in one),
        "derived_from_one, precision": share(float(t in one) for t in told_one),
        "derived_from_several, recall on aggregated stories": share(
            float(t.derivation == "derived_from_several") for t in several
        ),
        "derived_from_several, recall on stitched roundups": share(
            float(t.derivation == "derived_from_several") for t in traced if t.dataset == "stitched"
        ),
        "derived_from_several, precision": share(float(t in many) for t in told_many),
        "any derivation, recall on aggregated stories": share(
            float(t.derivation in ("derived_from_one", "derived_from_several")) for t in several
        ),
        "sources told of aggregated stories that are theirs": _told_true(several),
        "sources told of stitched roundups that are theirs": _told_true(of(lambda t: t.dataset == "stitched")),
        "sources told of rewrites that are theirs": _told_true(one),
        "median seconds a trace, of the processor": round(statistics.median(t.seconds for t in traced), 4),
    }


def _area(positive: Sequence[float], negative: Sequence[float]) -> str:
    """AUROC with its 95% interval (Hanley and McNeil 1982), by n."""
    m, n = len(positive), len(negative)
    a = float(roc_auc_score([1] * m + [0] * n, [*positive, *negative]))
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    error = 1.96 * math.sqrt((a * (1 - a) + (m - 1) * (q1 - a * a) + (n - 1) * (q2 - a * a)) / (m * n))
    return f"{a:.3f} [{a - error:.3f}, {a + error:.3f}] ({m} v {n})"


def _told_true(traced: Iterable[Traced]) -> str:
    sure = [t for t in traced if (t.derivation or "").startswith("derived")]
    return share(float(i < t.told_true) for t in sure for i in range(len(t.told)))


def _section(material: Material, areas: Mapping[str, tuple[float, float, int]], traced: Sequence[Traced]) -> str:
    lines = ["## Tracing sources", "", "| figure | value |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in _figures(material, areas, traced).items()]
    lines += [
        "",
        "Shares stand with their 95% Wilson interval and n. By dataset; AUROC and recall at the 1% threshold by judges "
        "that saw neither the dataset's family nor the event:",
        "",
        "| dataset | recall@1 | recall@5 | called derived | AUROC v same event | recall at 1% FPR | n pairs |",
        "|---|---|---|---|---|---|---|",
    ]
    for dataset in (*REWRITES, STORIES):
        own = [t for t in traced if t.dataset == dataset]
        area, recall, n = areas[dataset]
        called = share(float((t.derivation or "").startswith("derived")) for t in own)
        lines.append(
            f"| {dataset} | {share(_first(t, 1) for t in own)} | {share(_first(t, 5) for t in own)} | {called} "
            f"| {area:.3f} | {recall:.2f} | {n} |"
        )
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--rarity", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(argv)
    if options.rarity:
        with (Path(str(resources.files("detector.trace"))) / "rarity.npz").open("wb") as f:
            np.savez_compressed(f, allow_pickle=False, **count_rarity(gather(options.corpus)))
    elif options.fit:
        stored = json.dumps(fit(options.corpus, options.jobs), indent=1)
        Path(str(resources.files("detector.trace") / "derivation.json")).write_text(stored + "\n", "utf-8")
    else:
        shipped()  # says at once if there is none
        print(evaluate(options.corpus, options.jobs)[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
