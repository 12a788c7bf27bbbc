"""Verdict: what is said of one article, with its evidence; and decide(): probabilities -> label or abstention."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, Protocol

SCHEMA = 1
Label = Literal["original", "rewritten", "aggregated"]
Status = Literal["ok", "abstained"]
Reason = Literal["too_short", "unsupported_language", "low_confidence"]

Relation = Literal["verbatim", "near_verbatim", "rephrased"]
Derivation = Literal["derived_from_one", "derived_from_several", "independent"]
Untraced = Literal["too_short", "other_language", "low_confidence"]

LABELS: tuple[Label, ...] = ("original", "rewritten", "aggregated")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A quotation of the article as given: text[start:end] in code points, and the signal that found it."""

    signal: str
    start: int
    end: int
    text: str
    note: str


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature added to each head's uncalibrated score (log-odds).

    `value` is the feature as measured; None for a block of n-grams, and where the measure is undefined.
    """

    feature: str
    value: float | None
    origin: Mapping[str, float]
    ai: float

    @property
    def weight(self) -> float:
        """The largest move it made in any head; contributions are ranked by it."""
        return max(abs(self.ai), *(abs(v) for v in self.origin.values()))


@dataclass(frozen=True, slots=True)
class Score:
    """Log-odds by head, before calibration."""

    origin: Mapping[str, float]
    ai: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """What the wording of text[start:end] added to each head's uncalibrated score (log-odds)."""

    start: int
    end: int
    origin: Mapping[str, float]
    ai: float


@dataclass(frozen=True, slots=True)
class Word:
    """What the `n` occurrences of a token, in lower case, added to each head's uncalibrated score (log-odds)."""

    text: str
    n: int
    origin: Mapping[str, float]
    ai: float


class Wording(Protocol):
    """What the blocks of n-grams added, by sentence and by word; worked out when looked at, for most never look."""

    @property
    def sentences(self) -> tuple[Sentence, ...]: ...
    @property
    def words(self) -> tuple[Word, ...]: ...


@dataclass(frozen=True, slots=True)
class Match:
    """A sentence of the article, article[start:end], and the passage of a source that it was found in.

    `text` and `source_text` are those spans, `similarity` is 0..1, `shared` holds the names, numbers and quotations
    that both have.
    """

    start: int
    end: int
    source_start: int
    source_end: int
    text: str
    source_text: str
    similarity: float
    relation: Relation
    shared: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__} | {"shared": list(self.shared)}


