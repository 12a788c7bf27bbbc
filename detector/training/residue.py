"""Grow the trees of detector/signals/residue.py on page sets, and rebuild lexicons/residue_lines.json.

    python -m detector.training.residue CORPUS_FOLDER [--evaluate]

Page sets (`*_pages.jsonl.gz`) say for each line of a page whether it belongs to the main text; main texts and other
clean articles are trained on as texts without furniture. `--evaluate` leaves each page set out in turn instead.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import random
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.article import Article
from detector.signals import residue

Floats = npt.NDArray[np.float64]
DEPTH, PARTS, SEED = 4, 4, 0
CLEAN_ROWS = 150  # of each clean set; enough to learn headings, lists and bylines that are no furniture
CLEAN_WEIGHT, CROP_WEIGHT = 0.2, 0.2
NEWS = ("goose3", "gravity_goose", "newspaper4k", "postlight_parser", "snacktory")


@dataclass(frozen=True)
class Page:
    """One page: its set, its site, its article, and for each line of the article how many characters are furniture."""

    dataset: str
    site: str
    article: Article
    furniture: Floats
    length: Floats
    weight: float = 1.0


def read_pages(paths: Iterable[Path], rows: int | None = None) -> list[Page]:
    """The pages of some corpus files, a random sample of `rows` of each."""
    pages = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        random.Random(SEED).shuffle(records)
        name = path.name.removesuffix(".jsonl.gz").removesuffix("_pages")
        pages += [page for record in records[:rows] if (page := _page(name, record)) is not None]
    return pages


def _page(dataset: str, record: dict[str, Any]) -> Page | None:
    article = Article(record["text"])
    if not article.lines:
        return None
    labels = record.get("residue_lines") if record["kind"] == "page_with_residue" else None
    truth = np.zeros(len(record["text"]) + 1)
    at = 0
    for line, label in zip(record["text"].split("\n"), labels or (), strict=False):
        truth[at : at + len(line)] = label
        at += len(line) + 1
    sums = np.concatenate(([0], np.cumsum(truth)))
    spans = np.array([article.span(*line) for line in article.lines])
    furniture, length = sums[spans[:, 1]] - sums[spans[:, 0]], (spans[:, 1] - spans[:, 0]) * 1.0
    return Page(dataset, record["source"] or "", article, furniture, length, CLEAN_WEIGHT if dataset in CLEAN else 1)


def word_odds(pages: Sequence[Page], min_lines: int = 20, min_sites: int = 10) -> dict[str, float]:
    """How much more often a word stands in short furniture lines than in other short lines (log-odds, clipped at 3)."""
    counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    sites = defaultdict(set)
    for page in pages:
        lowered = page.article.lowered
        for (start, end), furniture, length in zip(page.article.lines, page.furniture, page.length, strict=True):
            words = lowered[start:end].split()
            if len(words) <= residue.SHORT:
                counts[int(2 * furniture > length)].update(set(words))
                for word in set(words):
                    sites[word].add(page.site)
    body, furniture = counts
    prior = math.log(furniture.total() / body.total())
    odds = {
        w: round(float(np.clip(math.log((furniture[w] + 2) / (body[w] + 2)) - prior, -3, 3)), 1)
        for w in sorted(sites)
        if len(sites[w]) >= min_sites and body[w] + furniture[w] >= min_lines
    }
    return {w: v for w, v in odds.items() if abs(v) >= 0.5}


def crop(page: Page) -> Page:
    """The same page with less furniture before and after its main text: no page stops after a fixed number of lines."""
    lines = page.article.lines
    body = np.flatnonzero(2 * page.furniture <= page.length)
    if not body.size:
        return page
    draw = random.Random(page.article.text[:200])
    first = draw.randint(0, int(body[0]))
    last = draw.randint(int(body[-1]), min(len(lines) - 1, int(body[-1]) + draw.choice((1, 4, 15, 30))))
    article = Article(page.article.folded[lines[first].start : lines[last].end])
    if len(article.lines) != last + 1 - first:  # a shorter text may be wrapped differently
        return page
    return Page(
        page.dataset, page.site, article, page.furniture[first : last + 1], page.length[first : last + 1], CROP_WEIGHT
    )


def fit(pages: Sequence[Page], clean: Sequence[Page]) -> residue.Trees:
    """Trees for these pages: each line weighs its characters, a line of a clean article less."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    # A page's words are judged by other sites' pages, or the trees would trust the odds more than they deserve.
    parts = [[page for page in pages if _part(page) != part] for part in range(PARTS)]
    odds = [word_odds(others) for others in parts]
    pages, words = [*pages, *map(crop, pages)], word_odds(pages)
    rows, labels, weights = [], [], []
    names: tuple[str, ...] = ()
    for page in [*pages, *clean]:
        features = residue.line_features(page.article, odds[_part(page)])
        if features is not None:
            names = tuple(features)
            rows.append(np.array(list(features.values())).T)
            labels.append(2 * page.furniture > page.length)
            weights.append(np.minimum(page.length, 400) * page.weight)
    weight = np.concatenate(weights)
    model = HistGradientBoostingClassifier(
        max_iter=50, learning_rate=0.2, max_leaf_nodes=8, max_depth=DEPTH, min_samples_leaf=60, l2_regularization=5,
        early_stopping=False, random_state=SEED,
    )  # fmt: skip
    model.fit(np.vstack(rows), np.concatenate(labels), sample_weight=weight / weight.mean())
    trees = [stage[0].nodes for stage in model._predictors]
    feature = np.zeros((len(trees), max(map(len, trees))), dtype=np.int64)
    following = np.zeros((*feature.shape, 2), dtype=np.int64)
    threshold, value = (np.zeros(feature.shape) for _ in range(2))
    for k, nodes in enumerate(trees):
        own, leaf = np.arange(len(nodes)), nodes["is_leaf"] == 1
        feature[k, own] = np.where(leaf, 0, nodes["feature_idx"])
        threshold[k, own] = np.where(leaf, 0, nodes["num_threshold"])
        following[k, own] = np.where(leaf, own, [nodes["left"], nodes["right"]]).T
        value[k, own] = np.where(leaf, nodes["value"], 0)
    base = float(np.ravel(model._baseline_prediction)[0])
    return residue.Trees(names, words, base, DEPTH, feature, threshold, following, value)


