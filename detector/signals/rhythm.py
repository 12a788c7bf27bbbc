"""Rhythm: how sentence and paragraph lengths vary, and how the text is punctuated and strung together.

People vary the length of their sentences more than models do (burstiness), and punctuate by habit. Sources: Desaire et
al. 2023 (paragraph and sentence variety, punctuation); Reinhart et al. 2025 (participial clauses, passives: Biber's
features in model-written text); Pullum and others on the serial comma.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from operator import mul

import numpy as np

from detector.article import Article, Known
from detector.signals.reading import Feature, Reading

_PER_1K = "per 1000 words"
FEATURES = (
    Feature("sentence_words_cv", "sd / mean", "low: sentences of one length, as models write"),
    Feature("sentence_words_autocorrelation", "-1..1", "high: long sentences come together; low: they alternate"),
    Feature("short_sentence_share", "share of sentences under 6 words, 0..1", "high: clipped style, headings, lists"),
    Feature("long_sentence_share", "share of sentences over 35 words, 0..1", "high: winding style"),
    Feature("line_words_cv", "sd / mean", "low: paragraphs of one length, as models write"),
    Feature("line_sentences_mean", "sentences", "low: news style, lists; high: long paragraphs"),
    Feature("commas_per_1k_words", _PER_1K, "high: many clauses and lists"),
    Feature("semicolons_per_1k_words", _PER_1K, "high: bookish"),
    Feature("colons_per_1k_words", _PER_1K, "high: labels, lists, headings"),
    Feature("dashes_per_1k_words", _PER_1K, "high: asides"),
    Feature("parentheses_per_1k_words", _PER_1K, "high: explanations, sources, figures"),
    Feature("questions_per_1k_words", _PER_1K, "high: addresses the reader, interviews"),
    Feature("exclamations_per_1k_words", _PER_1K, "high: informal, promotional"),
    Feature("quote_marks_per_1k_words", _PER_1K, "high: quotes people; low in rewritten and model-written text"),
    Feature("contractions_per_1k_words", _PER_1K, "high: informal, speech; low in model-written text"),
    Feature("name_share", "share of words inside sentences, 0..1", "high: many names; undefined without case"),
    Feature("number_share", "share of words, 0..1", "high: many figures, dates and times"),
    Feature("participle_clauses_per_1k_words", _PER_1K, "high: clauses tacked on with -ing, as models do"),
    Feature("passives_per_1k_words", _PER_1K, "high: official style"),
    Feature("serial_commas_per_1k_words", _PER_1K, "high: series of three with a comma before `and`, as models write"),
    Feature("serial_comma_share", "share of series, 0..1", "high: American or model; low: agency and British style"),
)

_SHORT, _LONG = 6, 35
_MARKS = {
    "semicolons_per_1k_words": ";",
    "dashes_per_1k_words": "—",
    "parentheses_per_1k_words": "(",
    "questions_per_1k_words": "?",
    "exclamations_per_1k_words": "!",
    "quote_marks_per_1k_words": '"',
}
_CONTRACTION = re.compile(r"'(?:(?:t|re|ll|ve|m|d)\b|(?:(?<=it')|(?<=that'))s )")
_COLON = re.compile(":[ \n]")
_PARTICIPLE = re.compile(
    r", (?:[a-z]{2,20}ly )?(?!(?:including|during|according|regarding|being|(?:no|some|any|every)thing|morning|evening"
    r"|king|spring)\b)[a-z]{2,20}ing\b"
)
_SERIAL = re.compile(r", [^,.;:?!\n]{2,40}, (?:and|or) ")
_NOT_SERIAL = re.compile(r", [a-z]{2,20} (?:and|or) ")
_BE = frozenset(["am", "are", "be", "been", "being", "is", "was", "were"])
_IRREGULAR = frozenset(
    (
        "born bought broken brought built caught chosen cut done drawn driven fed felt forced fought found frozen "
        "given heard held hidden hit hurt kept known laid led left lost made meant met paid proven put read said "
        "seen sent set shot shown shut sold spent split spoken stolen struck sung taken taught thought thrown "
        "told torn understood won worn written"
    ).split()
)
_IS_BE = Known(_BE.__contains__, bool)
_IS_PARTICIPLE = Known(lambda word: word in _IRREGULAR or word.endswith("ed", 2), bool)


def measure(article: Article) -> Reading:
    """Spread, order and extremes of lengths, and rates; all NaN without words, and each where there is too little."""
    values = dict.fromkeys((feature.name for feature in FEATURES), math.nan)
    n = article.n_words
    if not n:
        return Reading(values)
    # Each line starts a sentence.
    firsts = article.sentence_starts.searchsorted(article.line_bounds[:, 0])
    paragraphs = [k for k in np.add.reduceat(article.sentence_words, firsts).tolist() if k]
    lengths = [k for k in article.sentence_words.tolist() if k]
    values["sentence_words_cv"] = _cv(lengths)
    values["sentence_words_autocorrelation"] = _autocorrelation(lengths)
    in_order = sorted(lengths)
    values["short_sentence_share"] = bisect_left(in_order, _SHORT) / len(lengths)
    values["long_sentence_share"] = (len(lengths) - bisect_right(in_order, _LONG)) / len(lengths)
    values["line_words_cv"] = _cv(paragraphs)
    values["line_sentences_mean"] = len(lengths) / len(paragraphs)

    text, lowered = article.folded, article.lowered
    per_1k = 1000 / n
    for name, mark in _MARKS.items():
        values[name] = text.count(mark) * per_1k
    values["commas_per_1k_words"] = text.count(", ") * per_1k  # 1,000 and 17:30 are figures
    values["colons_per_1k_words"] = len(_COLON.findall(text)) * per_1k
    values["contractions_per_1k_words"] = len(_CONTRACTION.findall(lowered)) * per_1k
    values["participle_clauses_per_1k_words"] = len(_PARTICIPLE.findall(lowered)) * per_1k
    serial, not_serial = len(_SERIAL.findall(lowered)), len(_NOT_SERIAL.findall(lowered))
    values["serial_commas_per_1k_words"] = serial * per_1k
    if serial + not_serial:
        values["serial_comma_share"] = serial / (serial + not_serial)

    values["number_share"] = article.n_numbers / n
    values["name_share"] = article.name_share
    lexis, words = article.lexis, article.word_ids
    passives = _IS_BE.of(lexis, words[:-1]) & _IS_PARTICIPLE.of(lexis, words[1:])
    values["passives_per_1k_words"] = int(np.count_nonzero(passives)) * per_1k
    return Reading(values)


def _cv(counts: list[int]) -> float:
    """The coefficient of variation; NaN under three."""
    n = len(counts)
    if n < 3:
        return math.nan
    return math.sqrt(_spread(counts) / (n * (n - 1))) * n / sum(counts)


def _autocorrelation(counts: list[int]) -> float:
    """The correlation of each count with the next; NaN under five, or if all are equal."""
    n = len(counts)
    if n < 5 or not (spread := _spread(counts)):
        return math.nan
    total = sum(counts)
    # The sum of (n * k - total) * (n * k' - total) over neighbours k and k', in whole numbers, so that it is exact.
    products: int = n * n * sum(map(mul, counts, counts[1:])) - n * total * (2 * total - counts[0] - counts[-1])
    return (products + (n - 1) * total * total) / (n * spread)


def _spread(counts: list[int]) -> int:
    """The sum of squares of what each is off the mean, times their number: a whole number, so that it is exact."""
    squares: int = sum(map(mul, counts, counts))
    return len(counts) * squares - sum(counts) ** 2
