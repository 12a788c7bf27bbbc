"""Reading: an article as stems by sentence, the only form in which tracing compares texts.

A stem is the first letters of a word, so that `authorised` and `authorises` agree; figures are themselves, and small
numbers in words are their figures. Function words count only for what is verbatim.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt

from detector.article import Article

STEM = 6  # letters; 5 and 99 found 0.1 to 0.3 points fewer sources of 1,916 machine rewrites

Codes = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]

_FUNCTION_WORDS = frozenset(
    (
        "the a an and or but of to in on at by for with from as is are was were be been being it its this that these "
        "those he she they we you i his her their our my your him them us who which what when where while will would "
        "can could should may might must do does did has have had not n't if then than there here also about after "
        "before into over under out up down no nor only very just more most some any all such own same too so how why "
        "between during through said says say one"
    ).split()
)
_FIGURES = dict(zip("two three four five six seven eight nine ten eleven twelve".split(), range(2, 13), strict=True))


@lru_cache(maxsize=1 << 17)
def _code(token: str) -> int:
    """The stem's hash, shifted left by two, with two flags: 1 for an informative word, 2 for a figure."""
    figure = token[0].isdecimal()
    if figure:  # noqa: SIM108 - two kinds of word
        stem = token.replace(",", "")
    else:
        stem = str(_FIGURES.get(token, token[:STEM]))
    informative = figure or (len(token) > 1 and token not in _FUNCTION_WORDS)
    # two of a million stems share a 32-bit hash now and then, which moves a similarity by nothing that shows
    return zlib.crc32(stem.encode("utf-8", "replace")) << 2 | (figure or token in _FIGURES) << 1 | informative


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

    def only(self, sentences: npt.NDArray[np.int64]) -> Reading:
        """These sentences alone."""
        kept = np.isin(self.sentences, sentences)
        return Reading(self.article, self.stems[kept], self.sentences[kept], self.informative[kept], self.figures[kept])


def read(article: Article) -> Reading:
    """The reading of a whole article."""
    codes = np.array([_code(token) if token[0].isalnum() else 0 for token in article.vocabulary], dtype=np.uint64)
    words = codes[article.word_numbers] if len(codes) else codes
    return Reading(
        article,
        (words >> 2).astype(np.uint32),
        np.repeat(np.arange(len(article.sentences)), article.sentence_words),
        (words & 1).astype(bool),
        (words & 2).astype(bool),
    )


@lru_cache(maxsize=1)
def _background() -> tuple[Codes, Floats, float]:
    """Stems, rising, and their rarity; and that of all others.

    Counted once in the training corpora (detector/training/tracing.py), not in the sources at hand: so a pair of texts
    is as alike in a folder of two as in an index of a million, and thresholds hold in both.
    """
    with (resources.files("detector.trace") / "rarity.npz").open("rb") as f, np.load(f, allow_pickle=False) as arrays:
        return arrays["stems"], arrays["rarity"].astype(np.float64) / RARITY_SCALE, float(arrays["rarest"])


RARITY_SCALE = 25.0  # a stored step is a 25th of a nat
