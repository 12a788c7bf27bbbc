"""Reading: an article as stems by sentence, the only form in which tracing compares texts.

A stem is the first letters of a word, so that `authorised` and `authorises` agree; figures are themselves, and small
numbers in words are their figures. Function words count only for what is verbatim.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.article import Article, Known

STEM = 6  # letters; 5 and 99 found 0.1 to 0.3 points fewer sources of 1,916 machine rewrites

Codes = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]

FUNCTION_WORDS = frozenset(
    (
        "the a an and or but of to in on at by for with from as is are was were be been being it its this that these "
        "those he she they we you i his her their our my your him them us who which what when where while will would "
        "can could should may might must do does did has have had not n't if then than there here also about after "
        "before into over under out up down no nor only very just more most some any all such own same too so how why "
        "between during through said says say one"
    ).split()
)
_FIGURES = dict(zip("two three four five six seven eight nine ten eleven twelve".split(), range(2, 13), strict=True))


def _code(token: str) -> int:
    """The stem's hash, shifted left by two, and two flags: 1 for an informative word, 2 for a figure. 0: no word."""
    if not token[0].isalnum():
        return 0
    figure = token[0].isdecimal()
    if figure:  # noqa: SIM108 - two kinds of word
        stem = token.replace(",", "")
    else:
        stem = str(_FIGURES.get(token, token[:STEM]))
    informative = figure or (len(token) > 1 and token not in FUNCTION_WORDS)
    # two of a million stems share a 32-bit hash now and then, which moves a similarity by nothing that shows
    return zlib.crc32(stem.encode("utf-8", "replace")) << 2 | (figure or token in _FIGURES) << 1 | informative


_CODES = Known(_code, np.uint64)


@dataclass(frozen=True, eq=False)
class Reading:
    """The words of some sentences of an article in order: each one's stem, its sentence, and what it counts for."""

    article: Article
    stems: Codes
    sentences: npt.NDArray[np.int64]  # of each word, rising
    informative: npt.NDArray[np.bool_]
    figures: npt.NDArray[np.bool_]

    @cached_property
    def terms(self) -> Codes:
        """The stems of the informative words, in order."""
        return self.stems[self.informative]

    @cached_property
    def term_sentences(self) -> npt.NDArray[np.int64]:
        """The sentence of each of `terms`."""
        return self.sentences[self.informative]

    @cached_property
    def vocabulary(self) -> Codes:
        """The distinct `terms`, rising."""
        return np.unique(self.terms)

    @cached_property
    def rarity(self) -> Floats:
        """How much each of `vocabulary` says: its inverse document frequency in ordinary articles, in nats."""
        known, rarity, rarest = _background()
        at = np.minimum(np.searchsorted(known, self.vocabulary), len(known) - 1)
        return np.where(known[at] == self.vocabulary, rarity[at], rarest)

    @cached_property
    def term_rarity(self) -> Floats:
        """The rarity of each of `terms`."""
        return self.rarity[np.searchsorted(self.vocabulary, self.terms)]

    @cached_property
    def rows(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The sentences that have a term, rising, and for each of `terms` which of these is its."""
        new = np.diff(self.term_sentences, prepend=-1) > 0
        return self.term_sentences[new], np.cumsum(new) - 1

    @cached_property
    def table(self) -> tuple[npt.NDArray[np.int64], Floats]:
        """The sentences that have a term, and for each (row) which of `vocabulary` it has (column): 1, else 0."""
        rows, row = self.rows
        table = np.zeros((len(rows), len(self.vocabulary)))
        table[row, np.searchsorted(self.vocabulary, self.terms)] = 1
        return rows, table

    @cached_property
    def pairs(self) -> npt.NDArray[np.uint64]:
        """The distinct unordered pairs of terms at most three words apart, rising."""
        terms = self.terms.astype(np.uint64)
        made = []
        for distance in (1, 2, 3):
            x, y = terms[:-distance], terms[distance:]
            made.append(np.minimum(x, y) << np.uint64(32) | np.maximum(x, y))
        pairs = np.sort(np.concatenate(made))
        return pairs[np.append(True, pairs[1:] != pairs[:-1])] if len(pairs) else pairs

    @cached_property
    def runs(self) -> npt.NDArray[np.uint64]:
        """A hash of each word and its two successors, in order."""
        stems = self.stems.astype(np.uint64)
        return (stems[:-2] * np.uint64(0x9E3779B97F4A7C15) + stems[1:-1]) * np.uint64(0xC2B2AE3D27D4EB4F) + stems[2:]

    def only(self, sentences: npt.NDArray[np.int64]) -> Reading:
        """These sentences alone."""
        kept = np.isin(self.sentences, sentences)
        return Reading(self.article, self.stems[kept], self.sentences[kept], self.informative[kept], self.figures[kept])


def read(article: Article) -> Reading:
    """The reading of a whole article."""
    words = _CODES.of(article.lexis, article.word_ids)
    return Reading(
        article,
        (words >> 2).astype(np.uint32),
        np.repeat(np.arange(len(article.sentences)), article.sentence_words),
        (words & 1).astype(bool),
        (words & 2).astype(bool),
    )


def among(values: npt.NDArray[Any], rising: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which of `values` are in `rising`, which is sorted and not empty."""
    at = np.searchsorted(rising, values)
    at[at == len(rising)] = 0
    return np.asarray(rising[at] == values)


@lru_cache(maxsize=1)
def _background() -> tuple[Codes, Floats, float]:
    """Stems, rising, and their rarity; and that of all others.

    Counted once in the training corpora (detector/training/tracing.py), not in the sources at hand: so a pair of texts
    is as alike in a folder of two as in an index of a million, and thresholds hold in both.
    """
    with (resources.files("detector.trace") / "rarity.npz").open("rb") as f, np.load(f, allow_pickle=False) as arrays:
        return arrays["stems"], arrays["rarity"].astype(np.float64) / RARITY_SCALE, float(arrays["rarest"])


RARITY_SCALE = 25.0  # a stored step is a 25th of a nat
