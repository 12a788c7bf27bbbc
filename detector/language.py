"""Which language an article is in: English at a glance, by its function words; else asked of py3langid.

An article is English when nearly all of it is. Parts without the words that no English sentence can do without, such
as lists of names, code or another language, are shown to py3langid (Lui and Baldwin 2012), which must be sure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

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
_MANY_WORDS = 50
_LEAST_SHARE = 0.03  # of so many: digests come down to 0.035; below are figures, code, other languages in Latin letters


def identify(article: Article) -> str:
    """The language's ISO 639 code; `mul` for several, `und` if it cannot be told (no words, or very few)."""
    if not article.n_words:
        return UNKNOWN
    # Parts are whole sentences, about as many as a paragraph has, and no paragraph shares its part.
    is_long = [end - start >= _PART_CHARS // 2 for start, end in article.lines]
    own = {
        line[0] for line, long, after in zip(article.lines, is_long, [False, *is_long], strict=False) if long or after
    }
    edges, words_before = [], []
    n, part = 0, -1
    for start, size in zip(article.sentence_starts.tolist(), article.sentence_words.tolist(), strict=True):
        if part != start // _PART_CHARS or start in own:
            edges.append(start)
            words_before.append(n)
        part = start // _PART_CHARS
        n += size
    edges.append(len(article.folded))
    words_before.append(n)
    n_markers = sums_between(_IS_MARKER.of(article.lexis, article.word_ids), words_before).tolist()
    doubtful = [k < _MARKER_SHARE * (b - a) for k, (a, b) in zip(n_markers, pairwise(words_before), strict=True)]
    if not any(doubtful):
        return SUPPORTED
    total = edges[-1] - edges[0]
    doubted = sum(b - a for (a, b), doubt in zip(pairwise(edges), doubtful, strict=True) if doubt)
    if doubted <= _FOREIGN_SHARE * total and article.n_words >= _MIN_WORDS:
        return SUPPORTED
    found: dict[str, int] = {}
    # Doubtful parts that follow each other are read together.
    turns = [i for i, (a, b) in enumerate(pairwise([False, *doubtful, False])) if a != b]
    for a, b in zip(turns[::2], turns[1::2], strict=True):
        start, end = article.span(edges[a], edges[b])
        if end - start >= _MIN_CHARS:
            code = _ask(article.text[start:end])
            found[code] = found.get(code, 0) + edges[b] - edges[a]
    unreadable = found.pop(UNKNOWN, 0)
    foreign = {code: n for code, n in found.items() if code != SUPPORTED}
    if sum(foreign.values()) > _FOREIGN_SHARE * total:
        code, n = max(foreign.items(), key=lambda item: item[1])
        return code if n > _MAIN_SHARE * total else MIXED
    if article.n_words >= _MANY_WORDS:
        told = sum(n_markers) >= _LEAST_SHARE * article.n_words
    else:
        told = article.n_words >= _MIN_WORDS or any(n_markers)
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
