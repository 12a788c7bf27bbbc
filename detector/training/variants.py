"""Variants: the texts that a model is trained on, made from corpus rows so that the corpora's accidents teach nothing.

Corpora leak their labels by format: one class has no newlines, another ends mid-sentence, a third opens with "Sure,
here is". So every class is given every format by the same dice: crops of many lengths, one line and many, markdown or
none, lower case now and then, page furniture or none. Two kinds of text that corpora lack are made up from their rows:
digests stitched from several originals, and single stories that carry others' teasers or a list of sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from detector.article import Article
from detector.training.corpus import Row

LONGEST = 1500  # words of a row that are used at all
_PREAMBLE = re.compile(
    r"^\s*(?:(?:sure|certainly|of course|okay|absolutely|here(?:'s| is| are)|below is|i(?:'ve| have) "
    r"(?:rewritten|revised))"
    r"\b[^\n]{0,160}[:!.]\s*(?:\n|(?<=:)\s*)"
    r"|(?:\*\*)?(?:title|headline|article|abstract|summary|rewritten(?: \w+)?|review|story)(?:\*\*)?:(?:\*\*)?\s*)+",
    re.I,
)
_MARKS = re.compile(r"\*{1,3}|^#{1,6} +|^>+ ?|`+|_{2,}", re.M)
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]\n]{0,200})\]\([^()\s]{0,400}\)")
_TITLE_WORDS = 14

SOURCE_HEADINGS = ("Sources", "Sources:", "References", "Source list", "Via", "Read more", "Further reading", "More at")
TEASER_HEADINGS = (
    "Read next", "Related", "Related stories", "Related articles", "More news", "Trending now", "Latest news",
    "Recommended", "You may also like", "Also in the news", "Top stories", "More from this section", "Most read",
    "Up next",
)  # fmt: skip
OUTLETS = (
    "Reuters", "AP", "BBC", "CNN", "The Guardian", "Bloomberg", "The Verge", "TechCrunch", "Al Jazeera", "NPR", "AFP",
    "Axios", "The New York Times", "The Washington Post", "Ars Technica", "Politico", "Sky News", "Nature", "Wired",
    "CNBC", "ESPN",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variant:
    """A text to train on, and the row whose labels and fold it has."""

    row: Row
    text: str


def clean(row: Row, rng: np.random.Generator) -> str:
    """A row's text without a generator's preamble, a cut last sentence and, mostly, markdown marks."""
    text = row.text
    if row.ai:
        text = _PREAMBLE.sub("", text, count=1)
    if rng.random() < 0.75:
        text = _MARKS.sub("", _MARKDOWN_LINK.sub(r"\1", text))
    stripped = text.rstrip()
    if "\n" not in stripped[-200:] and stripped and stripped[-1] not in ".!?\"')”’]":
        cut = max(stripped.rfind(mark) for mark in (". ", "! ", "? ", '." ', ".\n"))
        if cut > 0.6 * len(stripped):
            text = stripped[: cut + 1]
    return text


def crop(article: Article, n_words: int, rng: np.random.Generator | None) -> str:
    """Whole sentences of an article, some `n_words` words: from the start, or from anywhere if dice are given."""
    lengths = np.array([sum(t[0].isalnum() for t in s) for s in article.sentence_tokens])
    if not len(lengths) or lengths.sum() <= 1.2 * n_words:
        return article.text
    ends = np.cumsum(lengths)
    first = 0
    if rng is not None:
        starts = np.flatnonzero(ends[-1] - (ends - lengths) >= n_words)
        first = int(rng.choice(starts))
    done = ends - (ends[first] - lengths[first])
    last = int(np.argmin(np.abs(done[first:] - n_words))) + first
    place = article.span(article.sentences[first].start, article.sentences[last].end)
    return article.text[place.start : place.end]


def relayer(text: str, rng: np.random.Generator) -> str:
    """The text as one line, or broken into paragraphs at sentence ends, or as it is."""
    dice = rng.random()
    if "\n" in text.strip():
        return " ".join(text.split()) if dice < 0.3 else text
    if dice < 0.6:
        return text
    sentences = [text[slice(*Article(text).span(*s))] for s in Article(text).sentences]
    breaks = rng.random(len(sentences)) < rng.choice([0.25, 0.4, 0.9])
    return "".join(s + ("\n\n" if b else " ") for s, b in zip(sentences, breaks, strict=True)).strip()


_ENTRY_MARK = re.compile(r"^[ \t]*(?:[-*+•‣◦▪–—]|\(?\d{1,3}[.):])[ \t]+", re.M)
_LINE_URL = re.compile(r"\(?https?://\S+")
_CREDIT_AT_END = re.compile(r"[ \t]*[(\[][^()\[\]\n]{2,40}[)\]]\.?[ \t]*$", re.M)
_LEAST_LINES = 6


def reshape(text: str, rng: np.random.Generator) -> str:
    """A text of many lines in another template: other marks or none, lines dropped, joined or their notes left out.

    Originals get it too, so that no mark speaks for a label; who knows one site's template knows nothing of the next.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < _LEAST_LINES:
        return text
    if rng.random() < 0.5:
        mark = str(rng.choice(["", "", "- ", "• ", "* ", "1. ", "– "]))
        lines = [_ENTRY_MARK.sub(mark, line) for line in lines]
    if rng.random() < 0.3:
        lines = [_LINE_URL.sub("", line) for line in lines]
    if rng.random() < 0.3:
        lines = [_CREDIT_AT_END.sub("", line) for line in lines]
    dice = rng.random()
    if dice < 0.35:  # without its short lines: headings, labels, bylines
        lines = [line for line in lines if line.count(" ") >= 6] or lines
    elif dice < 0.6:  # each short line runs into what follows it
        joined = [""]
        for line in lines:
            joined[-1] = f"{joined[-1]} {line.strip()}".strip()
            if line.count(" ") >= 6:
                joined.append("")
        lines = [line for line in joined if line]
    if rng.random() < 0.4 and len(lines) > 2 * _LEAST_LINES:  # a part of it
        n = int(rng.integers(_LEAST_LINES, len(lines)))
        first = int(rng.integers(0, len(lines) - n + 1))
        lines = lines[first : first + n]
    between = str(rng.choice(["\n", "\n\n"]))
    return between.join(line for line in lines if line.strip())


