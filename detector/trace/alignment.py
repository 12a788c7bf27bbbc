"""Alignment: for each sentence of an article the passage of a source that says the same, and how like the pair is.

A passage is a sentence of the source, or two that follow each other (rewriting merges). Words count by their rarity
in ordinary articles, so shared names, figures and terms weigh more than shared function words, and order counts only as
one feature of the pair: rewriting reorders, but two reporters hardly ever tell in one order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detector.trace.reading import Floats, Reading, among

# What is measured of a pair, 0 to 1 but for `order`; case plays no part in any, and none grows with a text's length.
# The coverage of the article, of its figures and of its commoner words told nothing beside these.
FEATURES = (
    "overlap",  # of the words of the shorter of the two, by rarity
    "pair_overlap",  # of the shorter one's pairs of words that stand close together
    "run_overlap",  # of the shorter one's runs of three words, function words and all
    "order",  # how far the passages stand in the sentences' order, -1 to 1
    "spread",  # how many different passages the sentences found
)
_ORDERED = 0.15  # similarity from which on a sentence's place says something


@dataclass(frozen=True, eq=False)
class Alignment:
    """Of one article and one source: by sentence of the article (those without a word have 0), and as a pair.

    `first` and `last` are the source's sentences that make the passage; `verbatim` is the share of the sentence's runs
    of three words that the source has. `mean_similarity` is over the sentences, by the weight of their words.
    """

    similarity: Floats
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    verbatim: Floats
    mean_similarity: float
    features: Floats


def align(a: Reading, s: Reading) -> Alignment:
    """The alignment of an article with a source."""
    rows_a, in_a = a.table
    rows_s, theirs = s.rows
    n = len(a.article.sentences)
    similarity, first, last, verbatim = np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n)
    if not len(rows_a) or not len(rows_s):
        return Alignment(similarity, first, last, verbatim, 0.0, np.zeros(len(FEATURES)))
    columns = np.searchsorted(a.vocabulary, s.terms)
    columns[columns == len(a.vocabulary)] = 0
    shared = a.vocabulary[columns] == s.terms
    in_s = np.zeros((len(rows_s), len(a.vocabulary)))
    in_s[theirs[shared], columns[shared]] = 1
    # passages: each sentence, then each with its successor
    passages = np.vstack((in_s, np.maximum(in_s[:-1], in_s[1:])))
    mass = np.bincount(theirs, s.term_rarity, len(rows_s))
    masses = np.concatenate((mass, mass[:-1] + mass[1:]))
    common = (in_a * a.rarity) @ passages.T
    own = in_a @ a.rarity
    # the share of the sentence that the passage has, and the overlap of both, which prefers the tighter passage
    like = 0.5 * common / own[:, None] + common / (own[:, None] + np.maximum(masses, common))
    best = like.argmax(axis=1)
    found = like[np.arange(len(rows_a)), best]
    similarity[rows_a] = found
    first[rows_a] = rows_s[best % len(rows_s)]
    last[rows_a] = rows_s[best % len(rows_s) + best // len(rows_s)]
    verbatim[:] = _runs_found(a, s, n)
    mean = float((found * own).sum() / own.sum())
    features = _measure(a, s, found, best % len(rows_s), verbatim)
    return Alignment(similarity, first, last, verbatim, mean, features)


def _measure(a: Reading, s: Reading, found: Floats, place: npt.NDArray[np.int64], verbatim: Floats) -> Floats:
    back = among(s.vocabulary, a.vocabulary)
    lengths = np.bincount(a.sentences, minlength=len(verbatim))
    counted = found > _ORDERED
    fewer = min(len(a.pairs), len(s.pairs))
    return np.array(
        [
            s.rarity[back].sum() / min(a.rarity.sum(), s.rarity.sum()),
            among(a.pairs, s.pairs).sum() / fewer if fewer else 0.0,
            min(1.0, (verbatim * lengths).sum() / max(min(len(a.stems), len(s.stems)), 1)),
            _order(place[counted], found[counted]),
            len(np.unique(place[counted])) / max(counted.sum(), 3),
        ]
    )


def _runs_found(a: Reading, s: Reading, n: int) -> Floats:
    """For each sentence the share of its runs of three words that the source has anywhere; 0 if it is shorter."""
    if len(a.stems) < 3 or len(s.stems) < 3:
        return np.zeros(n)
    inside = a.sentences[:-2] == a.sentences[2:]
    found = among(a.runs[inside], np.sort(s.runs))
    at = a.sentences[:-2][inside]
    total = np.bincount(at, minlength=n)
    return np.bincount(at, found, n) / np.maximum(total, 1)


def _order(place: npt.NDArray[np.int64], weight: Floats) -> float:
    """Kendall's tau-a of the passages' places, pairs weighted by similarity; 0 for fewer than three."""
    if len(place) < 3:
        return 0.0
    rising = np.sign(place[None, :] - place[:, None])
    weights = np.triu(np.sqrt(np.outer(weight, weight)), 1)
    return float((rising * weights).sum() / weights.sum())
