"""Attribution: who is said to know: quoted people, the writer who was there, other outlets, or nobody in particular.

Source: Bell, The Language of News Media (1991) on attribution and news copy; Thompson & Ye (1991) on reporting verbs;
Wikipedia's manual of style on unsupported attributions. First-hand reporting names and quotes people; an aggregated
story credits outlets ("per the Guardian"); a rewrite keeps the claims and drops who made them ("reports suggest").
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator

import numpy as np

from detector.article import Article, Known
from detector.lexicon import Match
from detector.signals.reading import Feature, Reading, Span

_PER_1K = "per 1000 words"
FEATURES = (
    Feature("quoted_share", "share of characters, 0..1", "high: people speak for themselves"),
    Feature("quotations_per_1k_words", _PER_1K, "high: many quotations of four words or more"),
    Feature("quoted_phrases_per_1k_words", _PER_1K, "high: quotes single words, as summaries of others' reports do"),
    Feature("attributed_quotation_share", "share of quotations, 0..1", "high: a verb of saying stands by each"),
    Feature("named_sayings_per_1k_words", _PER_1K, "high: named people say things"),
    Feature("speakers_log", "log(1 + number)", "high: many named speakers"),
    Feature("plain_said_per_1k_words", _PER_1K, "high: 'said', as reporters write"),
    Feature("dressed_said_per_1k_words", _PER_1K, "high: 'emphasized', 'noted', as machine text writes"),
    Feature("dressed_said_share", "share of verbs of saying, 0..1", "high: the verbs of saying comment"),
    Feature("first_hand_per_1k_words", _PER_1K, "high: the writer was there or asked"),
    Feature("personal_life_per_1k_words", _PER_1K, "high: the writer's own family, friends and work"),
    Feature("first_person_singular_per_1k_words", _PER_1K, "high: I, me, my outside quotations"),
    Feature("first_person_plural_per_1k_words", _PER_1K, "high: we, our outside quotations"),
    Feature("according_to_per_1k_words", _PER_1K, "high: says where claims come from"),
    Feature("vague_sources_per_1k_words", _PER_1K, "high: credits nobody who can be named"),
    Feature("unnamed_people_per_1k_words", _PER_1K, "high: credits people by their role, without a name"),
    Feature("asked_for_comment_per_1k_words", _PER_1K, "high: says who was asked for comment, as reporters do"),
    Feature("agency_credits_per_1k_words", _PER_1K, "high: newsroom credits and datelines stand in the text"),
    Feature("outlet_mentions_per_1k_words", _PER_1K, "high: names news outlets"),
    Feature("outlet_credits_per_1k_words", _PER_1K, "high: takes its claims from news outlets"),
    Feature("outlets_log", "log(1 + number)", "high: names many different outlets"),
    Feature("credited_outlets_log", "log(1 + number)", "high: takes its claims from many different outlets"),
)

_SHOWN = frozenset(("vague", "unnamed", "agency"))
_OWN = frozenset(("first_hand", "experience", "personal"))
_OUTLET_NOTE = "credits another source"


def measure(article: Article) -> Reading:
    """Rates of quotation, of first-hand and vague sourcing, and of outlets credited; spans are those sources."""
    n = article.n_words
    if not n:
        return Reading({f.name: math.nan for f in FEATURES})
    per_1k = 1000 / n
    folded = article.folded
    quoted = _quotations(folded)
    speeches = [q for q in quoted if folded.count(" ", *q) >= 3]
    matches = article.matches["attribution"]
    kinds = Counter(m.entry.name for m in matches)
    own = [m for m in matches if m.entry.name in _OWN and not _within(quoted, m.start)]
    personal = sum(m.entry.name == "personal" for m in own)
    verbs = [m for m in matches if m.entry.name in ("plain_verb", "dressed_verb")]
    speakers = Counter(filter(None, (_speaker(folded, m) for m in verbs)))
    singular, plural = _first_person(article, quoted)
    datelines, credits, mentions = _outlets(article)
    outlets = {name for _, _, name in credits}
    n_verbs = kinds["plain_verb"] + kinds["dressed_verb"]
    case = article.has_case
    values = {
        "quoted_share": sum(e - s for s, e in quoted) / len(folded),
        "quotations_per_1k_words": len(speeches) * per_1k,
        "quoted_phrases_per_1k_words": (len(quoted) - len(speeches)) * per_1k,
        "attributed_quotation_share": _attributed_share(speeches, [m.start for m in matches]),
        "named_sayings_per_1k_words": speakers.total() * per_1k if case else math.nan,
        "speakers_log": math.log1p(len(speakers)) if case else math.nan,
        "plain_said_per_1k_words": kinds["plain_verb"] * per_1k,
        "dressed_said_per_1k_words": kinds["dressed_verb"] * per_1k,
        "dressed_said_share": kinds["dressed_verb"] / n_verbs if n_verbs else math.nan,
        "first_hand_per_1k_words": (len(own) - personal) * per_1k,
        "personal_life_per_1k_words": personal * per_1k,
        "first_person_singular_per_1k_words": singular * per_1k,
        "first_person_plural_per_1k_words": plural * per_1k,
        "according_to_per_1k_words": kinds["according"] * per_1k,
        "vague_sources_per_1k_words": kinds["vague"] * per_1k,
        "unnamed_people_per_1k_words": kinds["unnamed"] * per_1k,
        "asked_for_comment_per_1k_words": kinds["comment"] * per_1k,
        "agency_credits_per_1k_words": (kinds["agency"] + len(datelines)) * per_1k,
        "outlet_mentions_per_1k_words": (len(credits) + len(mentions)) * per_1k,
        "outlet_credits_per_1k_words": len(credits) * per_1k,
        "outlets_log": math.log1p(len(outlets | {name for _, _, name in mentions})),
        "credited_outlets_log": math.log1p(len(outlets)),
    }
    spans = [Span(m.start, _credit_end(folded, m), m.entry.note) for m in matches if m.entry.name in _SHOWN]
    spans += [Span(m.start, m.end, m.entry.note) for m in own if m.entry.name == "first_hand"]
    spans += [Span(start, end, _OUTLET_NOTE) for start, end, _ in credits]
    return Reading(values, sorted(spans))


_CREDIT_CHARS = 80


def _credit_end(folded: str, m: Match) -> int:
    """Where to stop quoting: an agency's credit is read with its names and places."""
    if m.entry.name != "agency":
        return m.end
    rest = folded[m.end : m.end + _CREDIT_CHARS]
    ends = [at for mark in ",.\n" if (at := rest.find(mark)) >= 0]
    return m.end + min(ends) if ends else m.end


