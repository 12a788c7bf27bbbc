"""What is told: a row of JSON, a line of a table, an article explained; always the same bytes for the same verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from detector.article import Article
from detector.features import MENTION
from detector.signals import SIGNALS
from detector.signals import family as family_of
from detector.sources import Failure
from detector.verdict import LABELS, SCHEMA, Contribution, Evidence, Score, Trace, Verdict, Word, to_json

if TYPE_CHECKING:
    from detector.batch import Tally
    from detector.model import StoredModel

REASONS = {
    "too_short": "too short to judge",
    "unsupported_language": "not in a language that the model knows",
    "low_confidence": "no label is probable enough",
}


def to_row(outcome: Verdict | Failure, contributions: int | None, sentences: bool = False) -> str:
    """An outcome in the wire format, as one line of JSON without its newline."""
    return to_json(outcome.to_dict(contributions, sentences) if isinstance(outcome, Verdict) else outcome.to_dict())


def percent(probability: float | None) -> str:
    """A probability for a reader; never a certainty."""
    if probability is None:
        return "-"
    return "<1%" if probability < 0.01 else ">99%" if probability > 0.99 else f"{probability:.0%}"


def spoken(code: str | None) -> str:
    """A verdict's language for a reader: its ISO 639 code where there is one language."""
    return {None: "unknown", "und": "undetermined", "mul": "several"}.get(code) or str(code)


def printable(text: str) -> str:
    """`text` on one line, with nothing in it that a terminal would obey."""
    return "".join(c if c.isprintable() or c in _JOINERS else "\ufffd" for c in " ".join(text.split()))


_JOINERS = "\u200c\u200d"  # emoji and several scripts are written with them


def shorten(text: str, width: int) -> str:
    """`text` on one line, its middle left out where it is longer than `width`."""
    text = printable(text[:4000])
    return text if len(text) <= width else f"{text[: width * 2 // 3]} … {text[-(width // 3) :]}"


def render(
    outcomes: Iterable[Verdict | Failure], form: str, contributions: int | None, sentences: bool = False
) -> Iterator[str]:
    """The lines that show many outcomes, as they come: a table (`text`), a JSON list (`json`), or `jsonl`."""
    if form == "text":
        yield _cells("label", LABELS, "AI", "status", "article")
        for outcome in outcomes:
            yield from _table_lines(outcome)
    elif form == "jsonl":
        for outcome in outcomes:
            yield to_row(outcome, contributions, sentences)
    else:
        row = None
        yield "["
        for outcome in outcomes:
            if row is not None:
                yield row + ","
            row = to_row(outcome, contributions, sentences)
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
        yield f"    {e.signal:<14}“{shorten(e.text, 72)}”  {e.note}"


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
    likeliest = max(p, key=p.__getitem__) if p else None
    machine = verdict.ai_probability is not None and verdict.ai_probability >= 0.5
    return max(contribution.origin[likeliest] if likeliest else 0.0, contribution.ai if machine else -contribution.ai)


# Backgrounds of a terminal with 256 colours, pale to strong; orange and blue differ for every eye.
_FOR, _AGAINST = (223, 216, 208), (189, 153, 111)


class Ink:
    """Marks spans of a family by its colour, or by brackets where there is no colour."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour
        self._codes = {MENTION: "2", **{family_of(s): f"1;{31 + i % 6 + 60 * (i // 6)}" for i, s in enumerate(SIGNALS)}}

    def mark(self, text: str, family: str) -> str:
        return f"\x1b[{self._codes.get(family, '1')}m{text}\x1b[0m" if self.colour else f"[{text}]"

    def warm(self, text: str, strength: float) -> str:
        """`text` on orange where `strength` (-1..1) speaks for, on blue where against, the paler the weaker."""
        step = round(3 * min(abs(strength), 1))
        if not self.colour or not step:
            return text
        return f"\x1b[38;5;16;48;5;{(_FOR if strength > 0 else _AGAINST)[step - 1]}m{text}\x1b[0m"

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
    yield f"{verdict.n_words:,} words, language {spoken(verdict.language)}, model {verdict.model}"
    if verdict.trace is not None:
        yield f"by style alone: {verdict.style_label or 'abstained'}"
        yield ""
        yield from trace_lines(verdict.trace)
    yield from _contribution_lines(verdict, contributions)
    counted = [e for e in verdict.evidence if e.signal != MENTION]
    mentioned = [e for e in verdict.evidence if e.signal == MENTION]
    for title, found in (("Evidence", counted), ("Mentions (shown, never counted)", mentioned)):
        if found:
            yield ""
            yield f"{title}, {len(found):,} in the order of the text"
            for e in found:
                yield f"{ink.name(e.signal, 14)}{_in_context(article.text, e, ink)}"
                yield f"{'':<14}{e.note}"
    yield from _heat_lines(article, verdict, ink)


def _contribution_lines(verdict: Verdict, n: int | None) -> Iterator[str]:
    """The strongest contributions, the others' sum, and the score that all of them add up to."""
    rows = verdict.contributions[:n]
    if not rows or not verdict.intercept or not verdict.score:
        return
    others = verdict.contributions[len(rows) :]
    yield ""
    yield f"{'What moved it, in log-odds':<44}{'value':>12}" + "".join(f"{x:>12}" for x in (*LABELS, "AI"))
    for c in rows:
        yield _moves(printable(c.feature), c, "-" if c.value is None else f"{c.value:.4g}")
    if others:
        origin: dict[str, float] = {label: sum(c.origin[label] for c in others) for label in LABELS}
        yield _moves(f"{len(others):,} others", Score(origin, sum(c.ai for c in others)))
    yield _moves("the model's intercept", verdict.intercept)
    yield _moves("score, before calibration", verdict.score)


