"""Disclaimers: what a text says about its own making: AI disclosures, a chatbot's talk, left-over placeholders.

Source: disclosure wordings of publishers and feeds since 2023, and assistants' refusals and preambles. A disclosure is
put together within one sentence from who (a model), how (made by) and what (this text); one that is quoted, reported,
negated, hypothetical or about something else is a mention. Proof when present, never a score: few machine-written
articles disclose themselves.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable
from itertools import groupby

from detector.article import Article, Range
from detector.lexicon import Match
from detector.signals.reading import Feature, Reading, Span

_LOG = "log(1 + number)"
FEATURES = (
    Feature("self_disclosures_log", _LOG, "high: says itself that a machine made it"),
    Feature("chatbot_phrases_log", _LOG, "high: an assistant's talk was left in"),
    Feature("placeholders_log", _LOG, "high: a template was left unfilled"),
    Feature("disclosure_mentions_log", _LOG, "high: is about machine-made texts"),
)

_FILLER = frozenset(
    "a an the of by with using and or from our its their my advanced autonomous custom large local generative modern "
    "latest powerful automated help assistance aid support use power assisted tools tool technology based "
    "process own agent written in part entirely some open-source multiple various fully new anthropic's google's "
    "openai's meta's microsoft's state-of-the-art automatically".split()
)
# A person, firm or trade that "AI" only qualifies: "written by AI researcher ...".
_PERSON = re.compile(
    r"[ -](?:researcher|reporter|editor|engineer|expert|correspondent|compan|start-?up|team|scientist|lab|labs|writer|"
    r"author|ethicist|enthusiast|developer|specialist|consultant|entrepreneur|executive|firm|policy|community|industry|"
    r"skeptic|critic|leader|pioneer|safety|ethics|investor|professor|student|strateg|artist|founder|person|guy|nerd|fan|"
    r"professional|practitioner|lawyer|advocate|evangelist|journalist|analyst)"
)
_ELSE = re.compile(
    r"\b(?:said|says|say|told|tells|claim(?:s|ed)?|accus\w+|suspect\w*|alleg\w+|according to|study|survey|poll|found|"
    r"if|whether|should|must|would|could|might|can|will|may|always|never|not|no|without|every|each|any|many|more than|"
    r"nearly|half|cannot|policy|policies|require[sd]?|whenever|when|until|was it|imagine|suppose|percent|per cent|"
    r"add|create|remember|replace|make sure|avoid|rewrite|detect\w*)\b|n't\b|%"
)
_MEDIUM = re.compile(
    r"\b(?:image|images|photo|photos|picture|illustration|illustrations|artwork|art|video|audio|cover|thumbnail|logo|"
    r"voice|song|music|graphic|code|icon|avatar|banner|disclaimer)\b"
)
_FIRST_NAMES = ("claude", "gemini", "mistral")
_THIS_IS = ("this is", "this was", "this has been")
_VAGUE = (
    "enhanced",
    "refined",
    "developed",
    "done",
    "made",
    "published",
    "automated",
    "curated",
    "assembled",
    "assisted",
)


def measure(article: Article) -> Reading:
    """How often the text discloses its making; spans are its own disclosures, mentions those of or about others."""
    if not article.n_words:
        return Reading({f.name: math.nan for f in FEATURES})
    counts = {f.name: 0 for f in FEATURES}
    spans: list[Span] = []
    mentions: list[Span] = []
    for sentence, cues in _by_sentence(article):
        for match in cues:
            name = match.entry.name
            if name == "placeholder":
                if (end := _bracketed(article.folded, match)) is not None:
                    own = not _quoted(article, sentence, match.start)
                    counts["placeholders_log"] += own
                    (spans if own else mentions).append(Span(match.start - 1, end, match.entry.note))
            elif name in ("chatbot", "first_person"):
                if name == "first_person" and _PERSON.match(article.lowered, match.end):
                    continue
                own = not _quoted(article, sentence, match.start)
                counts["chatbot_phrases_log" if own else "disclosure_mentions_log"] += 1
                (spans if own else mentions).append(Span(match.start, match.end, match.entry.note))
        claim = _claim(article, sentence, cues)
        if claim is not None:
            span, own = claim
            counts["self_disclosures_log" if own else "disclosure_mentions_log"] += 1
            (spans if own else mentions).append(span)
    values = {name: math.log1p(n) for name, n in counts.items()}
    return Reading(values, sorted(spans), sorted(mentions))


def _by_sentence(article: Article) -> Iterable[tuple[Range, list[Match]]]:
    matches = article.matches["disclaimers"]
    if not any(m.entry.name not in ("model", "own", "label", "made") for m in matches) and not (
        {"model", "made"} <= {m.entry.name for m in matches}
    ):
        return
    starts = [s.start for s in article.sentences]
    for i, found in groupby(matches, key=lambda m: bisect_right(starts, m.start) - 1):
        yield article.sentences[i], list(found)


def _claim(article: Article, sentence: Range, cues: list[Match]) -> tuple[Span, bool] | None:
    """The sentence's claim that a machine made something, and whether it is made of this very text."""
    low = article.lowered
    kinds = {c.entry.name for c in cues}
    whole = next((c for c in cues if c.entry.name == "disclosure"), None)
    claim = _making(article, cues)
    if whole is None and claim is None:
        return None
    start, end, note = claim or (whole.start, whole.end, whole.entry.note)  # type: ignore[union-attr]
    own = [c for c in cues if c.entry.name == "own"]
    label = next((c for c in cues if c.entry.name == "label"), None)
    head = low[label.end if label and label.end <= start else sentence.start : start]
    line = article.lines[bisect_right([r.start for r in article.lines], sentence.start) - 1]
    subject = next((c for c in own if c.end <= start <= c.end + 80 and low[c.start - 3 : c.start] != "in "), None)
    object_ = next((c for c in own if c.start >= end - 1 and c.start - end <= 40), None)
    if subject is not None:
        start = subject.start
    elif object_ is not None:
        end = object_.end
    review = [c for c in cues if c.entry.name == "review"]
    end = max([end, *(c.end for c in review)])
    span = Span(start, end, note)
    if _quoted(article, sentence, start) or low[sentence.end - 1] == "?" or _ELSE.search(head):
        return span, False
    if subject is not None and _MEDIUM.search(head):
        return span, False
    if subject is not None and _ELSE.search(low, subject.end, max(subject.end, (claim or (start,))[0])):
        return span, False
    if subject is not None or whole is not None or (object_ is not None and kinds & {"model_used", "label"}):
        return span, True
    if object_ is not None:
        return span, low[start:end].startswith(
            ("ai wrote", "an ai wrote", "chatgpt wrote", "claude wrote", "perplexity wrote")
        )
    if head.strip(" *_([") in _THIS_IS and low[end : end + 4] in ("", ".", " and", " tex", " con"):
        return span, True
    if "made_from" in kinds and not kinds & {"model", "model_made", "model_used"}:
        return span, False
    return span, _stands_alone(article, line, sentence, start, kinds)