# A quotation closes at its mark or, running on in the next paragraph, with its line.
_QUOTED = re.compile(r'"[^"\n]{2,1500}(?:"|$)', re.M)
_NO_OPENING = frozenset(".,!?;")


def _quotations(folded: str) -> list[tuple[int, int]]:
    found = []
    at = folded.find('"')
    while at >= 0:
        end = at + 1
        # A mark at a word's end closes something, so it opens nothing.
        if not at or not (folded[at - 1].isalnum() or folded[at - 1] in _NO_OPENING):
            m = _QUOTED.match(folded, at)
            if m:
                end = m.end()
                found.append(m.span())
        at = folded.find('"', end)
    return found


def _within(ranges: list[tuple[int, int]], at: int) -> bool:
    i = bisect_right(ranges, (at, math.inf)) - 1
    return i >= 0 and at < ranges[i][1]


_NEAR = 60  # characters between a quotation and the verb that attributes it


def _attributed_share(speeches: list[tuple[int, int]], sayings: list[int]) -> float:
    if not speeches:
        return math.nan

    def near(start: int, end: int) -> bool:
        after, before = bisect_left(sayings, end), bisect_left(sayings, start - _NEAR)
        return (after < len(sayings) and sayings[after] < end + _NEAR) or (
            before < len(sayings) and sayings[before] < start
        )

    return sum(near(*s) for s in speeches) / len(speeches)