def _part(page: Page) -> int:
    return zlib.crc32(page.site.encode()) % PARTS


def f1(pages: Sequence[Page], chosen: Sequence[npt.NDArray[np.bool_]]) -> float:
    """F1 of furniture by characters, over all pages together."""
    hit = sum(float(p.furniture[c].sum()) for p, c in zip(pages, chosen, strict=True))
    said = sum(float(p.length[c].sum()) for p, c in zip(pages, chosen, strict=True))
    true = sum(float(p.furniture.sum()) for p in pages)
    return 2 * hit / (said + true)


def evaluate(pages: Sequence[Page], clean: Sequence[Page]) -> None:
    """Print F1 by characters of each page set, by trees that have seen neither the set nor any of its sites."""
    thresholds = (0.3, 0.4, 0.5, 0.6, 0.7)
    for dataset in sorted({p.dataset for p in pages}):
        held = [p for p in pages if p.dataset == dataset]
        sites = {p.site for p in held}
        trees = fit([p for p in pages if p.dataset != dataset and p.site not in sites], clean)
        scores = [residue.line_scores(p.article, trees) for p in held]
        row = "  ".join(f"{t}: {f1(held, [s > t for s in scores]):.3f}" for t in thresholds)
        print(f"{dataset:24}{'news ' if dataset in NEWS else '     '}{row}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--evaluate", action="store_true")
    options = parser.parse_args(argv)
    pages = read_pages(sorted(options.corpus.glob("*_pages.jsonl.gz")))
    others = (p for p in sorted(options.corpus.glob("*.jsonl.gz")) if not p.name.endswith("_pages.jsonl.gz"))
    clean = read_pages((p for p in others if p.name.removesuffix(".jsonl.gz") in CLEAN), CLEAN_ROWS)
    if options.evaluate:
        evaluate(pages, clean)
    else:
        path = resources.files("detector") / "lexicons" / "residue_lines.json"
        Path(str(path)).write_text(fit(pages, clean).to_json(), "utf-8")
    return 0


CLEAN = (
    "mozilla_readability_main", "omnivore_readability_main", "postlight_parser_main", "snacktory_main",
    "trafilatura_eval_main", "wcxb_main", "gov_18f_blog", "human_sites", "bbc_2004", "biscope", "digests",
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