@dataclass(frozen=True, slots=True)
class Source:
    """A source that the article shares sentences with.

    `share` is the part of the article's words in sentences that this source accounts for better than the others do;
    `relation` is that of most of them. `same_article` says that the source is the article itself, or a copy of it:
    that says nothing of how the article was made.
    """

    id: str
    share: float
    relation: Relation
    same_article: bool
    matches: tuple[Match, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "share": self.share,
            "relation": self.relation,
            "same_article": self.same_article,
            "matches": [m.to_dict() for m in self.matches],
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """Which of the candidate sources an article was made from: sources by share, and what they say together.

    `derivation` is None where it cannot be told; `abstained_because` then says why.
    """

    sources: tuple[Source, ...]
    derivation: Derivation | None
    abstained_because: Untraced | None

    def to_dict(self) -> dict[str, Any]:
        """The wire format's fields on sources (docs/wire-schema.md)."""
        return {
            "derivation": self.derivation,
            "derivation_abstained_because": self.abstained_because,
            "sources": [s.to_dict() for s in self.sources],
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """One article's scores, label or abstention, and what they rest on. Immutable.

    `probabilities` sum to 1 over LABELS; they and `ai_probability` are None where nothing could be computed (an
    abstention for `too_short` or `unsupported_language` may still carry them, as a number without a promise).
    `contributions` holds every feature, strongest first; with `intercept` they add up to `score`, from which the
    probabilities are calibrated. Both are None where nothing could be computed. Where sources were given, `trace` says
    what was found in them, `label` merges that with the style, and `style_label` is what the style alone says (None: it
    abstains); probabilities are always the style's.
    """

    status: Status
    abstained_because: Reason | None
    label: Label | None
    probabilities: Mapping[str, float] | None
    ai_probability: float | None
    evidence: tuple[Evidence, ...]
    contributions: Sequence[Contribution]
    n_words: int
    language: str | None
    model: str
    id: str | None = None
    intercept: Score | None = None
    score: Score | None = None
    wording: Wording | None = field(default=None, compare=False, repr=False)
    trace: Trace | None = None
    style_label: Label | None = None

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """What each sentence's wording added, in the order of the text; together what the `wording` blocks did."""
        return self.wording.sentences if self.wording else ()

    @property
    def words(self) -> tuple[Word, ...]:
        """What each word added, strongest first: the sentences' parts by another way, but for rounding."""
        return self.wording.words if self.wording else ()

    @property
    def sources(self) -> tuple[Source, ...] | None:
        """The sources found, by share; None where none were given."""
        return None if self.trace is None else self.trace.sources

    @property
    def derivation(self) -> Derivation | None:
        """What the sources found say together; None where none were given, or it cannot be told."""
        return None if self.trace is None else self.trace.derivation

    def to_dict(self, contributions: int | None = 8, sentences: bool = False) -> dict[str, Any]:
        """The wire format (docs/wire-schema.md).

        It holds the strongest `contributions`, or all of them for None, and `sentences` only if asked for.
        """
        row: dict[str, Any] = {
            "schema": SCHEMA,
            "id": self.id,
            "status": self.status,
            "abstained_because": self.abstained_because,
            "label": self.label,
            "probabilities": None if self.probabilities is None else dict(self.probabilities),
            "ai_probability": self.ai_probability,
            "evidence": [
                {"signal": e.signal, "start": e.start, "end": e.end, "text": e.text, "note": e.note}
                for e in self.evidence
            ],
            "contributions": [
                {"feature": c.feature, "value": c.value, "origin": dict(c.origin), "ai": c.ai}
                for c in self.contributions[:contributions]
            ],
            "intercept": _score_to_dict(self.intercept),
            "score": _score_to_dict(self.score),
            "n_words": self.n_words,
            "language": self.language,
            "model": self.model,
        }
        if sentences:
            row["sentences"] = [
                {"start": s.start, "end": s.end, "origin": dict(s.origin), "ai": s.ai} for s in self.sentences
            ]
        return row if self.trace is None else row | {"style_label": self.style_label} | self.trace.to_dict()


def _score_to_dict(score: Score | None) -> dict[str, Any] | None:
    return None if score is None else {"origin": dict(score.origin), "ai": score.ai}


def decide(probabilities: Mapping[str, float], thresholds: Mapping[str, float]) -> Label | None:
    """The likeliest label, if it clears its threshold; None is an abstention.

    `original` must be probable enough itself. The other two accuse, so they must clear a bar set on what they say
    together against `original` (1 - its probability): which of the two it is then does no writer a wrong.
    """
    best: Label = max(LABELS, key=lambda label: probabilities[label])
    certainty = probabilities[best] if best == "original" else 1 - probabilities["original"]
    return best if certainty >= thresholds[best] else None


def error_to_dict(id: str, code: str, message: str) -> dict[str, Any]:
    """The wire format of an input that could not be scored."""
    return {"schema": SCHEMA, "id": id, "error": {"code": code, "message": message}}


class Frozen(dict[str, float]):
    """A mapping that cannot be changed; unlike a mappingproxy it can be pickled, copied, hashed and put into JSON."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a verdict cannot be changed: copy it with dict()")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type[Frozen], tuple[dict[str, float]]]:
        return Frozen, (dict(self),)


# Half of a surrogate pair has no UTF-8; the other three are line ends to many readers, and a row is one line.
_ESCAPED = re.compile("[\ud800-\udfff\u0085\u2028\u2029]")


def to_json(value: Any) -> str:
    """`value` as one line of JSON that encodes to UTF-8, whatever text it quotes."""
    written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return written if written.isascii() else _ESCAPED.sub(lambda m: f"\\u{ord(m[0]):04x}", written)