def vary(row: Row, rng: np.random.Generator) -> Iterator[Variant]:
    """The row whole (up to LONGEST words); in another template, if it has one; a crop of it, all lengths alike; and a
    short one for who wrote it, for on short texts most is missed."""
    article = Article(clean(row, rng))
    whole = crop(article, LONGEST, None)
    yield Variant(row, relayer(whole, rng))
    if row.origin == "aggregated" or (row.origin == "original" and rng.random() < 0.5):
        other = reshape(whole, rng)
        if other != whole and other.count(" ") > 80:
            yield Variant(replace(row, ai=None), other)  # machine text has no such lines, so they would tell who wrote
    for shortest, longest, labels in ((35, 450, row), (30, 180, replace(row, origin=None))):
        wanted = int(np.exp(rng.uniform(np.log(shortest), np.log(longest))))
        if article.n_words > 1.3 * wanted and (labels.origin or labels.ai is not None):
            text = relayer(crop(article, wanted, rng), rng)
            # a digest's few sentences may be one item, which is no digest; its ai label still holds
            if row.origin == "aggregated" and wanted < 150:
                labels = replace(row, origin=None)
            yield Variant(labels, text.lower() if rng.random() < 0.06 else text)


def _opening(row: Row) -> str:
    """The first line or sentence of a row, as a headline might have it."""
    article = Article(row.text[:600])
    if not article.sentences:
        return ""
    place = article.span(*article.sentences[0])
    words = article.text[place.start : place.end].split()[: _TITLE_WORDS * 2]
    return " ".join(words[:_TITLE_WORDS]).rstrip(".,;: ")