def _moves(what: str, part: Contribution | Score, value: str = "") -> str:
    moves = "".join(f"{x:>+12.2f}" for x in (*(part.origin[label] for label in LABELS), part.ai))
    return f"{what:<44}{value:>12}{moves}"


_LEAST_HEAT = 0.25  # log-odds that are shown at full strength in a text where no sentence has more


def leading(verdict: Verdict) -> str | None:
    """The verdict's label, or the likeliest where it abstained; None where nothing could be computed."""
    p = verdict.probabilities
    return verdict.label or (max(LABELS, key=p.__getitem__) if p else None)


def heat(verdict: Verdict) -> list[float]:
    """How strongly each sentence's wording spoke for a language model (to 1) or against (to -1), within this text."""
    most = max([_LEAST_HEAT, *(abs(s.ai) for s in verdict.sentences)])
    return [s.ai / most for s in verdict.sentences]


def telling_words(verdict: Verdict, n: int = 8) -> tuple[list[Word], list[Word]]:
    """The `n` words of which one occurrence spoke most for a language model, and the `n` most against."""
    words = sorted((w for w in verdict.words if w.text[0].isalnum()), key=lambda w: -w.ai / w.n)
    return [w for w in words[:n] if w.ai > 0], [w for w in words[: -n - 1 : -1] if w.ai < 0]


def _heat_lines(article: Article, verdict: Verdict, ink: Ink) -> Iterator[str]:
    label = leading(verdict)
    if not verdict.sentences or label is None:
        return
    yield ""
    yield "Wording, sentence by sentence, in log-odds: together what the wording blocks moved"
    yield f"{'AI':>8}{label:>12}"
    for s, strength in zip(verdict.sentences, heat(verdict), strict=True):
        mark = ("+" if strength > 0 else "-") * round(3 * abs(strength))
        said = ink.warm(shorten(article.text[s.start : s.end], 240), strength)
        yield f"{s.ai:>+8.2f}{s.origin[label]:>+12.2f}  {mark:<4}{said}"
    for title, words in zip(("for", "against"), telling_words(verdict), strict=True):
        if words:
            yield f"words {title} a language model: " + ", ".join(
                f"{printable(w.text)} {w.ai:+.2f}" + (f" ({w.n} times)" if w.n > 1 else "") for w in words
            )


_CONTEXT = 50  # characters on each side


def _in_context(text: str, e: Evidence, ink: Ink) -> str:
    before = printable("|" + text[max(0, e.start - _CONTEXT) : e.start] + "|")[1:-1].lstrip()
    after = printable("|" + text[e.end : e.end + _CONTEXT] + "|")[1:-1].rstrip()
    left = "…" if e.start > _CONTEXT else ""
    right = "…" if e.end + _CONTEXT < len(text) else ""
    return f"{left}{before}{ink.mark(shorten(e.text, 240), e.signal)}{after}{right}"


UNTRACED = {
    "too_short": "too few words to trace",
    "other_language": "the sources are in other languages, and words are what is compared",
    "low_confidence": "they may as well be independent reports of one event",
}


def trace_lines(trace: Trace) -> Iterator[str]:
    """Sources and their matching sentences, line by line; those of a copy would be the article twice."""
    if trace.derivation is None:
        because = trace.abstained_because or ""
        yield f"sources: cannot be told ({because}: {UNTRACED.get(because, '')})"
    else:
        yield f"sources: {trace.derivation}"
    for s in trace.sources:
        same = ", the article itself or a copy of it" if s.same_article else ""
        yield f"  {percent(s.share):>4}  {s.relation:<13}  {printable(s.id)}{same}"
    for s in trace.sources:
        if s.same_article:
            continue
        yield ""
        yield f"  {printable(s.id)}"
        for m in s.matches:
            yield f"    {m.relation} {m.similarity:.2f}" + (
                "  both have: " + ", ".join(shorten(fact, 60) for fact in m.shared) if m.shared else ""
            )
            yield f"      article  “{shorten(m.text, 200)}”"
            yield f"      source   “{shorten(m.source_text, 200)}”"


