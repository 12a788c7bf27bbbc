"""Structure: what makes aggregation visible: items, links, source notes, summary blocks, and breaks of topic.

Source: Hearst, TextTiling (1997) on lexical cohesion between blocks; Morris & Hirst (1991) on lexical chains. An
original text keeps coming back to its people and words; a text assembled from several stories does not, whatever its
template and whether it has lines or not, so cohesion is measured between blocks of sentences, never across lines.
"""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np
import numpy.typing as npt

from detector.article import Article
from detector.signals.content import IS_CONTENT
from detector.signals.reading import Feature, Reading, Span

_PER_1K = "per 1000 words"
_LINES = "share of lines, 0..1"
_SHARED = "share of content words, 0..1"
FEATURES = (
    Feature("list_line_share", _LINES, "high: bullets and numbers"),
    Feature("list_char_share", "share of characters, 0..1", "high: the text stands in list entries"),
    Feature("short_line_share", _LINES, "high: headings, labels and entries instead of paragraphs"),
    Feature("median_line_words_log", "log(1 + median words)", "low: short lines"),
    Feature("label_line_share", _LINES, "high: entries of the form 'label: text'"),
    Feature("links_per_1k_words", _PER_1K, "high: links elsewhere"),
    Feature("link_sites_log", "log(1 + number)", "high: links to many sites"),
    Feature("links_per_line", "0..1", "high: each entry has its link"),
    Feature("source_notes_per_1k_words", _PER_1K, "high: names sources outside its sentences"),
    Feature("listed_sources_log", "log(1 + number of lines)", "high: lists its sources under a heading"),
    Feature("takeaway_headings_per_1k_words", _PER_1K, "high: summary blocks"),
    Feature("essay_headings_per_1k_words", _PER_1K, "high: a template's headings"),
    Feature("digest_headings_per_1k_words", _PER_1K, "high: a digest's headings"),
    Feature("section_headings_per_1k_words", _PER_1K, "high: sections named after fields, as in a digest"),
    Feature("dates_per_1k_words", _PER_1K, "high: dated entries"),
    Feature("clock_times_per_1k_words", _PER_1K, "high: time-stamped entries"),
    Feature("adjacent_cohesion", _SHARED, "low: the topic changes all the time"),
    Feature("lead_cohesion", _SHARED, "low: the text leaves its opening behind"),
    Feature("repeat_reach", "share of the text, 0..1", "low: words come back nearby only, as in separate stories"),
    Feature("topic_break_share", "share of blocks, 0..1", "high: most blocks start another topic"),
    Feature("topic_breaks_log", "log(1 + number)", "high: many topics"),
)


def measure(article: Article) -> Reading:
    """Shapes of lines, links, source notes, headings and cohesion; spans are the tell-tale headings and notes."""
    n = article.n_words
    if not n:
        return Reading({f.name: math.nan for f in FEATURES})
    per_1k = 1000 / n
    matches = article.matches["structure"]
    kinds = Counter(m.entry.name for m in matches)
    sites = _links(article.lowered)
    n_lines = len(article.lines)
    values = {
        **_line_shapes(article),
        "links_per_1k_words": len(sites) * per_1k,
        "link_sites_log": math.log1p(len(set(sites))),
        "links_per_line": min(1.0, len(sites) / n_lines),
        "source_notes_per_1k_words": sum(map(kinds.__getitem__, _SOURCE_NOTES)) * per_1k,
        "listed_sources_log": math.log1p(_n_listed_sources(article)),
        "takeaway_headings_per_1k_words": kinds["takeaways"] * per_1k,
        "essay_headings_per_1k_words": kinds["essay_heading"] * per_1k,
        "digest_headings_per_1k_words": kinds["digest_heading"] * per_1k,
        "section_headings_per_1k_words": kinds["section_heading"] * per_1k,
        "dates_per_1k_words": _n_dates(article) * per_1k,
        "clock_times_per_1k_words": sum(m.start() > 0 and _is_digit(article.folded, m.start() - 1)
                                        for m in _CLOCK.finditer(article.folded)) * per_1k,
        **_cohesion(article),
    }  # fmt: skip
    spans = [Span(m.start, m.end, m.entry.note) for m in matches if m.entry.name in _SHOWN]
    return Reading(values, spans)


_SOURCE_NOTES = ("sources", "source_note", "inline_source_note")
_SHOWN = frozenset((*_SOURCE_NOTES, "takeaways", "essay_heading", "digest_heading"))

# ---- lines

_LIST_STARTS = frozenset("*+•—-([0123456789")
_LIST_MARK = re.compile(r"(?:[*+•—-]|\(?\d{1,3}[.):\]]|\[\d{1,3}\]) ?(?=[^\s\d])")
_LABEL_CHARS = 60