def _stamp(rng: np.random.Generator) -> str:
    hour, minute = int(rng.integers(24)), int(rng.integers(60))
    return str(
        rng.choice(
            [f"{hour:02d}:{minute:02d}", f"{int(rng.integers(1, 23))} hours ago", f"{int(rng.integers(1, 28))} May"]
        )
    )


def append_sources(text: str, others: Sequence[Row], rng: np.random.Generator) -> str:
    """The text with a list of sources under it."""
    style = int(rng.integers(4))
    lines = []
    for i, other in enumerate(others, 1):
        title, outlet = _opening(other), str(rng.choice(OUTLETS))
        link = f"https://www.{outlet.lower().replace(' ', '')}.com/{i}{int(rng.integers(1000))}"
        lines.append(
            [f"{i}. {title}", f"- {outlet}: {title}", f"{title} ({outlet})", f"[{i}] {outlet}. {title}. {link}"][style]
        )
    return f"{text}\n\n{rng.choice(SOURCE_HEADINGS)}\n" + "\n".join(lines)


def append_teasers(text: str, others: Sequence[Row], rng: np.random.Generator) -> str:
    """The text with a feed of other stories under it, as a page's sidebar or a portal's next items leave it."""
    style = int(rng.integers(3))
    lines = [str(rng.choice(TEASER_HEADINGS))]
    for other in others:
        article = Article(clean(other, rng)[:1500])
        if style == 0:
            lines += [_stamp(rng), crop(article, 30, None)[:300]]
        elif style == 1:
            lines += [_opening(other), crop(article, 25, None)[:250], _stamp(rng)]
        else:
            lines.append(_opening(other))
    return f"{text}\n\n" + "\n".join(lines)


def stitch(parts: Sequence[Row], rng: np.random.Generator) -> str:
    """A digest of several stories, in one of many templates; with some of the dice all in one line."""
    template = {
        "outlet": rng.random() < 0.4,
        "link": rng.random() < 0.25,
        "title": rng.random() < 0.5,
        "stamp": rng.random() < 0.15,
    }
    mark = str(rng.choice(["", "", "- ", "• ", "* ", "{i}. ", "## "]))
    blocks = []
    for i, part in enumerate(parts, 1):
        article = Article(clean(part, rng)[:4000])
        body = " ".join(crop(article, int(rng.integers(18, 75)), None).split())
        outlet = str(rng.choice(OUTLETS))
        pieces = []
        if template["stamp"]:
            pieces.append(_stamp(rng))
        if template["title"]:
            pieces.append(mark.format(i=i) + _opening(part))
        else:
            body = mark.format(i=i) + body
        if template["outlet"]:
            body += str(rng.choice([f" ({outlet})", f" {outlet} reports.", f" Source: {outlet}", f" Via {outlet}."]))
        if template["link"]:
            body += f" https://www.{outlet.lower().replace(' ', '')}.com/{int(rng.integers(10**6))}"
        blocks.append("\n".join([*pieces, body]))
    text = "\n\n".join(blocks)
    return " ".join(text.split()) if rng.random() < 0.25 else text


_CREDITS = (
    ", per {o}", ", according to {o}", ", {o} reports", ", reports {o}", ", {o} notes", ", {o} says", ", via {o}",
    ", as {o} puts it", ", the {o} adds", ", {o} reported", " ({o})", ", {o} has learned", ", in {o}'s telling",
)  # fmt: skip
_OPENING_CREDITS = ("{o} reports that", "According to {o},", "Per {o},", "{o} says", "{o} notes that")
_NOT_TOLD = re.compile(r"[\"“”]|\b(?:I|I'm|my|me)\b")  # who is quoted or speaks here is not retold
_LOWERED = re.compile(r"(?:The|An?|It|He|She|They|In|On|At|For|After|His|Her|Their|This|There|Some|Many|More|Most)\b")