def render_traces(outcomes: Iterable[tuple[Article | Failure, Trace | None]], form: str) -> Iterator[str]:
    """The lines that show many traces, as they come: for a reader (`text`), a JSON list (`json`), or `jsonl`."""
    rows = (
        (given, given.to_dict() if isinstance(given, Failure) else {"schema": SCHEMA, "id": given.id}, trace)
        for given, trace in outcomes
    )
    if form == "text":
        for i, (given, _, trace) in enumerate(rows):
            if trace is not None:
                yield from [""] * (i > 0)
                yield printable(given.id or "")
                yield from trace_lines(trace)
        return
    yield from _listed((to_json(row | (trace.to_dict() if trace else {})) for _, row, trace in rows), form)


def render_clusters(clusters: Sequence[dict[str, Any]], form: str) -> Iterator[str]:
    """The lines that show clusters: for a reader (`text`), a JSON list (`json`), or `jsonl`."""
    if form != "text":
        yield from _listed(map(to_json, clusters), form)
        return
    if not clusters:
        yield "no two articles tell the same story"
    for i, c in enumerate(clusters):
        yield from [""] * (i > 0)
        yield f"story {i + 1}: {len(c['ids'])} articles{', a rewrite farm' if c['farm'] else ''}"
        yield from (f"  {printable(id)}" for id in c["ids"])
        for link in c["links"]:
            looks = "looks derived from" if link["dated"] else "and one looks derived from the other:"
            article, source = printable(link["article"]), printable(link["source"])
            yield f"    {percent(link['probability']):>4}  {article} {looks} {source}"


def _listed(rows: Iterable[str], form: str) -> Iterator[str]:
    """Rows of JSON as a list, or one a line."""
    if form == "jsonl":
        yield from rows
        return
    yield "["
    last = None
    for row in rows:
        if last is not None:
            yield last + ","
        last = row
    yield from [] if last is None else [last]
    yield "]"


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


def summary_lines(tally: Tally, seconds: float, resumed: int = 0, dry_run: bool = False) -> Iterator[str]:
    """What a batch run did, for stderr; `resumed` records were done by an earlier one."""
    groups = [("scored", tally.labels), ("abstained", tally.abstained), ("failed", tally.errors)]
    told = [
        f"{sum(counts.values()):,} {what} ({', '.join(f'{name} {n:,}' for name, n in sorted(counts.items()))})"
        for what, counts in groups
        if counts
    ]
    if dry_run:
        told = [*told, "nothing was scored or written"]
    if not tally.records:
        told = ["no input could be read" if tally.bad else "the input is empty"]
    yield f"{tally.records:,} records: {'; '.join(told)}"
    if tally.bad:
        names = ", ".join(printable(f.id) for f in tally.bad[:5]) + (", …" if len(tally.bad) > 5 else "")
        files = "file" if len(tally.bad) == 1 else "files"
        yield f"warning: {len(tally.bad):,} {files} could not be read, or not to their end: {names}"
    if tally.duplicates.total:
        rows = ", ".join(map(str, tally.duplicates.first[:5])) + (", …" if tally.duplicates.total > 5 else "")
        have = "record has" if tally.duplicates.total == 1 else "records have"
        yield (
            f"warning: {tally.duplicates.total:,} {have} the id of an earlier one (rows {rows}): rows are told apart "
            "by their order"
        )
    fresh = tally.records - resumed
    if fresh and not dry_run:
        share = fresh / tally.records
        yield (
            f"{fresh / seconds:,.1f} articles a second, {tally.bytes * share / seconds / 1e6:,.1f} MB a second"
            + (f" ({resumed:,} records were done before)" if resumed else "")
        )


def summary(tally: Tally, seconds: float, resumed: int = 0) -> dict[str, Any]:
    """The same as `summary_lines`, for a program."""
    fresh = (tally.records - resumed) / tally.records if tally.records else 0
    return {
        "records": tally.records,
        "labels": dict(sorted(tally.labels.items())),
        "abstained": dict(sorted(tally.abstained.items())),
        "errors": dict(sorted(tally.errors.items())),
        "bad_files": [f.to_dict() for f in tally.bad],
        "repeated_ids": tally.duplicates.total,
        "resumed": resumed,
        "bytes": tally.bytes,
        "seconds": round(seconds, 3),
        "articles_per_second": round(tally.records * fresh / seconds, 3),
        "mb_per_second": round(tally.bytes * fresh / seconds / 1e6, 6),
    }