def _making(article: Article, cues: list[Match]) -> tuple[int, int, str] | None:
    """Where a sentence says that a machine made something, and the note for it."""
    low = article.lowered
    for made in cues:
        if made.entry.name != "made":
            continue
        for m in cues:
            if m.entry.name not in ("model", "model_made") or not 0 <= m.start - made.end <= 60:
                continue
            gap = low[made.end : m.start].replace(",", " ,").replace("(", " ").split()
            named = len(gap) >= 3 and gap[1] in (",", "is") and gap[2] in ("a", "an", "our")  # "by Nova, an AI"
            if all(w in _FILLER for w in (gap[3:] if named else gap)) and not _names_someone(article, m):
                return made.start, m.end, "says that a language model made it"
    for c in cues:
        if c.entry.name in ("model_made", "model_used", "made_from") and not _names_someone(article, c):
            return c.start, c.end, c.entry.note
    return None


def _names_someone(article: Article, m: Match) -> bool:
    """Whether the model's name qualifies or is a person's: "AI researcher", "Claude Dupont"."""
    if _PERSON.match(article.lowered, m.end):
        return True
    after = article.folded[m.end : m.end + 3]
    return article.lowered.endswith(_FIRST_NAMES, m.start, m.end) and after[:1] == " " and after[1:].istitle()


def _stands_alone(article: Article, line: Range, sentence: Range, start: int, kinds: set[str]) -> bool:
    """Whether a claim without a subject is a note about the text: a line of its own near its start or end."""
    low = article.lowered
    if low.startswith(_VAGUE, start):
        return False
    if "label" in kinds:
        return True
    lead = re.sub(r"[^a-z ]", "", low[line.start : start]).split()
    if len(lead) > 2 or line.end - line.start > 240:
        return False
    bracketed = low[line.start] in "[(*_"
    place = article.lines.index(line)
    n_words = low.count(" ", line.start, line.end) + 1
    near_end = len(article.lines) - place <= 5
    if low.startswith(("ai-", "ai "), start):  # a headline, or a remark on such texts, starts like this too
        return bracketed and n_words <= 25
    return bracketed or (near_end and (place > 0 or len(article.lines) == 1)) or n_words <= 6


def _quoted(article: Article, sentence: Range, at: int) -> bool:
    """Whether the place is inside a quotation that opens and closes on its line."""
    low = article.lowered
    line_start = low.rfind("\n", max(0, at - 2000), at) + 1
    line_start = max(line_start, at - 2000, 0)
    before = low.count('"', line_start, at)
    if before % 2:
        return True
    single = low.rfind(" '", max(sentence.start - 1, at - 200, 0), at)
    return single >= 0 and low.find("' ", at, at + 400) >= 0


def _bracketed(folded: str, match: Match) -> int | None:
    """Where the square bracket around a placeholder closes; None for code, links and footnotes."""
    if match.start < 1 or folded[match.start - 1] != "[" or folded[max(0, match.start - 2) : match.start - 1].isalnum():
        return None
    end = folded.find("]", match.end, match.end + 60) + 1
    return end if end and folded[end : end + 1] not in ("(", "[", ":") else None