def _line_shapes(article: Article) -> dict[str, float]:
    lines = article.folded.split("\n")
    n = len(lines)
    lengths = np.sort(article.line_spaces)
    entries = [line for line in lines if line[0] in _LIST_STARTS and _LIST_MARK.match(line)]
    return {
        "list_line_share": len(entries) / n,
        "list_char_share": sum(map(len, entries)) / (len(article.folded) - n + 1),
        "short_line_share": int(np.count_nonzero(lengths < _HEADING_WORDS)) / n,
        "median_line_words_log": math.log1p(int(lengths[n // 2]) + 1),
        "label_line_share": len([line for line in lines if line.find(": ", 0, _LABEL_CHARS) > 0]) / n,
    }


_HEADING_WORDS = 12


def _n_listed_sources(article: Article) -> int:
    """How many lines stand below a heading for sources."""
    start = next((m.end for m in article.matches["structure"] if m.entry.name == "sources"), None)
    return 0 if start is None else sum(line.start >= start for line in article.lines)


# ---- links and dates; each pattern starts with a literal, so that a search runs at the speed of a substring's

_URL = re.compile(r"https?://(?:www\.)?([\w.-]+)")
_DOMAIN = re.compile(r"\.(?:com|org|net|io|gov|edu|co\.uk)\b")
_CLOCK = re.compile(r":[0-5]\d\b")
_NUMERIC_DATES = tuple(re.compile(p) for p in (r"may \d", r"20\d\d-[01]\d-[0-3]\d", r"/\d\d?/\d\d"))
_LONGEST_DOMAIN = 60


def _links(lowered: str) -> list[str]:
    """The site of each link, whether a URL or a bare domain."""
    sites = _URL.findall(lowered)
    for m in _DOMAIN.finditer(lowered):
        window = lowered[max(0, m.start() - _LONGEST_DOMAIN) : m.start()]
        name = window.replace("\n", " ").rpartition(" ")[2].lstrip("([\"'")
        if name.replace("-", "").replace(".", "").isalnum():
            sites.append(name.removeprefix("www.") + m.group())
    return sites


def _n_dates(article: Article) -> int:
    low = article.lowered
    months = [m for m in article.matches["structure"] if m.entry.name == "month"]
    named = sum(_is_digit(low, m.end + 1) or _is_digit(low, m.start - 2) for m in months)
    return named + sum(len(p.findall(low)) for p in _NUMERIC_DATES)


def _is_digit(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isdigit()


# ---- cohesion

_BLOCK_BITS = 20  # more blocks than a text of MAX_CHARS can have
_LEAD = 2  # blocks
_BLOCK = 35  # words: about two sentences, the smallest entry of a digest
_LINE_BLOCK = 10  # a line shorter than that is a heading and belongs to what follows
_MIN_BLOCKS = 4
_COHESION = ("adjacent_cohesion", "lead_cohesion", "repeat_reach", "topic_break_share", "topic_breaks_log")


def _cohesion(article: Article) -> dict[str, float]:
    """How the blocks hang together by the content words that they share."""
    sizes = _block_sizes(article)
    n = len(sizes)
    words = article.word_ids[: sum(sizes)]
    content = IS_CONTENT.of(article.lexis, words).nonzero()[0]
    if n < _MIN_BLOCKS or content.size < n:
        return dict.fromkeys(_COHESION, math.nan)
    # Each word once a block, in the order of words and then of blocks.
    pairs = words.take(content) << _BLOCK_BITS | np.arange(n).repeat(sizes).take(content)
    pairs.sort()
    pairs = pairs.compress(_changes(pairs))
    block = pairs & ((1 << _BLOCK_BITS) - 1)
    starts = _changes(pairs >> _BLOCK_BITS)  # where another word starts
    edges = np.concatenate((starts.nonzero()[0], [len(block)]))
    at, n_blocks = edges[:-1], edges[1:] - edges[:-1]  # where a word's blocks start, and how many it stands in
    first = block.take(at)
    in_lead = (first < _LEAD).repeat(n_blocks)
    gap = np.zeros_like(block)  # blocks since the word was last used
    np.subtract(block[1:], block[:-1], out=gap[1:])
    gap[at] = 0
    reach = int((block.take(at + n_blocks - 1) - first).sum())
    n_returning = int(np.count_nonzero(n_blocks > 1))
    adjacent, later = gap == 1, block >= _LEAD
    held = np.bincount(block.compress(adjacent | (gap == 2) | in_lead), minlength=n)[_LEAD:]
    breaks = int(np.count_nonzero(held <= 1))
    return {
        "adjacent_cohesion": int(np.count_nonzero(adjacent)) / len(pairs),
        "lead_cohesion": int(np.count_nonzero(in_lead & later)) / int(np.count_nonzero(later)),
        "repeat_reach": reach / n_returning / (n - 1) if n_returning else math.nan,
        "topic_break_share": breaks / (n - _LEAD),
        "topic_breaks_log": math.log1p(breaks),
    }


def _changes(values: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Where a value differs from the one before it, and at the first."""
    changes = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    return changes


def _block_sizes(article: Article) -> list[int]:
    """The number of words in each block: whole sentences, of one line, until there are enough of them."""
    sizes = []
    size = 0
    for ends_line, k in zip(article.sentence_ends_line, article.sentence_words.tolist(), strict=True):
        size += k
        if size >= (_LINE_BLOCK if ends_line else _BLOCK):
            sizes.append(size)
            size = 0
    return sizes
