"""Which language an article is in: English at a glance, by its function words; else asked of py3langid.

An article is English when nearly all of it is. Parts without the words that no English sentence can do without, such
as lists of names, code or another language, are shown to py3langid (Lui and Baldwin 2012), which must be sure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from detector.article import Article, Known, sums_between

SUPPORTED = "en"
UNKNOWN = "und"  # ISO 639 for undetermined
MIXED = "mul"  # ISO 639 for several languages

# The commonest English words, without those that other languages in Latin script share (in, is, a, at, as, so, was).
_MARKERS = frozenset(
    (
        "the and of to that it with this they from have not are were which their would about been there you what when "
        "who your can more other could some than them these its our into only after how should because those through "
        "before between where while each also if then out just even most both such very people new first many make "
        "does did do n't being during under same own until against few off here why every still back see use using "
        "made well much we his she but he by be will any through one two said says has had could my get time now"
    ).split()
)
_IS_MARKER = Known(_MARKERS.__contains__, bool)
_PART_CHARS = 300  # a paragraph or so: enough words to judge by
_MARKER_SHARE = 0.1  # of the words of a part; English prose has 0.3 to 0.5, other languages at most 0.05
_FOREIGN_SHARE = 0.2  # of the characters: above, the article is not nearly all English
_MAIN_SHARE = 0.8
_SURE = 0.3  # by how much another language's logarithmic likelihood for each character must exceed that of English
_MIN_WORDS = 8  # without any marker, fewer words are of no language
_MIN_CHARS = 30  # nor are fewer characters


def identify(article: Article) -> str:
    """The language's ISO 639 code; `mul` for several, `und` if it cannot be told (no words, or very few)."""
    if not article.n_words:
        return UNKNOWN
    is_marker = _IS_MARKER.of(article.lexis, article.word_ids)
    # Parts are whole sentences, about as many as a paragraph has, and no paragraph shares its part.
    starts = article.sentence_starts
    lines = article.line_bounds
    long = lines[:, 1] - lines[:, 0] >= _PART_CHARS // 2
    long[1:] |= long[:-1].copy()
    part = starts // _PART_CHARS
    opens = np.ones(len(starts) + 1, dtype=bool)  # whether a part starts with a sentence; the last stands for the end
    np.not_equal(part[1:], part[:-1], out=opens[1:-1])
    opens[np.searchsorted(starts, lines[long, 0])] = True
    first = np.flatnonzero(opens)
    n_words = sums_between(article.sentence_words, first)
    words_before = np.zeros(len(first), dtype=np.int64)
    np.cumsum(n_words, out=words_before[1:])
    n_markers = sums_between(is_marker, words_before)
    doubtful = n_markers < _MARKER_SHARE * n_words
    if not doubtful.any():
        return SUPPORTED
    edges = np.append(starts[first[:-1]], len(article.folded))
    chars = np.diff(edges)
    total = int(chars.sum())
    if int(chars[doubtful].sum()) <= _FOREIGN_SHARE * total and article.n_words >= _MIN_WORDS:
        return SUPPORTED
    found: dict[str, int] = {}
    # Doubtful parts that follow each other are read together.
    turns = np.flatnonzero(np.diff(doubtful, prepend=False, append=False)).tolist()
    for a, b in zip(turns[::2], turns[1::2], strict=True):
        start, end = article.span(int(edges[a]), int(edges[b]))
        if end - start >= _MIN_CHARS:
            code = _ask(article.text[start:end])
            found[code] = found.get(code, 0) + int(edges[b] - edges[a])
    unreadable = found.pop(UNKNOWN, 0)
    foreign = {code: n for code, n in found.items() if code != SUPPORTED}
    if sum(foreign.values()) > _FOREIGN_SHARE * total:
        code, n = max(foreign.items(), key=lambda item: item[1])
        return code if n > _MAIN_SHARE * total else MIXED
    told = article.n_words >= _MIN_WORDS or n_markers.any()
    return SUPPORTED if told and unreadable <= _MAIN_SHARE * total else UNKNOWN


def _ask(text: str) -> str:
    """The language of a text if py3langid is sure that it is not English, which stands for doubt."""
    ranked = _ranker()(text)
    code, score = ranked[0]
    if score - dict(ranked)[SUPPORTED] <= _SURE * len(text.encode("utf-8", "replace")):
        return SUPPORTED
    return UNKNOWN if code == "zxx" else code  # zxx: encoded data, no language


@lru_cache(maxsize=1)
def _ranker() -> Callable[[str], list[tuple[str, float]]]:
    import py3langid  # takes half a second to read its model, which few articles need

    rank: Callable[[str], list[tuple[str, float]]] = py3langid.rank
    return rank