def brief(story: Row, rng: np.random.Generator) -> str | None:
    """One story told from two or more outlets: its plain sentences, some with the outlet that had them; or None."""
    article = Article(clean(story, rng)[:6000])
    sentences = []
    for s in article.sentences:
        place = article.span(*s)
        sentence = " ".join(article.text[place.start : place.end].split())
        if sentence.endswith(".") and 7 <= sentence.count(" ") <= 45 and not _NOT_TOLD.search(sentence):
            sentences.append(sentence)
    n = int(rng.integers(4, 13))
    if len(sentences) < n:
        return None
    chosen = (
        sentences[:n] if rng.random() < 0.5 else [sentences[i] for i in sorted(rng.permutation(len(sentences))[:n])]
    )
    outlets = rng.choice(OUTLETS, int(rng.integers(2, 6)), replace=False)
    credited = rng.permutation(n)[: max(2, int(n * rng.uniform(0.25, 0.7)))]
    for turn, i in enumerate(credited):
        outlet = str(outlets[turn % len(outlets)])
        if rng.random() < 0.3:
            opening = str(
                rng.choice(["{o} reports that", "According to {o},", "Per {o},", "{o} says", "{o} notes that"])
            )
            told = chosen[i] if not _LOWERED.match(chosen[i]) else chosen[i][0].lower() + chosen[i][1:]
            chosen[i] = f"{opening.format(o=outlet)} {told}"
        else:
            chosen[i] = chosen[i][:-1] + str(rng.choice(_CREDITS)).format(o=outlet) + "."
    breaks = rng.random(n) < rng.choice([0.0, 0.3, 0.9])
    return "".join(s + ("\n\n" if b else " ") for s, b in zip(chosen, breaks, strict=True)).strip()


def compose(rows: Sequence[Row], n: int, seed: int) -> Iterator[Variant]:
    """Made-up texts, `n` of each kind: stitched digests; retold stories with sources or teasers (aggregated, too);
    originals with the same furniture, which stay original.

    Parts come from one unit and one fold's worth of rows, so a held-out dataset lends nothing to training. What is made
    is in units of its own, for as one more row of every unit it outweighed what was found and cost a twentieth of the
    recall on held-out aggregators; retold stories with furniture weigh more than digests, which the corpora have.
    """
    rng = np.random.default_rng(seed)
    originals = [r for r in rows if r.origin == "original" and r.text.count(" ") > 120]
    retold = [r for r in rows if r.origin == "rewritten" and r.text.count(" ") > 120]
    by_unit: dict[str, list[Row]] = {}
    for r in originals:
        by_unit.setdefault(r.unit, []).append(r)
    pools = [pool for _, pool in sorted(by_unit.items()) if len(pool) >= 12]
    if not pools or not retold:
        return
    for i in range(n):
        pool = pools[int(rng.integers(len(pools)))]
        parts = [pool[int(i)] for i in rng.choice(len(pool), int(rng.integers(3, 10)), replace=False)]
        yield Variant(replace(parts[0], origin="aggregated", ai=None, unit="made:digest"), stitch(parts, rng))
        for base in (retold[int(rng.integers(len(retold)))], originals[int(rng.integers(len(originals)))]):
            others = [pool[int(i)] for i in rng.choice(len(pool), int(rng.integers(2, 7)), replace=False)]
            append = append_sources if rng.random() < 0.5 else append_teasers
            text = relayer(crop(Article(clean(base, rng)), int(rng.integers(120, 600)), None), rng)
            origin, unit = ("aggregated", "sourced") if base.origin == "rewritten" else ("original", "scraped")
            yield Variant(replace(base, origin=origin, ai=None, unit=f"made:{unit}{i % 40}"), append(text, others, rng))
        story = originals[int(rng.integers(len(originals)))]
        if told := brief(story, rng):
            yield Variant(replace(story, origin="aggregated", ai=None, unit="made:brief"), told)
