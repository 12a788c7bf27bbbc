"""Stories: whether the parts of a text stand alone, as separate stories do, or lean on each other, as one story's do.

One story's sentences and paragraphs open with what was said before ("he", "but", "this"; Halliday and Hasan 1976,
"Cohesion in English": reference and conjunction). The entries of a digest stand alone and are of one
size, whatever its template. A part is a paragraph, or some sentences of a long one.
"""

from __future__ import annotations

import math

from detector.article import Article, Known
from detector.signals.reading import Feature, Reading

FEATURES = (
    Feature("leaning_sentence_share", "share of sentences, 0..1", "low: sentences stand alone"),
    Feature("leaning_part_share", "share of parts, 0..1", "low: parts open with nothing that points back"),
    Feature("part_words_cv", "sd / mean", "low: parts of one size"),
)
_LEAST = 4  # sentences or parts; fewer say nothing about how they hang together
_SPLIT = 60  # words; a longer line is cut at sentence ends
_JOIN = 10  # words; a shorter line belongs to what follows

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