_PRONOUNS = frozenset("I He She They It We You Who That This Which The And But One Some Many Others".split())


def _speaker(folded: str, verb: Match) -> str | None:
    """The capitalised word beside a verb of saying."""
    before = folded[max(0, verb.start - 24) : verb.start].rpartition("\n")[2].split()
    if before and before[-1][0].isupper() and before[-1] not in _PRONOUNS:
        return before[-1]
    after = folded[verb.end + 1 : verb.end + 24].partition("\n")[0].split()
    if after and after[0][0].isupper() and after[0] not in _PRONOUNS and not folded.startswith((".", "\n"), verb.end):
        return after[0].strip(".,;:\"'")
    return None


_SINGULAR = (" i ", " i'", " my ", " me ", " me.")
_PLURAL = (" we ", " we'", " our ")
_PERSONS = list(dict.fromkeys(needle[1:-1] for needle in (*_SINGULAR, *_PLURAL)))
_PERSON = Known(lambda word: _PERSONS.index(word) if word in _PERSONS else len(_PERSONS), np.int64)


def _first_person(article: Article, quoted: list[tuple[int, int]]) -> tuple[int, int]:
    """How often the writer says I and we, outside quotations."""
    counts = np.bincount(_PERSON.of(article.lexis, article.word_ids), minlength=len(_PERSONS)).tolist()
    spoken = {person for person, n in zip(_PERSONS, counts, strict=False) if n}
    if not spoken:
        return 0, 0
    lowered = article.lowered
    whole = f" {lowered} ".replace("\n", " ").replace('"', " ")
    theirs = " ".join(["", *(lowered[start + 1 : end - 1] for start, end in quoted), ""])

    def count(needles: tuple[str, ...]) -> int:
        found = [whole.count(needle) - theirs.count(needle) for needle in needles if needle[1:-1] in spoken]
        return max(0, sum(found))

    return count(_SINGULAR), count(_PLURAL)


Credit = tuple[int, int, str]

_BEFORE = ("per ", "via ", "according to ", "told ", "tells ", "reports ", "reported ", "h/t ", "source: ",
           "sources: ", "reported by ", "published by ", "published in ", "reporting by ", "report by ",
           "report from ", "interview with ", "citing ", "cited by ", "credit: ", "originally in ",
           "courtesy ", "courtesy of ")  # fmt: skip
_STRICT_BEFORE = ("per ", "via ", "h/t ", "source: ", "according to ")
_AFTER = (" reports", " reported", " report ", " says", " said", " writes", " wrote", " notes", " noted", " quotes",
          " quoted", " cites", " cited", " has learned", " adds", " added", " points out", " explains", " claims",
          " found that", " first reported", " revealed", " confirmed", "'s report", " story ",
          " article ", " spoke ")  # fmt: skip
_STRICT_AFTER = (" reports", " reported", " first reported")
_ENDS = ("", "\n")
_UNLISTED = re.compile(r"(?:the )?([A-Z][\w&'-]+(?:\.\w+)?(?: [A-Z][\w&'-]+){0,3})(?=[.,;:)\]](?:\s|$)|\n|$)")
_NO_OUTLET = frozenset(
    "article section rule chapter week month year day game capita person unit season title part figure table photo "
    "image image: photo: figure: see source note applause laughter cheers crosstalk inaudible music video audio "
    "translated fig thanks update edit".split()
)
_ACRONYM_CHARS = 5  # longer capitals are a transcript's: (APPLAUSE)
_PARENTHESIS = re.compile(r"\(([^()\n]{2,60})\)")
_SENTENCE_ENDS = (". ", "! ", "? ", '." ', '!" ', '?" ')
_NEXT_SENTENCE = re.compile(r"\n| [A-Z\"(]")
_TITLE = re.compile(r"[A-Z][\w.&'-]*(?:(?: (?:of|the|and|via|for|on|&|in)|,| /)* [A-Z][\w.&'-]*){0,5}$")


