"""Stories: whether the parts of a text stand alone, as separate stories do, or lean on each other, as one story's do.

A part is a paragraph, or some two sentences of a long one. One story keeps coming back to its people, and its parts
open with what was said before (Halliday and Hasan 1976, "Cohesion in English": reference and conjunction); the parts of
a digest name their own people, introduce them anew, credit their own source and are laid out alike.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from detector.article import UPPER, Article
from detector.signals.reading import Feature, Reading

_PARTS = "share of parts, 0..1"
FEATURES = (
    Feature("returning_name_share", "share of names, 0..1", "low: each part has its own people and places"),
    Feature("lead_name_part_share", _PARTS, "low: the names of the opening are never heard of again"),
    Feature("known_name_part_share", _PARTS, "low: parts name nobody that an earlier part named"),
    Feature("leaning_part_share", _PARTS, "low: parts open with nothing that points back ('he', 'but', 'this')"),
    Feature("leaning_sentence_share", "share of sentences, 0..1", "low: sentences stand alone"),
    Feature("fresh_opening_part_share", _PARTS, "high: parts open by introducing somebody or something"),
    Feature("credited_part_share", _PARTS, "high: each part has its own link or source"),
    Feature("layout_period_share", "share of lines above chance, 0..1", "high: the same shapes of line come round"),
    Feature("part_words_cv", "sd / mean", "low: parts of one size"),
    Feature("parts_log", "log(1 + number)", "high: many parts"),
)
_LEAST = 4  # parts; fewer say nothing about how they hang together
_SPLIT = 60  # words; a longer line is cut at sentence ends
_JOIN = 10  # words; a shorter line belongs to what follows
_LEAD = 2
_LONGEST_PERIOD = 6

_BACK = frozenset(
    "he she they it his her their its him them this that these those such but and so yet then or nor however "
    "meanwhile still also instead later afterwards afterward though although therefore thus hence moreover furthermore "
    "besides because since after before now here there both another other others one some most not no i we my our "
    "you your in at as when while if even despite".split()
)
_STRONG_BACK = frozenset(
    "he she they it his her their its him them this that these those such but and so yet then however meanwhile also "
    "instead later afterwards afterward therefore thus moreover furthermore besides another others both".split()
)
_NEW = frozenset("a an".split())
_SOURCE_ENTRIES = frozenset(("source_note", "inline_source_note", "sources"))


def measure(article: Article) -> Reading:
    """Names, openings, credits and layout of a text's parts."""
    values = {f.name: math.nan for f in FEATURES}
    if not article.n_words:
        return Reading(values)
    firsts, n_words = _parts(article)
    n = len(firsts)
    values["parts_log"] = math.log1p(n)
    values["layout_period_share"] = _layout_period(article)
    numbers = article.token_numbers
    bounds = article._sentence_bounds[:-1]
    strong = article.among(_STRONG_BACK)
    if len(bounds) >= _LEAST:
        opening = numbers[np.minimum(bounds[1:], len(numbers) - 1)]
        values["leaning_sentence_share"] = float(np.mean(strong[opening]))
    if n < _LEAST:
        return Reading(values)
    values["part_words_cv"] = float(n_words.std() / max(n_words.mean(), 1e-9))
    opening = numbers[firsts[1:]]
    values["leaning_part_share"] = float(np.mean(strong[opening]))
    starts = article.token_starts
    which = np.searchsorted(firsts, np.arange(len(numbers)), side="right") - 1
    if article.has_case:
        upper = (article.kinds[starts] & UPPER) != 0
        sure = upper.copy()
        sure[bounds[bounds < len(sure)]] = False
        sure &= ~article.among(_COMMON)[numbers]
        is_name = np.zeros(len(article.vocabulary), dtype=bool)
        is_name[numbers[sure]] = True
        named = upper & is_name[numbers]
        pairs = np.unique(numbers[named] * n + which[named])
        if len(pairs):
            name, part = pairs // n, pairs % n
            _, which_name, spread = np.unique(name, return_inverse=True, return_counts=True)
            values["returning_name_share"] = float(np.mean(spread[which_name] > 1))
            first = np.ones(len(pairs), dtype=bool)
            first[1:] = name[1:] != name[:-1]
            known = np.unique(part[~first])
            with_names = np.unique(part[part > 0])
            if len(with_names):
                values["known_name_part_share"] = len(known) / len(with_names)
            lead = np.isin(name, name[part < _LEAD])
            values["lead_name_part_share"] = len(np.unique(part[lead & (part >= _LEAD)])) / (n - _LEAD)
        starts_upper = is_name[opening] | article.among(_NEW)[opening]
        values["fresh_opening_part_share"] = float(np.mean(starts_upper))
    credit = np.zeros(n, dtype=bool)
    places = [m.start for m in article.matches["structure"] if m.entry.name in _SOURCE_ENTRIES]
    places += [m.start for m in article.matches["outlets"]]
    at = 0
    low = article.lowered
    for mark in ("http", "www."):
        at = low.find(mark)
        while at >= 0:
            places.append(at)
            at = low.find(mark, at + 4)
    if places:
        token = np.clip(np.searchsorted(starts, np.array(places), side="right") - 1, 0, len(which) - 1)
        credit[which[token]] = True
    values["credited_part_share"] = float(credit.mean())
    return Reading(values)


_COMMON = frozenset(
    "i i'm the a an mr mrs ms dr monday tuesday wednesday thursday friday saturday sunday january february march april "
    "may june july august september october november december".split()
)


def _parts(article: Article) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The first token of each part, and its number of words."""
    bounds = article._sentence_bounds
    words = article.sentence_words.tolist()
    line_ends = set(article.line_bounds[:, 1].tolist())
    firsts, sizes = [0], []
    size = 0
    for (_, end), k, following in zip(article.sentences, words, bounds[1:].tolist(), strict=True):
        size += k
        if size >= (_JOIN if end in line_ends else _SPLIT):
            sizes.append(size)
            firsts.append(following)
            size = 0
    if size:
        sizes.append(size)
    firsts = firsts[: len(sizes)]
    return np.array(firsts, dtype=np.int64), np.array(sizes, dtype=np.int64)


def _layout_period(article: Article) -> float:
    """How much more often a line's shape returns some lines on than chance has it, for the best period."""
    spaces = article.line_spaces
    n = len(spaces)
    if n < 6:
        return math.nan
    bounds = article.line_bounds
    codes = article.codes
    size = np.searchsorted([2, 5, 12, 25, 50], spaces)
    last, first = codes[bounds[:, 1] - 1], codes[bounds[:, 0]]
    shape = size * 8 + np.isin(last, [46, 33, 63, 34]) * 4 + (last == 58) * 2 + ~(((first | 32) >= 97) & ((first | 32) <= 122))
    counts = np.unique(shape, return_counts=True)[1] / n
    chance = float((counts**2).sum())
    best = 0.0
    for period in range(1, _LONGEST_PERIOD + 1):
        if n - period < 4:
            break
        best = max(best, float(np.mean(shape[period:] == shape[:-period])) - chance)
    return best
