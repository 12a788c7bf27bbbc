"""Stories: whether the parts of a text stand alone, as separate stories do, or lean on each other, as one story's do.

One story's sentences and paragraphs open with what was said before ("he", "but", "this"; Halliday and Hasan 1976,
"Cohesion in English": reference and conjunction). The entries of a digest stand alone, are of one size and laid out
alike, whatever its template. A part is a paragraph, or some sentences of a long one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from operator import eq
from string import ascii_letters

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
        openings = article.token_ids.take(article.sentence_first_tokens)
        leaning = _IS_LEANING.of(article.lexis, openings).tolist()
        if len(leaning) > _LEAST:
            values["leaning_sentence_share"] = sum(leaning[1:]) / (len(leaning) - 1)
        firsts, sizes = _parts(article)
        n = len(sizes)
        if n >= _LEAST:
            values["leaning_part_share"] = sum([leaning[i] for i in firsts[1:]]) / (n - 1)
            values["part_words_cv"] = math.sqrt(n * sum([k * k for k in sizes]) - sum(sizes) ** 2) / sum(sizes)
        values["layout_period_share"] = _layout_period(article)
    return Reading(values)


def _parts(article: Article) -> tuple[list[int], list[int]]:
    """The first sentence of each part, and its number of words."""
    firsts, sizes = [], []
    first, size = 0, 0
    for i, (ends_line, n) in enumerate(zip(article.sentence_ends_line, article.sentence_words.tolist(), strict=True)):
        size += n
        if size >= (_JOIN if ends_line else _SPLIT):
            firsts.append(first)
            sizes.append(size)
            first, size = i + 1, 0
    if size:
        firsts.append(first)
        sizes.append(size)
    return firsts, sizes


_SIZES = (2, 5, 12, 25, 50)  # spaces in a line
_LETTERS = frozenset(ascii_letters)


def _layout_period(article: Article) -> float:
    """How much more often a line's shape comes back some lines on than chance has it, at the best period."""
    n = len(article.lines)
    if n < _LEAST_LINES:
        return math.nan
    folded = article.folded
    shapes = [
        (bisect_left(_SIZES, spaces), _LAST.get(folded[end - 1]), folded[start] in _LETTERS)
        for spaces, (start, end) in zip(article.line_spaces.tolist(), article.lines, strict=True)
    ]
    chance = sum([k * k for k in Counter(shapes).values()]) / (n * n)
    periods = range(1, min(_LONGEST_PERIOD, n - _LEAST) + 1)
    best: float = max([sum(map(eq, shapes[p:], shapes)) / (n - p) for p in periods])
    return max(0.0, best - chance)


_LAST = dict.fromkeys('.!?"', "stop") | {":": "colon"}  # how a line ends, beside with a word
