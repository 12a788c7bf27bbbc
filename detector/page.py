"""Page: articles and their verdicts as one HTML file that needs nothing else, for a reader with a browser.

All markup stands in assets/page.html, which escapes whatever it is given; no text of an article is ever markup here.
A content-security policy in the file allows its own script and style, by their digests, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from detector import report
from detector.article import Article
from detector.errors import UsageError
from detector.features import MENTION
from detector.signals import SIGNALS, family
from detector.sources import Failure
from detector.verdict import LABELS, Contribution, Evidence, Score, Sentence, Verdict, Word

if TYPE_CHECKING:
    from jinja2 import Template

MAX_ARTICLES = 5_000  # more make a file that no browser opens at ease
MAX_SHOWN = 60_000  # characters of an article
MAX_PASSAGES = 150  # of an article, in the list beside it
MAX_SOURCES, MAX_MATCHES = 12, 100  # of an article, and of a source
N_CONTRIBUTIONS = 12
ABSTAINED, FAILED = "abstained", "failed"

MEANING = {
    "original": "reporting, opinion or experience of its own",
    "rewritten": "one story told again, without reporting of its own",
    "aggregated": "put together from several stories or sources",
}
DERIVATION = {
    "derived_from_one": "Made from one of the sources given.",
    "derived_from_several": "Made from several of the sources given.",
    "independent": "Nothing in the sources given accounts for this article.",
}
UNTRACED = {
    "too_short": "it is too short",
    "other_language": "it is in another language than the sources",
    "low_confidence": "what they share is not enough to say so",
}
ABOUT = {  # what a reader is told of each family, beside its name
    "disclaimers": "the text speaks of its own making",
    "residue": "page furniture left in the text",
    "structure": "how it is put together",
    "issue": "speaks of itself as an issue",
    "stock_phrases": "ready-made phrasing",
    "attribution": "whom it credits",
    "hedging": "how sure it says it is",
    MENTION: "shown, never counted",
}


class Piece(NamedTuple):
    """A stretch of text that the same passages cover.

    `family` is that of the shortest of them, `note` is theirs together, `ends` the numbers of those that end with it.
    """

    text: str
    family: str | None
    note: str
    ends: Sequence[int]


class Block(NamedTuple):
    """A sentence in its pieces, the blanks after it, and what its wording added for a language model.

    `heat` is that in steps of -3..3, 0 where it is not known.
    """

    pieces: Sequence[Piece]
    after: str
    heat: int
    ai: float | None


class Bar(NamedTuple):
    """A row of the table of contributions, with its moves in log-odds: for a language model, and for the label."""

    name: str
    about: str
    value: float | None
    ai: float
    label: float


@dataclass(frozen=True)
class Entry:
    """What the page shows of one article; every text in it is as given, for the template to escape."""

    number: int
    given: Article | Failure
    outcome: Verdict | Failure

    @property
    def id(self) -> str:
        return _visible(self.outcome.id or f"article {self.number}")

    @property
    def failure(self) -> Failure | None:
        return self.outcome if isinstance(self.outcome, Failure) else None

    @property
    def verdict(self) -> Verdict | None:
        return None if isinstance(self.outcome, Failure) else self.outcome

    @property
    def kind(self) -> str:
        """The label, or why there is none."""
        return kind_of(self.outcome)

    @cached_property
    def title(self) -> str:
        """The first line that is long enough to tell what the article is about."""
        if not isinstance(self.given, Article):
            return self.id
        lines = [line for line in self.given.text[:MAX_SHOWN].splitlines() if line.strip()]
        telling = next((line for line in lines[:8] if len(line.split()) >= 4), lines[0] if lines else self.id)
        telling = report.printable(telling[:1000])
        return telling if len(telling) <= 110 else f"{telling[:109].rpartition(' ')[0] or telling[:109]} …"

    @cached_property
    def row(self) -> dict[str, Any]:
        """The verdict in the wire format; its sources are read from here."""
        return self.verdict.to_dict(0) if self.verdict else {}

    @property
    def leading(self) -> str | None:
        return report.leading(self.verdict) if self.verdict else None

    @property
    def passages(self) -> list[tuple[int, Evidence]]:
        """The numbered passages that the list shows."""
        return list(enumerate(self.verdict.evidence, 1))[:MAX_PASSAGES] if self.verdict else []

    @property
    def families(self) -> dict[str, int]:
        """How many passages each family has here."""
        return dict(Counter(e.signal for e in self.verdict.evidence)) if self.verdict else {}

    @cached_property
    def shown(self) -> int:
        """How many characters of the text are shown."""
        return min(len(self.given.text), MAX_SHOWN) if isinstance(self.given, Article) else 0

    @property
    def hidden(self) -> int:
        """How many characters are not."""
        return len(self.given.text) - self.shown if isinstance(self.given, Article) else 0

    def paragraphs(self) -> Iterator[list[Block]]:
        """The text in paragraphs of sentences. A line break inside a sentence is a wrap, one between two is none."""
        if not isinstance(self.given, Article) or not self.verdict:
            return
        text = self.given.text
        unknown = [None] * len(self.given.sentences)
        heat: Sequence[float | None] = report.heat(self.verdict) or unknown
        weights: Sequence[Sentence | None] = self.verdict.sentences or unknown
        paragraph: list[Block] = []
        open_passages = deque(enumerate(self.verdict.evidence, 1))
        current: list[tuple[int, Evidence]] = []
        places = [self.given.span(*sentence) for sentence in self.given.sentences]
        nexts = [*(start for start, _ in places[1:]), len(text)]
        for (start, end), after, strength, weight in zip(places, nexts, heat, weights, strict=True):
            if start >= self.shown:
                break
            end, after = min(end, self.shown), min(after, self.shown)
            while open_passages and open_passages[0][1].start < end:
                current.append(open_passages.popleft())
            current = [(n, e) for n, e in current if e.end > start]
            step = 0 if strength is None else round(3 * strength)
            pieces = _cut(text, start, end, current)
            paragraph.append(Block(pieces, _visible(text[end:after]), step, None if weight is None else weight.ai))
            if _BREAK.search(text, end, after):
                yield paragraph
                paragraph = []
        if paragraph:
            yield paragraph

    @cached_property
    def bars(self) -> list[Bar]:
        """The strongest contributions, the others together, and the model's intercept."""
        verdict, label = self.verdict, self.leading
        if verdict is None or label is None or verdict.intercept is None:
            return []
        ranked = sorted(verdict.contributions, key=lambda c: -max(abs(c.ai), abs(c.origin[label])))
        strongest, others = ranked[:N_CONTRIBUTIONS], ranked[N_CONTRIBUTIONS:]
        rows = [Bar(*_name(c), c.value, c.ai, c.origin[label]) for c in strongest]
        if others:
            ai, of_label = sum(c.ai for c in others), sum(c.origin[label] for c in others)
            rows.append(Bar(f"{len(others):,} other measures", "all that moved it less", None, ai, of_label))
        rows.append(Bar("starting point", "the model's intercept", None, *_two(verdict.intercept, label)))
        return rows

    @property
    def score(self) -> Bar | None:
        """What the bars add up to."""
        verdict, label = self.verdict, self.leading
        if verdict is None or label is None or verdict.score is None:
            return None
        return Bar("score before calibration", "what all of it adds up to", None, *_two(verdict.score, label))

    @property
    def most(self) -> float:
        """The largest move of any bar: what a full bar stands for."""
        return max((abs(x) for b in self.bars for x in (b.ai, b.label)), default=1.0) or 1.0

    @property
    def words(self) -> tuple[list[Word], list[Word]]:
        """Words that spoke most for a language model, and most against."""
        return report.telling_words(self.verdict) if self.verdict else ([], [])

    @property
    def sentences(self) -> tuple[list[Sentence], list[Sentence]]:
        """The sentences that read most like a language model, and least."""
        ranked = sorted(self.verdict.sentences, key=lambda s: -s.ai) if self.verdict else []
        return [s for s in ranked[:3] if s.ai > 0], [s for s in ranked[:-4:-1] if s.ai < 0]

    def quote(self, span: Evidence | Sentence, width: int = 160) -> str:
        """The text of a span on one line, shortened in its middle."""
        assert isinstance(self.given, Article), "only an article has spans"
        return report.shorten(self.given.text[span.start : span.end], width)


