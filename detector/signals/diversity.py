"""Diversity: how rich the vocabulary is, how often words, phrases and sentence openings return, and where.

Sources: Yule, The Statistical Study of Literary Vocabulary (1944) for K; Covington and McFall 2010 for moving-average
type-token ratios; Simpson 1949 for the openings; Katz 1996 for words that cluster where their topic is. All are made
so that a longer text of the same kind scores the same.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import numpy.typing as npt

from detector.article import Article, Known
from detector.signals.reading import Feature, Reading

FEATURES = (
    Feature("mattr_50", "distinct words in 50, 0..1", "high: says little twice at short range"),
    Feature("mattr_100", "distinct words in 100, 0..1", "high: says little twice"),
    Feature("yules_k", "Yule's K, 50..250 for most prose", "high: repeats its words"),
    Feature("hapax_share", "share of distinct words, 0..1", "high: most words come once; falls with length"),
    Feature("repeated_trigram_share", "share of three-word sequences, 0..1", "high: phrases return within 300 words"),
    Feature("opening_word_repetition", "chance that two sentences open alike, 0..1", "high: sentences start the same"),
    Feature("opening_pair_repetition", "chance that two sentences open alike, 0..1", "high: fixed two-word openings"),
    Feature("adjacent_opening_share", "share of sentences, 0..1", "high: opens like the sentence before it (anaphora)"),
    Feature("function_word_share", "share of words, 0..1", "low: headlines, lists and noun-heavy prose"),
    Feature("recurring_word_spread_ratio", "ratio to chance", "low: words stay in their part, as several stories do"),
)

_FUNCTION_WORDS = frozenset(
    (
        "a about above across after against all along although am among an and another any anybody anyone anything "
        "are around as at be because been before behind being below between both but by ca can could despite did do "
        "does doing done down during each either else ever every everybody everyone everything except few for from "
        "had has have having he her here hers herself him himself his how however i if in inside into is it its "
        "itself just less lest like many may me might mine more most much must my myself near neither n't never no "
        "nobody none nor not nothing now of off often on once one only onto or other others our ours ourselves out "
        "over own per quite rather same several shall she should since so some somebody someone something such than "
        "that the their theirs them themselves then there therefore these they this those though through throughout "
        "thus till to together too toward towards under unless until up upon us very was we were what whatever when "
        "where whereas whether which while who whoever whom whose why will with within without wo would yet you your "
        "yours yourself"
    ).split()
)
_IS_FUNCTIONAL = Known(_FUNCTION_WORDS.__contains__, bool)
_PLACE_BITS = 21  # more places than a text of MAX_CHARS has words
_PLACE = (1 << _PLACE_BITS) - 1
_NEAR = 300  # words within which a phrase counts as repeated, so that long texts do not repeat more

Integers = npt.NDArray[np.int64]


def measure(article: Article) -> Reading:
    """The measures; all NaN without words, and each where there are too few."""
    values = dict.fromkeys((feature.name for feature in FEATURES), math.nan)
    n = article.n_words
    if not n:
        return Reading(values)
    at = np.arange(n)
    by_word = article.word_ids << _PLACE_BITS | at
    by_word.sort()
    order = by_word & _PLACE  # places by word, and in order for each word
    by_word >>= _PLACE_BITS
    opens = np.ones(n, dtype=bool)
    np.not_equal(by_word[1:], by_word[:-1], out=opens[1:])
    first_places = order.compress(opens)
    before = np.empty(n, dtype=np.int64)  # where each word stood last
    before[order[1:]] = order[:-1]
    before[first_places] = -1
    words = np.empty(n, dtype=np.int64)  # each word as the place where it stood first
    words[order] = first_places.take(opens.cumsum() - 1)
    frequencies = np.bincount(words)  # 0 where no word stands first
    functional = _IS_FUNCTIONAL.of(article.lexis, article.word_ids)

    values["mattr_50"], values["mattr_100"] = _moving_ratios(at, before, (50, 100))
    if n > 1:
        values["yules_k"] = 10_000 * (int(frequencies @ frequencies) - n) / (n * n)
    values["hapax_share"] = int(np.count_nonzero(frequencies == 1)) / len(first_places)
    values["function_word_share"] = int(np.count_nonzero(functional)) / n
    if n > 2:
        values["repeated_trigram_share"] = _repeated_share(words)
    last_places = np.empty(n, dtype=np.int64)
    last_places[words] = at
    recurring = ((frequencies > 1) & ~functional[: len(frequencies)]).nonzero()[0]
    spans = last_places.take(recurring) - recurring
    values["recurring_word_spread_ratio"] = _spread(spans, frequencies.take(recurring), n)

    counts = article.sentence_words
    opening = (counts.cumsum() - counts).compress(counts > 1)
    if len(opening) > 1:
        first = words.take(opening)
        values["opening_word_repetition"] = _repetition(first)
        values["opening_pair_repetition"] = _repetition(first << _PLACE_BITS | words.take(opening + 1))
        values["adjacent_opening_share"] = int(np.count_nonzero(first[1:] == first[:-1])) / (len(first) - 1)
    return Reading(values)


def _moving_ratios(at: Integers, before: Integers, windows: tuple[int, ...]) -> list[float]:
    """The mean share of distinct words over all windows of so many; `before` is where the word `at` stood last."""
    n = len(before)
    window = np.array(windows)[:, None]
    # A word is new to the windows that start after it stood last, and hold it.
    new = np.minimum(at, n - window) - np.maximum(before, at - window)
    sums = np.maximum(new, 0, out=new).sum(axis=1).tolist()
    return [s / (w * (n - w + 1)) if n >= w else math.nan for s, w in zip(sums, windows, strict=True)]


def _repeated_share(ids: Integers) -> float:
    """The share of three-word sequences that stood less than _NEAR words before."""
    n = len(ids) - 2
    # 42 bits of hash for the sequence and the rest for the place: one sort brings equal sequences together in order.
    mixed = ids[:-2] * 0x9E3779B1 + ids[1:-1] * 0x85EBCA77 + ids[2:] * 0xC2B2AE3D
    keys = (mixed & (1 << 42) - 1) << _PLACE_BITS | np.arange(n)
    keys.sort()
    gaps = keys[1:] - keys[:-1]  # below 1 << _PLACE_BITS only if the sequence is the same
    return int(np.count_nonzero(gaps < _NEAR)) / n


def _spread(spans: Integers, frequencies: Integers, n: int) -> float:
    """How far words reach that come back, from first to last, over how far they would if scattered by chance."""
    if not len(frequencies):
        return math.nan
    return int(spans.sum()) / (n * float(((frequencies - 1) / (frequencies + 1)).sum()))


def _repetition(openings: Integers) -> float:
    """The chance that two of them, drawn at random, are the same."""
    n = len(openings)
    same = Counter(openings.tolist()).values()
    return (sum([k * k for k in same]) - n) / (n * (n - 1))
