"""Train the line network of detector/signals/residue.py on page sets, and rebuild lexicons/residue_lines.json.

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
HIDDEN, EPOCHS, SEED = 24, 10, 0
CLEAN_ROWS = 120  # of each clean set; enough to learn headings, lists and bylines that are no furniture
NEWS = ("goose3", "gravity_goose", "newspaper4k", "postlight_parser", "snacktory")


@dataclass(frozen=True)
class Page:
    """One page: its set, its site, its article, and for each line of the article how many characters are furniture."""

    dataset: str
    site: str
    article: Article
    furniture: Floats
    length: Floats


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
    truth = np.zeros(len(record["text"]) + 1)
    at = 0
    for line, label in zip(record["text"].split("\n"), record.get("residue_lines") or (), strict=False):
        truth[at : at + len(line)] = label
        at += len(line) + 1
    sums = np.concatenate(([0], np.cumsum(truth)))
    spans = np.array([article.span(*line) for line in article.lines])
    return Page(
        dataset, record["source"], article, sums[spans[:, 1]] - sums[spans[:, 0]], (spans[:, 1] - spans[:, 0]) * 1.0
    )


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


def fit(pages: Sequence[Page], clean: Sequence[Page]) -> residue.Network:
    """A network for these pages: one hidden layer, trained on lines weighted by the root of their length."""
    from sklearn.neural_network import MLPClassifier

    words = word_odds(pages)
    table = [residue.line_features(page.article, words) for page in [*pages, *clean]]
    names = list(table[0])
    x = np.vstack([np.column_stack(list(features.values())) for features in table]).astype(np.float32)
    furniture = np.concatenate([page.furniture for page in [*pages, *clean]])
    length = np.concatenate([page.length for page in [*pages, *clean]])
    y = (2 * furniture > length).astype(int)
    weight = np.sqrt(np.minimum(length, 400))
    mean, sd = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64) + 1e-6
    drawn = np.random.default_rng(SEED).choice(len(y), len(y), p=weight / weight.sum())
    model = MLPClassifier((HIDDEN,), alpha=1e-2, batch_size=512, max_iter=EPOCHS, random_state=SEED)
    model.fit((x[drawn] - mean) / sd, y[drawn])
    inner, outer = model.coefs_
    inner = inner / sd[:, None]
    bias = model.intercepts_[0] - mean @ inner
    return residue.Network(tuple(names), words, inner, bias, outer[:, 0], float(model.intercepts_[1][0]))


def f1(pages: Sequence[Page], chosen: Sequence[npt.NDArray[np.bool_]]) -> float:
    """F1 of furniture by characters, over all pages together."""
    hit = sum(float(p.furniture[c].sum()) for p, c in zip(pages, chosen, strict=True))
    said = sum(float(p.length[c].sum()) for p, c in zip(pages, chosen, strict=True))
    true = sum(float(p.furniture.sum()) for p in pages)
    return 2 * hit / (said + true)


def evaluate(pages: Sequence[Page], clean: Sequence[Page]) -> None:
    """Print F1 by characters of each page set, by a network that has seen neither the set nor any of its sites."""
    thresholds = (0.3, 0.4, 0.5, 0.6, 0.7)
    for dataset in sorted({p.dataset for p in pages}):
        held = [p for p in pages if p.dataset == dataset]
        sites = {p.site for p in held}
        network = fit([p for p in pages if p.dataset != dataset and p.site not in sites], clean)
        scores = [residue.line_scores(p.article, network) for p in held]
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
