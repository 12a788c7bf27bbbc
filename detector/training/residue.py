"""Grow the trees of detector/signals/residue.py on page sets, and rebuild lexicons/residue_lines.json.

    python -m detector.training.residue CORPUS_FOLDER [--evaluate]

Page sets (`*_pages.jsonl.gz`) say for each line of a page whether it belongs to the main text; main texts and other
clean articles are trained on as texts without furniture. `--evaluate` leaves page sets, and the sites of one, out in
turn instead.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import math
import random
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.article import Article
from detector.signals import residue
from detector.trees import Trees

Floats = npt.NDArray[np.float64]
PARTS, SEED = 3, 0
CLEAN_ROWS = 150  # of each clean set; enough to learn headings, lists and bylines that are no furniture
CLEAN_WEIGHT, CROP_WEIGHT = 0.2, 0.2
CLEARED = 0.08  # a score below which a line called furniture is main text that the truth left out
SAMPLED = 100  # characters; a line that is shorter is drawn with its share of them
FOLDS = (  # held out together: one kind of page each
    ("goose3", "gravity_goose", "newspaper4k", "postlight_parser", "snacktory"),
    ("wcxb",),
    ("trafilatura_eval", "mozilla_readability", "omnivore_readability"),
)
BY_SITE = "wcxb"  # large enough to be held out by its sites too


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


def weigh_words(
    pages: Sequence[Page], unseen: Sequence[Page], most: int = 12_000, min_lines: int = 20, min_sites: int = 10
) -> tuple[dict[residue.Gram, float], list[dict[residue.Gram, float]]]:
    """Weights of the wording of furniture against that of main text: by all pages, and by all but each part of them."""
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

    everything = [*pages, *unseen]
    lines = [[residue.wording(line) for line in page.article.lowered.split("\n")] for page in everything]
    seen: Counter[residue.Gram] = Counter()
    sites = defaultdict(set)
    for page, grams in zip(everything, lines, strict=True):
        for gram in itertools.chain.from_iterable(grams):
            seen[gram] += 1
            sites[gram].add(page.site)
    known = sorted((g for g in seen if seen[g] >= min_lines and len(sites[g]) >= min_sites), key=str)
    number = {gram: i for i, gram in enumerate(known)}
    rows = [[number[gram] for gram in line if gram in number] for page in lines for line in page]
    scale = [1 / math.sqrt(len(line)) for page in lines for line in page]
    sizes = np.array(list(map(len, rows)))
    table = sparse.csr_matrix(
        (np.repeat(scale, sizes), list(itertools.chain.from_iterable(rows)), np.append(0, np.cumsum(sizes))),
        shape=(len(rows), len(known)),
    )
    label = np.concatenate([2 * page.furniture > page.length for page in everything])
    weight = np.concatenate([np.sqrt(np.minimum(page.length, 400)) * page.weight for page in everything])
    part = _by_line(everything, _part)
    common = np.sqrt([seen[gram] for gram in known])

    def weigh(chosen: npt.NDArray[np.bool_]) -> dict[residue.Gram, float]:
        model = LogisticRegression(C=1.0, max_iter=30, tol=1e-3, fit_intercept=False)
        model.fit(table[chosen], label[chosen], sample_weight=weight[chosen] / weight[chosen].mean())
        weights = model.coef_[0]
        best = np.sort(np.argsort(-np.abs(weights) * common, kind="stable")[:most])
        return {known[i]: round(float(weights[i]), 1) for i in best.tolist() if round(weights[i], 1)}

    return weigh(part >= 0), [weigh(part != k) for k in range(PARTS)]


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


def fit(pages: Sequence[Page], clean: Sequence[Page]) -> residue.LineJudge:
    """A judge for lines like these: each weighs its characters, a line of a clean article less."""
    # A page's words are weighed by other sites' pages, or the trees would trust the weights more than they deserve.
    words, others = weigh_words(pages, clean)
    pages = [*pages, *(cropped for page in pages if (cropped := crop(page)) is not page), *clean]
    looks = [residue.line_features(page.article, others[_part(page)]) for page in pages]
    read = [(page, features) for page, features in zip(pages, looks, strict=True) if features is not None]
    pages = [page for page, _ in read]
    names = tuple(read[0][1])
    x = np.hstack([np.array([features[name] for name in names]) for _, features in read])
    label = np.concatenate([2 * page.furniture > page.length for page in pages])
    length = np.concatenate([np.minimum(page.length, 400) for page in pages])
    # Short lines are many and carry few characters: a sample of them stands for all.
    drawn = np.random.default_rng(SEED).random(len(label)) < length / SAMPLED
    weight = np.maximum(length, SAMPLED) * _by_line(pages, lambda page: page.weight)
    part = _by_line(pages, _part)

    def judge(chosen: npt.NDArray[np.bool_]) -> residue.LineJudge:
        return residue.LineJudge(names, words, *_grow(x[:, chosen], label[chosen], weight[chosen]))

    # Truths leave out some main text. Nothing is learnt from long lines that judges of other sites' pages clear.
    for k in range(PARTS):
        doubted = np.flatnonzero(label & (length > SAMPLED) & (part == k))
        scores = judge(drawn & (part != k)).predict(dict(zip(names, x[:, doubted], strict=True)))
        drawn[doubted[scores < CLEARED]] = False
    return judge(drawn)


def _grow(x: Floats, label: npt.NDArray[np.bool_], weight: Floats) -> tuple[float, Trees]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=120, learning_rate=0.1, max_leaf_nodes=24, max_depth=7, min_samples_leaf=60, l2_regularization=5,
        max_bins=63, early_stopping=False, random_state=SEED,
    )  # fmt: skip
    model.fit(x.T, label, sample_weight=weight / weight.mean())
    return float(np.ravel(model._baseline_prediction)[0]), Trees.grown(model._predictors, [0], 1)


def _part(page: Page, parts: int = PARTS) -> int:
    return zlib.crc32(page.site.encode()) % parts


def _by_line(pages: Sequence[Page], say: Callable[[Page], float]) -> npt.NDArray[Any]:
    """What is said of each page, for each of its lines."""
    return np.repeat([say(page) for page in pages], [len(page.length) for page in pages])


def f1(pages: Sequence[Page], chosen: Sequence[npt.NDArray[np.bool_]]) -> tuple[float, float, float]:
    """F1, precision and recall of furniture by characters, over all pages together."""
    hit = sum(float(p.furniture[c].sum()) for p, c in zip(pages, chosen, strict=True))
    said = sum(float(p.length[c].sum()) for p, c in zip(pages, chosen, strict=True))
    true = sum(float(p.furniture.sum()) for p in pages)
    return 2 * hit / (said + true), hit / said if said else math.nan, hit / true if true else math.nan


def evaluate(pages: Sequence[Page], clean: Sequence[Page]) -> None:
    """Print F1, precision and recall by characters of each page set, judged by what has seen no page of its sites.

    Each fold is judged by what has seen none of its sets; BY_SITE again by what knows other sites of that set.
    """
    for fold in FOLDS:
        held = [p for p in pages if p.dataset in fold]
        judged = _held_out(held, [p for p in pages if p.dataset not in fold], clean)
        for dataset in fold:
            _report(dataset, [row for row in judged if row[0].dataset == dataset])
        _report("all", judged)
    parts = [[p for p in pages if p.dataset == BY_SITE and _part(p, 5) == k] for k in range(5)]
    _report(f"{BY_SITE}, by site", [row for part in parts for row in _held_out(part, pages, clean)])


Judged = tuple[Page, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]


def _held_out(held: Sequence[Page], rest: Sequence[Page], clean: Sequence[Page]) -> list[Judged]:
    """The held pages with their lines that are furniture, and surely so, to a judge that saw none of their sites."""
    sites = {p.site for p in held}
    judge = fit([p for p in rest if p.site not in sites], clean)
    return [(p, np.array(residue.furniture(p.article, judge)), residue.certain(p.article, judge)) for p in held]


def _report(name: str, judged: Sequence[Judged]) -> None:
    pages, *masks = zip(*judged, strict=True)
    found, cut = ("F1 {:.3f}  precision {:.3f}  recall {:.3f}".format(*f1(pages, chosen)) for chosen in masks)
    print(f"{name:24}{len(pages):5} pages  {found}   sure: {cut}", flush=True)


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
