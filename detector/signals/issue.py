"""Issue: words by which a text says that it is an issue of a newsletter, digest or roundup.

It does so in several ways: by its name, its week, its contents, its readers, its columns, its leave. One of them stands
in many a person's text, two kinds of them hardly ever. Measured on the page, for a leave looks like furniture.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from detector.article import Article
from detector.signals.reading import Feature, Reading, Span

_MOST = 3
FEATURES = (Feature("kinds", f"kinds of such words, 0..{_MOST}", "high: says in several ways that it is an issue"),)


def measure(article: Article) -> Reading:
    """In how many ways a text says that it is an issue of something, and the words that say so."""
    if not article.n_words:
        return Reading({"kinds": math.nan})
    kinds, spans = set(), []
    title = article.lines[0].end if len(article.lines) > 1 and article.line_spaces[0] < _TITLE_WORDS else 0
    for entry, start, end in article.matches["issue"]:
        if entry.name in ("publication", "title"):
            for kind, first, last in _said_of(article.lowered, start, end, title):
                kinds.add(kind)
                spans.append(Span(first, last, _NOTES[kind]))
        else:
            kinds.add(entry.name)
            spans.append(Span(start, end, entry.note))
    return Reading({"kinds": float(min(_MOST, len(kinds)))}, list(dict.fromkeys(spans)))


# ---- publications: what stands before a name such as "newsletter" tells whose it is

_NOTES = {
    "title": "is titled like an issue",
    "own": "speaks of itself as an issue",
    "series": "speaks of issues before or after it",
    "contents": "says what is in this issue",
    "welcome": "welcomes its readers to an issue",
    "contribution": "asks its readers for something to print",
}


class _Rule(NamedTuple):
    """One of these names says `kind` if `before` ends where it starts and `unless` does not follow it."""

    kind: str
    names: frozenset[str]
    before: re.Pattern[str]
    unless: str = "\n\n"  # never


_PAPERS = frozenset(("newsletter", "digest", "roundup", "round-up"))
_REPORTS = _PAPERS | {"briefing", "bulletin", "dispatch", "instalment", "installment", "recap", "rundown", "wrap-up"}
_NUMBERS = frozenset(("edition", "issue"))  # an edition may be a book's, an issue a trouble: they need more beside them
_THIS = (
    r"\b(?:this|another|(?:to|yester)day's|(?:day|week|month|morning)'s"
    r"|daily|(?:bi-?)?weekly|fortnightly|monthly|quarterly"
)
_ORDINAL = r"first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|\d+(?:st|nd|rd|th)"
_RULES = (
    _Rule("own", _REPORTS, re.compile(rf"{_THIS}|special|{_ORDINAL})(?: [\w'-]+){{0,2}} $")),
    _Rule("own", frozenset(("edition",)), re.compile(rf"{_THIS})(?: [\w'-]+)? $"), unless=" of the"),
    _Rule(
        "series",
        _PAPERS,
        re.compile(r"\b(?:next(?: week's)?|last|previous|past|back|earlier|future|upcoming|latest)(?: [\w'-]+)? $"),
    ),
    _Rule(
        "series",
        _NUMBERS,
        re.compile(
            r"\b(?:next week's|(?:our|the) next|our last|(?:a|the) previous|a future|an upcoming|past|back|earlier) $"
        ),
    ),
    _Rule("contents", _NUMBERS, re.compile(r"\b(?:in|inside) (?:this|today's|this (?:week|month)'s) $"), unless=" of"),
    _Rule(
        "welcome",
        _REPORTS | _NUMBERS | {"weekly"},
        re.compile(r"\bwelcome (?:back )?to(?: [\w'\"#.-]+){0,7} $"),
    ),
    _Rule(
        "contribution",
        _REPORTS | {"edition"},
        re.compile(
            r"\b(?:send (?:us|me|in|a)|submit|suggest|nominate|mention something|have something|featured?"
            r"|share (?:something|your)|tips?|links?)(?: [\w']+){0,6} $"
        ),
    ),
)
_MONTH = "january|february|march|april|may|june|july|august|september|october|november|december"
_NUMBER = re.compile(rf"(?:[:.,|]| -)? ?(?:(?:no\.? ?|issue )?#?\d+|(?:{_MONTH})\b)")
_WINDOW = 70  # characters
_TITLE_WORDS = 12


def _said_of(lowered: str, start: int, end: int, title: int) -> Iterator[tuple[str, int, int]]:
    """What kinds of words a publication's name is among, with where they start and end; the title ends at `title`."""
    name = lowered[start:end].removesuffix("s")
    if end <= title and name not in ("issue", "recap", "wrap-up"):
        yield "title", 0, title  # whole, for a reader
    for kind, names, before, unless in _RULES:
        if name in names and not lowered.startswith(unless, end):
            words = before.search(lowered, max(0, start - _WINDOW), start)
            if words:
                yield kind, words.start(), end
    if name in _REPORTS and (number := _NUMBER.match(lowered, end)):
        yield "own", start, number.end()