def _outlets(article: Article) -> tuple[list[Credit], list[Credit], list[Credit]]:
    """Datelines, credits and plain mentions of outlets: where, and the outlet's name."""
    folded, low, case = article.folded, article.lowered, article.has_case
    datelines: list[Credit] = []
    credits: list[Credit] = []
    mentions: list[Credit] = []
    for m in article.matches["outlets"]:
        start, end = m.start, m.end
        kind = m.entry.name
        if case and not folded[start + 4 * low.startswith("the ", start)].isupper():
            continue
        if kind != "named":
            # "the Times" alone is a listed name; "the Hexham Times" is one that no list has
            longer = _outlet_start(folded, low, start, case)
            if longer >= 0:
                start = longer
            elif kind == "generic":
                continue
        name = low[start:end].removeprefix("the ")
        before = low[max(0, start - 24) : start].removesuffix("the ")
        after = low[end : end + 16]
        found = (start, end, name)
        if before.endswith("(") and after.startswith((") —", ")—", ") -")):
            datelines.append(found)
        elif kind == "named" or case:
            if _credited(before, after):
                credits.append(found)
            elif kind == "named":
                mentions.append(found)
        elif before.endswith(_STRICT_BEFORE) or after.startswith(_STRICT_AFTER):
            credits.append(found)
    if case:
        known = {end for _, end, _ in (*datelines, *credits, *mentions)}
        credits += [
            c
            for c in (*_after_per(folded, low), *_parenthetical(folded))
            if known.isdisjoint(range(c[0] + 1, c[1] + 1))
        ]
    return datelines, sorted(credits), mentions


def _credited(before: str, after: str) -> bool:
    if before.endswith(_BEFORE) or after.startswith(_AFTER):
        return True
    if before.endswith(("(", "[")) and after.startswith((")", "]", ",", "/", " via", ";", " —")):
        return True
    # the last thing on a line, after a mark: "Headline — Reuters"
    return before.endswith(("— ", "| ", "- ", "• ", "· ")) and after[:1] in _ENDS


def _outlet_start(folded: str, low: str, at: int, case: bool) -> int:
    """Where the name that ends in a generic word ("Times") begins; -1 where there is none."""
    before = folded[max(0, at - 40) : at].rpartition("\n")[2].split(" ")[:-1]
    if not before or not before[-1] or (case and not before[-1][0].isupper()):
        return -1
    if before[-1].lower() in _NOT_A_PLACE or not before[-1][0].isalpha():
        return -1
    start = at - len(before[-1]) - 1
    if len(before) > 1 and case and before[-2][:1].isupper() and before[-2].lower() not in _NOT_A_PLACE:
        start -= len(before[-2]) + 1
    return start


_NOT_A_PLACE = frozenset(
    "the in a an this that at on of and or for by with to from as good bad breaking fake latest more read top our "
    "your my his her their new old hard big great local world national other some all any no same last next first "
    "these those many several per via".split()
)


def _after_per(folded: str, low: str) -> Iterator[Credit]:
    """Names that no list has, after "per"."""
    at = low.find(" per ")
    while at >= 0:
        m = _UNLISTED.match(folded, at + 5)
        if m and not m[1].isupper() and m[1].partition(" ")[0].lower() not in _NO_OUTLET:
            yield m.start(1), m.end(1), m[1].lower()
        at = low.find(" per ", at + 1)


def _parenthetical(folded: str) -> Iterator[Credit]:
    """Names in parentheses after a sentence's end: "... on Friday. (The Courant)"."""
    for m in _PARENTHESIS.finditer(folded):
        start, end = m.span()
        after_sentence = folded[start - 1 : start] == " " and folded.endswith(_SENTENCE_ENDS, 0, start)
        if after_sentence and _names_outlet(m[1]) and (end == len(folded) or _NEXT_SENTENCE.match(folded, end)):
            yield start + 1, end - 1, m[1].lower()


def _names_outlet(inside: str) -> bool:
    if not _TITLE.match(inside) or inside.endswith(".") or (len(inside) > _ACRONYM_CHARS and inside.isupper()):
        return False
    return inside.partition(" ")[0].lower() not in _NO_OUTLET