def kind_of(outcome: Verdict | Failure) -> str:
    """An outcome's label, ABSTAINED or FAILED."""
    return FAILED if isinstance(outcome, Failure) else outcome.label or ABSTAINED


def write(outcomes: Iterable[tuple[Article | Failure, Verdict | Failure]], sink: BinaryIO) -> None:
    """Writes the page of these articles and their outcomes to `sink`, as UTF-8; the same bytes for the same verdicts.

    Raises UsageError for more than MAX_ARTICLES.
    """
    kept: deque[tuple[Article | Failure, Verdict | Failure]] = deque()
    for pair in outcomes:
        if len(kept) == MAX_ARTICLES:
            raise UsageError(f"more than {MAX_ARTICLES:,} articles: a page holds no more, so choose fewer")
        kept.append(pair)
    counts = Counter(kind_of(outcome) for _, outcome in kept)
    models = sorted({outcome.model for _, outcome in kept if isinstance(outcome, Verdict)})
    template, script, style = _assets()
    chunks = template.generate(
        n=len(kept),
        entries=_consume(kept),
        kinds={kind: counts[kind] for kind in (*LABELS, ABSTAINED, FAILED) if counts[kind]},
        models=models,
        script=script,
        style=style,
        script_digest=_digest(script),
        style_digest=_digest(style),
        labels=LABELS,
        meaning=MEANING,
        about=ABOUT,
        reasons=report.REASONS,
        derivation=DERIVATION,
        untraced=UNTRACED,
        mention=MENTION,
        max_sources=MAX_SOURCES,
        max_matches=MAX_MATCHES,
    )
    for chunk in chunks:
        sink.write(chunk.encode("utf-8"))


