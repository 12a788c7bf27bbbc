"""Digest: what a newsletter or digest speaks of, and how its entries are laid out and titled.

A digest speaks of newsletters, greets its readers, asks for more and sends them elsewhere. Its entries have titles, end
in a link or a name and not in a full stop, and share few words with their neighbours. None of it hangs on one template.
Measured on the author's text: a page's newsletter box is furniture.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

from detector.article import Article, Indices
from detector.signals.content import IS_CONTENT
from detector.signals.reading import Feature, Reading

_PER_1K = "per 1000 words"
_LOG = "log(1 + number)"
_PARTS = "share of paragraphs, 0..1"
_CONTENT = "share of content words, 0..1"
FEATURES = (
    Feature("publications_log", _LOG, "high: speaks of newsletters, digests and headlines"),
    Feature("greetings_log", _LOG, "high: greets its readers, takes leave until the next issue"),
    Feature("recent_period_mentions_per_1k_words", _PER_1K, "high: this week, last month"),
    Feature("reader_mentions_log", _LOG, "high: speaks of itself, of subscribers, sponsors, submissions"),
    Feature("thanks_per_1k_words", _PER_1K, "high: thanks contributors"),
    Feature("hat_tips_per_1k_words", _PER_1K, "high: says who found it"),
    Feature("invitations_per_1k_words", _PER_1K, "high: sends the reader elsewhere"),
    Feature("works_per_1k_words", _PER_1K, "high: speaks of posts, talks, papers, releases"),
    Feature("this_work_mentions_log", _LOG, "high: several works that each speak of themselves"),
    Feature("titled_paragraph_share", _PARTS, "high: each entry has its title"),
    Feature("titled_paragraphs_log", _LOG, "high: many titled entries"),
    Feature("unended_paragraph_share", _PARTS, "high: entries end without a full stop"),
    Feature("named_end_share", _PARTS, "high: entries end in a name or in brackets"),
    Feature("contents_line", "0 or 1", "1: opens with a list of contents"),
    Feature("entry_overlap", _CONTENT, "low: entries have little in common with their neighbours"),
)


def measure(article: Article) -> Reading:
    """What a text speaks of, and its titles and ends."""
    values = dict.fromkeys((f.name for f in FEATURES), math.nan)
    n = article.n_words
    if not n:
        return Reading(values)
    per_1k = 1000 / n
    kinds = Counter([m.entry.name for m in article.matches["digest"]])
    publications = kinds["publication"] + kinds["period_title"]
    values["publications_log"] = math.log1p(publications)
    values["greetings_log"] = math.log1p(kinds["greeting"] + kinds["leave"])
    values["recent_period_mentions_per_1k_words"] = kinds["recent"] * per_1k
    values["reader_mentions_log"] = math.log1p(kinds["reader"] + publications)
    values["thanks_per_1k_words"] = kinds["thanks"] * per_1k
    values["hat_tips_per_1k_words"] = kinds["hat_tip"] * per_1k
    values["invitations_per_1k_words"] = kinds["invitation"] * per_1k
    values["works_per_1k_words"] = kinds["work"] * per_1k
    values["this_work_mentions_log"] = math.log1p(kinds["this_work"])
    places = IS_CONTENT.of(article.lexis, article.word_ids).nonzero()[0]  # of content words, among words
    content = article.word_ids.take(places).tolist()
    values |= _paragraphs(article, content, places)
    return Reading(values)


# ---- paragraphs: lines of some length, whether they have a title, and how they end

_PARAGRAPH = 11  # spaces in a line; fewer make a heading, label or title
_LEAST = 4  # paragraphs; fewer show no layout
_OPEN_ENDS = frozenset('.!?,;"')  # after one of these, a short line is no title
_FULL_ENDS = frozenset(".!?\"':;")
_LABEL_END = re.compile(r"[.:!?—](?= )")
_LABEL_CHARS = (5, 75)
_LABEL_SPACES = 8
_CONTENTS_SPACES = 60


def _paragraphs(article: Article, content: list[int], places: Indices) -> dict[str, float]:
    """Whether the first line lists contents, how many paragraphs have titles and open ends, what titled ones share."""
    folded = article.folded
    lines, spaces = article.line_bounds.tolist(), article.line_spaces.tolist()
    values = {"contents_line": float(folded.count(", ", *lines[0]) > 2 and spaces[0] < _CONTENTS_SPACES)}
    paragraphs = [i for i, k in enumerate(spaces) if k >= _PARAGRAPH]
    if len(paragraphs) < _LEAST:
        return values
    last = [folded[end - 1] for _, end in lines]
    titled = [
        lines[i][0]
        for i in paragraphs
        if (i and spaces[i - 1] < _PARAGRAPH and last[i - 1] not in _OPEN_ENDS) or _opens_with_label(folded, *lines[i])
    ]
    values["titled_paragraph_share"] = len(titled) / len(paragraphs)
    values["titled_paragraphs_log"] = math.log1p(len(titled))
    values["unended_paragraph_share"] = sum([last[i] not in _FULL_ENDS for i in paragraphs]) / len(paragraphs)
    if article.has_case:
        words = article.word_starts
        final = words.take(words.searchsorted([lines[i][1] for i in paragraphs]) - 1).tolist()
        named = [last[i] in ")]" or folded[at].isupper() for i, at in zip(paragraphs, final, strict=True)]
        values["named_end_share"] = sum(named) / len(paragraphs)
    if len(titled) > 2:
        values["entry_overlap"] = _entry_overlap(article, content, places, titled)
    return values


def _opens_with_label(folded: str, start: int, end: int) -> bool:
    """Whether a line opens with a few words that a stop, colon or dash sets off."""
    shortest, longest = _LABEL_CHARS
    m = _LABEL_END.search(folded, start + shortest, min(start + longest, end))
    return m is not None and folded.count(" ", start, m.start()) <= _LABEL_SPACES


def _entry_overlap(article: Article, content: list[int], places: Indices, starts: list[int]) -> float:
    """The share of content words that an entry has in common with the next and the next but one, of the smaller's."""
    bounds = [*places.searchsorted(article.word_starts.searchsorted(starts)).tolist(), len(content)]
    entries = [set(content[a:b]) for a, b in pairwise(bounds)]
    pairs = [*pairwise(entries), *zip(entries, entries[2:], strict=False)]
    return sum([len(a & b) / max(1, min(len(a), len(b))) for a, b in pairs]) / len(pairs)
