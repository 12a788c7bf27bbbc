"""Structure: what makes aggregation visible: items, links, source notes, summary blocks, and breaks of topic.

Source: Hearst, TextTiling (1997) on lexical cohesion between blocks; Morris & Hirst (1991) on lexical chains. An original
text keeps coming back to its people and words; a text assembled from several stories does not, whatever its template
and whether it has lines or not, so cohesion is measured on windows of words as well as on lines.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

from detector.article import Article, Range
from detector.signals.reading import Feature, Reading, Span

_PER_1K = "per 1000 words"
_LINES = "share of lines, 0..1"
FEATURES = (
    Feature("list_line_share", _LINES, "high: bullets and numbers"),
    Feature("list_char_share", "share of characters, 0..1", "high: the text stands in list entries"),
    Feature("parallel_line_share", "share of adjacent lines, 0..1", "high: lines of one shape follow each other"),
    Feature("short_line_share", _LINES, "high: headings, labels and entries instead of paragraphs"),
    Feature("line_words_log", "log(1 + median words)", "low: short lines"),
    Feature("line_words_spread", "interquartile range / median", "high: lines of many lengths"),
    Feature("links_per_1k_words", _PER_1K, "high: links elsewhere"),
    Feature("link_domains_log", "log(1 + number)", "high: links to many sites"),
    Feature("link_line_share", _LINES, "high: each entry has its link"),
    Feature("source_notes_per_1k_words", _PER_1K, "high: names sources outside its sentences"),
    Feature("source_list_share", _LINES, "high: lines stand below a heading for sources"),
    Feature("takeaway_headings_per_1k_words", _PER_1K, "high: summary blocks"),
    Feature("essay_headings_per_1k_words", _PER_1K, "high: a template's headings"),
    Feature("digest_headings_per_1k_words", _PER_1K, "high: a digest's headings"),
    Feature("colon_line_share", _LINES, "high: entries of the form 'label: text'"),
    Feature("dates_per_1k_words", _PER_1K, "high: dated entries"),
    Feature("clock_times_per_1k_words", _PER_1K, "high: time-stamped entries"),
    Feature("window_cohesion", "share of content words, 0..1", "low: the topic changes all the time"),
    Feature("lead_cohesion", "share of content words, 0..1", "low: the text leaves its opening behind"),
    Feature("far_cohesion", "share of content words, 0..1", "low: the end is about something else than the beginning"),
    Feature("repeat_reach", "share of the text, 0..1", "low: words come back nearby only, as in separate stories"),
    Feature("unrelated_block_share", "share of blocks, 0..1", "high: paragraphs with no word in common with the rest"),
    Feature("components_per_block", "share of blocks, 0..1", "high: blocks fall into separate stories"),
    Feature("components_log", "log(1 + number)", "high: many separate stories"),
)


def measure(article: Article) -> Reading:
    """Shapes of lines, links, source notes, headings and cohesion; spans are the tell-tale headings and notes."""
    n = article.n_words
    if not n:
        return Reading({f.name: math.nan for f in FEATURES})
    per_1k = 1000 / n
    folded, lines = article.folded, article.lines
    matches = article.matches["structure"]
    kinds = Counter(m.entry.name for m in matches)
    entries = [m.span() for m in _ENTRY.finditer(folded)]
    urls = _URL.findall(article.lowered) if "." in folded else []
    lengths = [folded.count(" ", *line) + 1 for line in lines]
    shapes = [_shape(folded, line, k) for line, k in zip(lines, lengths, strict=True)]
    ordered = sorted(lengths)
    median = ordered[len(ordered) // 2]
    values = {
        "list_line_share": len(entries) / len(lines),
        "list_char_share": sum(e - s for s, e in entries) / len(folded),
        "parallel_line_share": sum(a == b for a, b in pairwise(shapes)) / (len(shapes) - 1) if len(shapes) > 3 else math.nan,
        "short_line_share": sum(k <= 12 for k in lengths) / len(lengths),
        "line_words_log": math.log1p(median),
        "line_words_spread": (ordered[3 * len(ordered) // 4] - ordered[len(ordered) // 4]) / median,
        "links_per_1k_words": len(urls) * per_1k,
        "link_domains_log": math.log1p(len(set(urls))),
        "link_line_share": min(1.0, len(urls) / len(lines)),
        "source_notes_per_1k_words": (kinds["sources"] + kinds["source_note"]) * per_1k,
        "source_list_share": _source_list_share(article),
        "takeaway_headings_per_1k_words": kinds["takeaways"] * per_1k,
        "essay_headings_per_1k_words": kinds["essay_heading"] * per_1k,
        "digest_headings_per_1k_words": kinds["digest_heading"] * per_1k,
        "colon_line_share": len(_LABEL.findall(folded)) / len(lines),
        "dates_per_1k_words": len(_DATE.findall(article.lowered)) * per_1k,
        "clock_times_per_1k_words": len(_CLOCK.findall(folded)) * per_1k,
        **_cohesion(article),
    }
    spans = [Span(m.start, m.end, m.entry.note) for m in matches if m.entry.name != "plain_heading"]
    return Reading(values, spans)


_ENTRY = re.compile(r"^(?:[*+•-]|—|\(?\d{1,3}[.):\]]|\[\d{1,3}\]) ?(?=[^\s\d]).*", re.M)
_URL = re.compile(r"(?:https?://|www\.)(?:www\.)?([\w.-]+)|(?<=[ (\[])[a-z0-9-]{2,40}\.(?:com|org|net|io|gov|edu|co\.uk)\b")
_LABEL = re.compile(r"^[^\n:.!?]{2,60}: \S", re.M)
_DATE = re.compile(
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.? \d{1,2}\b|\b20\d\d-\d\d-\d\d\b|\b\d{1,2}/\d{1,2}/\d{2,4}\b"
)
_CLOCK = re.compile(r"\b\d{1,2}:\d{2}\b")


def _shape(folded: str, line: Range, n_words: int) -> tuple[str, str, int]:
    first, last = folded[line.start], folded[line.end - 1]
    return (
        "a" if first.isalpha() else "0" if first.isdigit() else first,
        "a" if last.isalpha() else last,
        min(n_words.bit_length(), 6),
    )


def _source_list_share(article: Article) -> float:
    below = [m.end for m in article.matches["structure"] if m.entry.name == "sources" and m.entry.where == "line"]
    if not below:
        return 0.0
    return sum(line.start >= below[0] for line in article.lines) / len(article.lines)


_WINDOW = 40  # tokens: about two sentences, the smallest entry of a digest
_NAN_COHESION = dict.fromkeys(
    ("window_cohesion", "lead_cohesion", "far_cohesion", "repeat_reach", "unrelated_block_share", "components_per_block", "components_log"),
    math.nan,
)  # fmt: skip


def _cohesion(article: Article) -> dict[str, float]:
    tokens = article.tokens
    windows = [set(tokens[i : i + _WINDOW]) - _FUNCTION_WORDS for i in range(0, len(tokens) - _WINDOW // 2, _WINDOW)]
    if len(windows) < 3:
        return _NAN_COHESION
    lead = windows[0] | windows[1]
    half = len(windows) // 2
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for i, w in enumerate(windows):
        last.update(dict.fromkeys(w, i))
    for i in range(len(windows) - 1, -1, -1):
        first.update(dict.fromkeys(windows[i], i))
    reach = [last[w] - i for w, i in first.items() if last[w] > i]
    opening: set[str] = set().union(*windows[:half])
    return {
        "window_cohesion": _overlap([a & b for a, b in pairwise(windows)], windows[1:]),
        "lead_cohesion": _overlap([w & lead for w in windows[2:]], windows[2:]),
        "far_cohesion": _overlap([w & opening for w in windows[half:]], windows[half:]),
        "repeat_reach": sum(reach) / len(reach) / (len(windows) - 1) if reach else math.nan,
        **_stories(article),
    }


def _overlap(shared: list[set[str]], windows: list[set[str]]) -> float:
    total = sum(map(len, windows))
    return sum(map(len, shared)) / total if total else math.nan


def _stories(article: Article) -> dict[str, float]:
    """How the blocks (long lines, else pairs of sentences) hang together by the words that they share."""
    blocks = _blocks(article)
    if len(blocks) < 3:
        return {k: math.nan for k in ("unrelated_block_share", "components_per_block", "components_log")}
    seen: set[str] = set()
    again: set[str] = set()
    for b in blocks:
        again |= seen & b
        seen |= b
    parent = list(range(len(blocks)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    home: dict[str, int] = {}
    related = [False] * len(blocks)
    for i, b in enumerate(blocks):
        votes: Counter[int] = Counter()
        for w in b & again:
            if w in home:
                votes[home[w]] += 1
            home[w] = i
        for j, k in votes.items():
            related[i] = related[j] = True
            if k > 1:
                parent[root(i)] = root(j)
    n = sum(parent[i] == i for i in range(len(blocks)))
    return {
        "unrelated_block_share": related.count(False) / len(blocks),
        "components_per_block": n / len(blocks),
        "components_log": math.log1p(n),
    }


_BLOCK_TOKENS = 12


def _blocks(article: Article) -> list[set[str]]:
    blocks: list[set[str]] = []
    sentences, tokens = article.sentences, article.sentence_tokens
    i = 0
    for line in article.lines:
        block: set[str] = set()
        n = 0
        while i < len(sentences) and sentences[i].start < line.end:
            block.update(tokens[i])
            n += len(tokens[i])
            i += 1
        if n >= _BLOCK_TOKENS:
            blocks.append(block - _FUNCTION_WORDS)
    if len(blocks) < 4:
        blocks = [{*a, *b} - _FUNCTION_WORDS for a, b in zip(tokens[::2], [*tokens[1::2], ()])]
    return blocks


# Words that every story has, so that sharing them says nothing; after the stop lists of Lewis et al. (2004), RCV1.
_FUNCTION_WORDS = frozenset(
    """a about above across actually added after again against ago all almost along already also although always am among an and another any
    anyone anything are area around as ask asked at away back be became because become been before began behind being believe best better
    between big both but by call called came can cannot case come comes coming could country day days did different do does doing done down due
    during each early either else end enough even ever every everyone everything face fact far few find first five following for former found
    four from full further gave get gets getting give given go goes going gone good got great group had half happened hard has have having he
    help her here herself high him himself his how however i if important in including instead into is issue it its itself just keep kind know
    known large last late later latest least left less let life like likely little local long longer look made main make makes making man many
    may me mean means men might million more most much must my n't 's 're 've 'll 'd 'm name near need needs never new news next night no nor
    not nothing now number of off often old on once one only open or other others our out over own part past people perhaps person place plan
    point possible put rather read real really recent recently report reported right run said same saw say saying says second see seen set
    several she should show side simply since six small so some someone something soon state still stop story such sure take taken takes taking
    tell than that the their them themselves then there these they thing things think third this those though thought three through time times
    to today together told too took top toward try trying turn two under until up upon us use used using very want wants was way ways we week
    weeks well went were what when where whether which while who whole whom whose why will with within without woman women word words work
    working world would year years yes yesterday yet you young your monday tuesday wednesday thursday friday saturday sunday january february
    march april june july august september october november december http https www com org 's ' ? ! " ( ) , . / : ; — - % $ &""".split()
) | {str(d) for d in range(100)} | {str(y) for y in range(1990, 2040)}