@cache
def _assets() -> tuple[Template, str, str]:
    """The page's template, script and style."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("detector", "assets"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
    environment.filters |= {"visible": _visible, "percent": report.percent, "spoken": report.spoken, "tie": _tie}
    folder = resources.files("detector").joinpath("assets")
    script, style = (folder.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("js", "css"))
    return environment.get_template("page.html"), script, style


def _consume(kept: deque[tuple[Article | Failure, Verdict | Failure]]) -> Iterator[Entry]:
    """An entry at a time, so that what was worked out for one is let go before the next."""
    number = 0
    while kept:
        number += 1
        yield Entry(number, *kept.popleft())


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii")


_BREAK = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# Joiners make emoji and scripts; a soft hyphen shows itself only where it breaks a line.
_HARMLESS = "\u200c\u200d\u00ad"


def _visible(text: str) -> str:
    """`text`, a character for a character, with what a browser would obey or hide (controls, overrides of the
    direction, halves of surrogate pairs) as U+FFFD."""
    return "".join(
        c if c.isprintable() or c in _HARMLESS else "\n" if _BREAK.match(c) else " " if c.isspace() else "\ufffd"
        for c in text
    )


def _cut(text: str, start: int, end: int, passages: Sequence[tuple[int, Evidence]]) -> list[Piece]:
    """text[start:end] cut wherever one of these passages starts or ends."""
    edges = {start, end, *(min(max(place, start), end) for _, e in passages for place in (e.start, e.end))}
    pieces = []
    waiting, covering = deque(passages), list[tuple[int, Evidence]]()
    for a, b in pairwise(sorted(edges)):
        while waiting and waiting[0][1].start <= a:
            covering.append(waiting.popleft())
        covering = [(n, e) for n, e in covering if e.end > a]
        shortest = min(covering, key=lambda p: p[1].end - p[1].start, default=None)
        pieces.append(
            Piece(
                _visible(text[a:b]),
                shortest[1].signal if shortest else None,
                "; ".join(dict.fromkeys(f"{_words(e.signal)}: {e.note}" for _, e in covering)),
                [n for n, e in covering if e.end == b and n <= MAX_PASSAGES],
            )
        )
    return pieces


def _tie(text: str, shared: Sequence[str]) -> list[tuple[str, bool]]:
    """`text` in pieces, each with whether it is one of the names, numbers and quotations `shared`."""
    if not any(shared):
        return [(_visible(text), False)]
    pattern = "|".join(re.escape(s) for s in sorted(filter(None, shared), key=len, reverse=True))
    parts = re.split(f"({pattern})", text, flags=re.IGNORECASE)
    return [(_visible(part), i % 2 == 1) for i, part in enumerate(parts) if part]


def _words(name: str) -> str:
    return name.replace("_", " ")


_FEATURES = {f"{family(s)}.{f.name}": f"{f.unit}; {f.direction}" for s in SIGNALS for f in s.FEATURES}


def _name(c: Contribution) -> tuple[str, str]:
    """A feature's name for a reader, and what it measures."""
    group, _, name = c.feature.partition(".")
    if c.feature in _FEATURES:
        return _words(name), f"{_words(group)}: {_FEATURES[c.feature]}"
    return f"{_words(group)}: {_words(name)}", "n-grams; the colours in the text show where"


def _two(score: Score, label: str) -> tuple[float, float]:
    return score.ai, score.origin[label]
