"""What is told: a row of JSON, a line of a table, an article explained; always the same bytes for the same verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from detector.article import Article
from detector.features import MENTION
from detector.signals import SIGNALS
from detector.signals import family as family_of
from detector.sources import Failure
from detector.verdict import LABELS, Contribution, Evidence, Verdict

if TYPE_CHECKING:
    from detector.batch import Tally
    from detector.model import StoredModel

REASONS = {
    "too_short": "too short to judge",
    "unsupported_language": "not in a language that the model knows",
    "low_confidence": "no label is probable enough",
}

# Half of a surrogate pair has no UTF-8; the other three are line ends to many readers, and a row is one line.
_ESCAPED = re.compile("[\ud800-\udfff\u0085\u2028\u2029]")


def to_json(value: Any) -> str:
    """`value` as one line of JSON that encodes to UTF-8, whatever text it quotes."""
    written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return written if written.isascii() else _ESCAPED.sub(lambda m: f"\\u{ord(m[0]):04x}", written)


def to_row(outcome: Verdict | Failure, contributions: int | None) -> str:
    """An outcome in the wire format, as one line of JSON without its newline."""
    return to_json(outcome.to_dict(contributions) if isinstance(outcome, Verdict) else outcome.to_dict())


def percent(probability: float | None) -> str:
    """A probability for a reader; never a certainty."""
    if probability is None:
        return "-"
    return "<1%" if probability < 0.01 else ">99%" if probability > 0.99 else f"{probability:.0%}"


def printable(text: str) -> str:
    """`text` on one line, with nothing in it that a terminal would obey."""
    return "".join(c if c.isprintable() or c in _JOINERS else "\ufffd" for c in " ".join(text.split()))


_JOINERS = "\u200c\u200d"  # emoji and several scripts are written with them


def _shorten(text: str, width: int) -> str:
    text = printable(text[:4000])
    return text if len(text) <= width else f"{text[: width * 2 // 3]} … {text[-(width // 3) :]}"


def render(outcomes: Iterable[Verdict | Failure], form: str, contributions: int | None) -> Iterator[str]:
    """The lines that show many outcomes, as they come: a table (`text`), a JSON list (`json`), or `jsonl`."""
    if form == "text":
        yield _cells("label", LABELS, "AI", "status", "article")
        for outcome in outcomes:
            yield from _table_lines(outcome)
    elif form == "jsonl":
        for outcome in outcomes:
            yield to_row(outcome, contributions)
    else:
        row = None
        yield "["
        for outcome in outcomes:
            if row is not None:
                yield row + ","
            row = to_row(outcome, contributions)
        yield from [] if row is None else [row]
        yield "]"


def _cells(label: str, origin: Sequence[str], ai: str, status: str, article: str) -> str:
    return f"{label:<11}" + "".join(f"{x:>11}" for x in origin) + f"{ai:>6}  {status:<21}{article}"


def _table_lines(outcome: Verdict | Failure) -> Iterator[str]:
    """One line for an outcome, then its strongest quotations."""
    article = printable(outcome.id or "")
    if isinstance(outcome, Failure):
        yield _cells("-", ["-"] * len(LABELS), "-", f"error: {outcome.code}", article)
        return
    p = outcome.probabilities or {}
    status = outcome.abstained_because or outcome.status
    yield _cells(
        outcome.label or "-", [percent(p.get(x)) for x in LABELS], percent(outcome.ai_probability), status, article
    )
    for e in strongest(outcome):
        yield f"    {e.signal:<14}“{_shorten(e.text, 72)}”  {e.note}"


def strongest(verdict: Verdict, n: int = 3) -> list[Evidence]:
    """The first quotation of each of the `n` families whose features spoke most for what the verdict says."""
    first: dict[str, Evidence] = {}
    for e in verdict.evidence:
        if e.signal != MENTION:
            first.setdefault(e.signal, e)
    spoke = dict.fromkeys(first, 0.0)
    for c in verdict.contributions:
        family = c.feature.partition(".")[0]
        if family in spoke:
            spoke[family] = max(spoke[family], _support(c, verdict))
    # A disclosure proves what the others only suggest.
    return sorted(first.values(), key=lambda e: (e.signal != "disclaimers", -spoke[e.signal], e.start))[:n]


def _support(contribution: Contribution, verdict: Verdict) -> float:
    p = verdict.probabilities or {}
    leading = max(p, key=p.__getitem__) if p else None
    machine = verdict.ai_probability is not None and verdict.ai_probability >= 0.5
    return max(contribution.origin[leading] if leading else 0.0, contribution.ai if machine else -contribution.ai)


class Ink:
    """Marks spans of a family by its colour, or by brackets where there is no colour."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour
        self._codes = {MENTION: "2", **{family_of(s): f"1;{31 + i % 6 + 60 * (i // 6)}" for i, s in enumerate(SIGNALS)}}

    def mark(self, text: str, family: str) -> str:
        return f"\x1b[{self._codes.get(family, '1')}m{text}\x1b[0m" if self.colour else f"[{text}]"

    def name(self, family: str, width: int) -> str:
        return self.mark(f"{family:<{width}}", family) if self.colour else f"{family:<{width}}"


