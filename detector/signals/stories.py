"""Stories: whether the parts of a text stand alone, as separate stories do, or lean on each other, as one story's do.

One story's sentences and paragraphs open with what was said before ("he", "but", "this"; Halliday and Hasan 1976,
"Cohesion in English": reference and conjunction). The entries of a digest stand alone, are of one size and laid out
alike, whatever its template. A part is a paragraph, or some sentences of a long one.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from detector.article import Article, Known
from detector.signals.reading import Feature, Reading

FEATURES = (
    Feature("leaning_sentence_share", "share of sentences, 0..1", "low: sentences stand alone"),
    Feature("leaning_part_share", "share of parts, 0..1", "low: parts open with nothing that points back"),
    Feature("part_words_cv", "sd / mean", "low: parts of one size"),
    Feature("layout_period_share", "share of lines above chance, 0..1", "high: the same shapes of line come round"),
)
_LEAST = 4  # sentences or parts; fewer say nothing about how they hang together
_SPLIT = 60  # words; a longer line is cut at sentence ends
_JOIN = 10  # words; a shorter line belongs to what follows
_LEAST_LINES = 6
_LONGEST_PERIOD = 6

_LEANING = frozenset(
    "he she they it his her their its him them this that these those such but and so yet then however meanwhile also "
    "instead later afterwards afterward therefore thus moreover furthermore besides another others both".split()
)

_IS_LEANING = Known(_LEANING.__contains__, bool)


def measure(article: Article) -> Reading:
    """What openings point back to, and how alike the parts are."""
    values = {f.name: math.nan for f in FEATURES}
    if article.n_words:
        leaning = _IS_LEANING.of(article.lexis, article.token_ids)
        openings = article.sentence_first_tokens
        if len(openings) > _LEAST:
            values["leaning_sentence_share"] = float(leaning[openings[1:]].mean())
        firsts, sizes = _parts(article)
        if len(firsts) >= _LEAST:
            values["leaning_part_share"] = float(leaning[firsts[1:]].mean())
            values["part_words_cv"] = float(sizes.std() / sizes.mean())
        values["layout_period_share"] = _layout_period(article)
    return Reading(values)


def _parts(article: Article) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The first token of each part, and its number of words."""
    line_ends = set(article.line_bounds[:, 1].tolist())
    starts = article.sentence_first_tokens.tolist()
    firsts, sizes = [], []
    first, size = 0, 0
    for i, ((_, end), n) in enumerate(zip(article.sentences, article.sentence_words.tolist(), strict=True)):
        size += n
        if size >= (_JOIN if end in line_ends else _SPLIT):
            firsts.append(starts[first])
            sizes.append(size)
            first, size = i + 1, 0
    if size:
        firsts.append(starts[first])
        sizes.append(size)
    return np.array(firsts, dtype=np.int64), np.array(sizes, dtype=np.int64)


_SIZES = np.array([2, 5, 12, 25, 50])  # spaces in a line
_STOPS = np.array([ord(c) for c in '.!?"'])


def _layout_period(article: Article) -> float:
    """How much more often a line's shape comes back some lines on than chance has it, at the best period."""
    spaces = article.line_spaces
    n = len(spaces)
    if n < _LEAST_LINES:
        return math.nan
    bounds, codes = article.line_bounds, article.codes
    first, last = codes[bounds[:, 0]] | 32, codes[bounds[:, 1] - 1]
    marked = (first < ord("a")) | (first > ord("z"))
    shapes = np.searchsorted(_SIZES, spaces) * 8 + np.isin(last, _STOPS) * 4 + (last == ord(":")) * 2 + marked
    chance = float(((np.bincount(shapes) / n) ** 2).sum())
    periods = range(1, min(_LONGEST_PERIOD, n - _LEAST) + 1)
    return max(0.0, max(float((shapes[p:] == shapes[:-p]).mean()) for p in periods) - chance)