def explain(article: Article, verdict: Verdict, contributions: int | None, ink: Ink) -> Iterator[str]:
    """Everything a verdict rests on, line by line: probabilities, contributions, every span in its context."""
    yield printable(article.id or "")
    p = verdict.probabilities
    if verdict.label is None:
        because = verdict.abstained_because or ""
        yield f"abstained: {because} ({REASONS.get(because, '')})"
    else:
        yield f"label: {verdict.label}"
    if p is not None:
        yield "origin: " + ", ".join(f"{label} {percent(p[label])}" for label in LABELS)
        yield f"written or rewritten by a language model: {percent(verdict.ai_probability)}"
    yield f"{verdict.n_words:,} words, language {verdict.language or 'unknown'}, model {verdict.model}"
    rows = verdict.contributions[:contributions]
    if rows:
        yield ""
        yield f"{'What moved it, in log-odds':<44}{'value':>12}" + "".join(f"{x:>12}" for x in (*LABELS, "AI"))
        for c in rows:
            value = "-" if c.value is None else f"{c.value:.4g}"
            moves = "".join(f"{x:>+12.2f}" for x in (*(c.origin[label] for label in LABELS), c.ai))
            yield f"{printable(c.feature):<44}{value:>12}{moves}"
    counted = [e for e in verdict.evidence if e.signal != MENTION]
    mentioned = [e for e in verdict.evidence if e.signal == MENTION]
    for title, found in (("Evidence", counted), ("Mentions (shown, never counted)", mentioned)):
        if found:
            yield ""
            yield f"{title}, {len(found):,} in the order of the text"
            for e in found:
                yield f"{ink.name(e.signal, 14)}{_in_context(article.text, e, ink)}"
                yield f"{'':<14}{e.note}"


_CONTEXT = 50  # characters on each side


def _in_context(text: str, e: Evidence, ink: Ink) -> str:
    before = printable("|" + text[max(0, e.start - _CONTEXT) : e.start] + "|")[1:-1].lstrip()
    after = printable("|" + text[e.end : e.end + _CONTEXT] + "|")[1:-1].rstrip()
    left = "…" if e.start > _CONTEXT else ""
    right = "…" if e.end + _CONTEXT < len(text) else ""
    return f"{left}{before}{ink.mark(_shorten(e.text, 240), e.signal)}{after}{right}"


def signal_table() -> list[dict[str, Any]]:
    """Every signal with its first sentence and its features."""
    return [
        {
            "signal": family_of(s),
            "about": (s.__doc__ or "").strip().partition("\n")[0],
            "features": [{"name": f.name, "unit": f.unit, "direction": f.direction} for f in s.FEATURES],
        }
        for s in SIGNALS
    ]


def signal_lines() -> Iterator[str]:
    """`signal_table` for a reader."""
    for i, signal in enumerate(signal_table()):
        if i:
            yield ""
        yield signal["about"]
        for f in signal["features"]:
            yield f"  {signal['signal']}.{f['name']}"
            yield f"      {f['unit']}; {f['direction']}"


def model_lines(model: StoredModel) -> Iterator[str]:
    """A model's manifest for a reader, with the long parts counted instead of listed."""
    yield f"{model.id} in {model.folder}"
    for key, value in model.manifest.items():
        yield f"  {key}: {_brief(value)}"


def check_lines(model: StoredModel, n_canaries: int) -> Iterator[str]:
    """What was checked of a model that loaded, for a reader."""
    yield f"{model.id} in {model.folder}"
    yield f"  manifest and {len(model.manifest['files'])} files: unchanged since they were published"
    yield f"  {len(model.features)} features: all measured by this detector"
    yield f"  {n_canaries} canaries: scored as promised"


def _brief(value: Any) -> str:
    written = to_json(value)
    return written if len(written) <= 160 or not isinstance(value, (list, dict)) else f"{len(value):,} entries"


def summary_lines(tally: Tally) -> Iterator[str]:
    """What a batch run did, for stderr."""
    yield f"{tally.records:,} records: " + (
        "; ".join(
            f"{sum(counts.values()):,} {what} ({', '.join(f'{name} {n:,}' for name, n in sorted(counts.items()))})"
            for what, counts in (("scored", tally.labels), ("abstained", tally.abstained), ("failed", tally.errors))
            if counts
        )
        or "the input is empty"
    )
    duplicates = tally.duplicates()
    if duplicates:
        yield (
            f"warning: {len(duplicates):,} records have the id of an earlier one (lines {_list(duplicates, 5)}): "
            "rows are told apart by their order"
        )


def _list(numbers: Iterable[int], at_most: int) -> str:
    shown = list(numbers)
    return ", ".join(map(str, shown[:at_most])) + (", …" if len(shown) > at_most else "")
