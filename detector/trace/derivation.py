"""Derivation: which of the sources found an article was made from, and what they say together.

A small logistic regression over detector.trace.alignment.FEATURES tells a derived pair from two reporters on one
event. Its weights and thresholds are in derivation.json, with where they come from; detector.training.tracing fits
them. A source counts from the threshold that 1 in 100 independent articles reach, among same-event siblings and a
pool of thousands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import numpy.typing as npt

from detector import language
from detector.article import Article
from detector.trace.alignment import FEATURES, Alignment, align
from detector.trace.index import Document, Index
from detector.trace.reading import FUNCTION_WORDS, Floats, Reading, read
from detector.verdict import Derivation, Match, Relation, Source, Trace

MATCH = 0.3  # similarity of a sentence; a quarter of the sentences of independent same-event pairs reach it
SEVERAL = 0.15  # share of the article that a second source must account for
FURTHER = 0.5  # probability from which a source counts beside one that is sure; the article is derived by then
MIN_TERMS = 20  # informative words

_VERBATIM, _NEAR = 0.9, 0.6  # share of a sentence's runs of three words
_SAME = 0.8  # share of the longer text's runs of three words
_LEAST_GAIN = 0.08  # of the article's words, for a source to be told beside a better one
_CLEARLY = 0.1  # by how much a further source must be more similar to take a sentence
_BLOCK_WORDS, _BLOCK_FILLED = 40, 0.7
_WINDOW = 100  # words of a passage that is searched for by itself
_WHOLE_CANDIDATES, _WINDOW_CANDIDATES, _MOST = 10, 3, 24


@dataclass(frozen=True)
class Judge:
    """The fitted regression: `probability` that a pair is derived; thresholds by name."""

    weights: Floats
    intercept: float
    mean: Floats
    scale: Floats
    thresholds: Mapping[str, float]

    def probability(self, features: Floats) -> float:
        """That the article of a pair with these features was made from its source."""
        z = float(((features - self.mean) / self.scale) @ self.weights) + self.intercept
        return float(1 / (1 + np.exp(-np.clip(z, -50, 50))))


@lru_cache(maxsize=1)
def shipped() -> Judge:
    """The judge in the package."""
    stored: dict[str, Any] = json.loads((resources.files("detector.trace") / "derivation.json").read_text("utf-8"))
    assert tuple(stored["features"]) == FEATURES, "derivation.json was fitted on other features: fit it again"
    return Judge(
        np.array(stored["weights"]),
        stored["intercept"],
        np.array(stored["mean"]),
        np.array(stored["scale"]),
        {name: t["value"] for name, t in stored["thresholds"].items()},
    )


@dataclass(frozen=True, eq=False)
class Compared:
    """A candidate beside the article: `probability` that the article, or a block of it, was made from it."""

    document: Document
    reading: Reading
    alignment: Alignment
    same_article: bool
    probability: float


def trace(article: Article, index: Index) -> Trace:
    """The sources of an article among those of an index, and what they say together."""
    reading = read(article)
    if len(reading.terms) < MIN_TERMS:
        return Trace((), None, "too_short")
    compared = compare(reading, [index.stored(n) for n in find(reading, index)])
    return conclude(reading, compared, index.languages)


def find(reading: Reading, index: Index) -> list[int]:
    """Numbers of the sources worth comparing with: the best for the article, then for each passage of it."""
    counts = np.bincount(reading.sentences)
    window = np.cumsum(counts) // _WINDOW
    parts = [reading.only(np.flatnonzero(window == i)) for i in np.unique(window)] if window[-1] else []
    whole = index.search([reading], _WHOLE_CANDIDATES)[0]
    by_window = index.search([p for p in parts if len(p.terms) >= 8], _WINDOW_CANDIDATES)
    found = dict.fromkeys(c.number for c in whole)
    for rank in range(_WINDOW_CANDIDATES):  # every passage's best comes before any passage's second
        found |= dict.fromkeys(c[rank].number for c in by_window if len(c) > rank)
    return list(found)[:_MOST]


def compare(reading: Reading, documents: Sequence[Document], judge: Judge | None = None) -> list[Compared]:
    """Each document beside the article, copies of it first, then by the likeness of its sentences.

    Likeness ranks sources better than the probability, which is fitted to refuse: recall@1 .973 against .933, of
    1,916 machine rewrites.
    """
    judge = judge or shipped()
    readings = [read(Article(d.text)) for d in documents]
    alignments = [align(reading, r) for r in readings]
    if not alignments:
        return []
    lengths = np.bincount(reading.sentences, minlength=len(reading.article.sentences))
    similarity = np.array([a.similarity for a in alignments])
    same = [_is_same(reading, r, a, lengths) for r, a in zip(readings, alignments, strict=True)]
    # a block is best found in one source, copies of the article itself aside
    rivals = np.where(np.array(same)[:, None], 0.0, similarity)
    best = np.where(rivals.max(axis=0) >= MATCH, rivals.argmax(axis=0), -1)
    compared = []
    for i, (d, r, a) in enumerate(zip(documents, readings, alignments, strict=True)):
        p = judge.probability(a.features)
        own = np.flatnonzero(best == i)
        if len(own) and not same[i]:
            block = np.arange(own[0], own[-1] + 1)
            n, filled = lengths[block].sum(), lengths[own].sum()
            if n >= _BLOCK_WORDS and filled >= _BLOCK_FILLED * n and n < 0.8 * lengths.sum():
                p = max(p, judge.probability(align(reading.only(block), r).features))
        compared.append(Compared(d, r, a, same[i], p))
    return sorted(compared, key=lambda c: (-c.same_article, -c.alignment.mean_similarity))


def _is_same(a: Reading, s: Reading, alignment: Alignment, lengths: npt.NDArray[np.int64]) -> bool:
    shared = float((alignment.verbatim * lengths).sum())
    return shared >= _SAME * max(len(a.stems), len(s.stems))


def conclude(
    reading: Reading, compared: Sequence[Compared], languages: Mapping[str, int], judge: Judge | None = None
) -> Trace:
    """What the compared sources say together."""
    bars = (judge or shipped()).thresholds
    lengths = np.bincount(reading.sentences, minlength=len(reading.article.sentences))
    copies = [c for c in compared if c.same_article]
    others = [c for c in compared if not c.same_article]
    copied = tuple(_source(reading, c, np.flatnonzero(c.alignment.similarity >= MATCH), lengths) for c in copies)
    for bar in ("derived", "doubtful"):
        sure = bar == "derived"
        likely = [c for c in others if c.probability >= bars[bar]]
        further = [c for c in others if FURTHER <= c.probability < bars[bar]] if sure else ()
        told = _divide(reading, likely, further, lengths)
        if told:
            several = sum(s.share >= SEVERAL for s in told) > 1
            derivation: Derivation = "derived_from_several" if several else "derived_from_one"
            return Trace((*copied, *told), derivation if sure else None, None if sure else "low_confidence")
    if not copied and languages:
        spoken = language.identify(reading.article)
        if spoken not in languages and spoken not in (language.UNKNOWN, language.MIXED):
            return Trace((), None, "other_language")
    return Trace(copied, "independent", None)


def _divide(
    reading: Reading, likely: Sequence[Compared], further: Sequence[Compared], lengths: npt.NDArray[np.int64]
) -> tuple[Source, ...]:
    """The article's sentences dealt out: first to the source that accounts for most, then to what others add.

    The `further` ones come last, and only if a likely one has something.
    """
    taken = np.zeros(len(lengths))
    owner = np.full(len(lengths), -1)
    told: list[Compared] = []
    for left in (list(likely), list(further)):
        while left:
            gains = [
                (lengths * np.clip(c.alignment.similarity - taken, 0, None) * (c.alignment.similarity >= MATCH)).sum()
                for c in left
            ]
            c = left.pop(int(np.argmax(gains)))
            similarity = c.alignment.similarity
            own = (similarity >= MATCH) & ((taken == 0) | (similarity > taken + _CLEARLY))
            if not own.any() or lengths[own].sum() < _LEAST_GAIN * lengths.sum():
                break
            taken[own] = similarity[own]
            owner[own] = len(told)  # a sentence that a later source tells better is its
            told.append(c)
        if not told:
            break
    found = [_source(reading, c, np.flatnonzero(owner == i), lengths) for i, c in enumerate(told)]
    return tuple(sorted((s for s in found if s.matches), key=lambda s: -s.share))


def _source(reading: Reading, c: Compared, sentences: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Source:
    """A source with the sentences of the article that it accounts for."""
    matches = tuple(_match(reading, c, int(i)) for i in sentences)
    by_relation = dict.fromkeys(_RELATIONS, 0)
    for m, i in zip(matches, sentences, strict=True):
        by_relation[m.relation] += int(lengths[i])
    share = round(float(lengths[sentences].sum() / lengths.sum()), 4)
    return Source(c.document.id, share, max(_RELATIONS, key=by_relation.__getitem__), c.same_article, matches)


_RELATIONS: tuple[Relation, ...] = ("verbatim", "near_verbatim", "rephrased")


def _match(reading: Reading, c: Compared, i: int) -> Match:
    article, source = reading.article, c.reading.article
    here = article.span(*article.sentences[i])
    there = source.span(source.sentences[c.alignment.first[i]][0], source.sentences[c.alignment.last[i]][1])
    text, source_text = article.text[here.start : here.end], source.text[there.start : there.end]
    runs = float(c.alignment.verbatim[i])
    relation: Relation = "verbatim" if runs >= _VERBATIM else "near_verbatim" if runs >= _NEAR else "rephrased"
    return Match(
        here.start,
        here.end,
        there.start,
        there.end,
        text,
        source_text,
        round(float(c.alignment.similarity[i]), 4),
        relation,
        shared_facts(text, source_text),
    )


_QUOTATION = re.compile(r"[“\"]([^“”\"\n]{3,300})[”\"]")
_NAME = re.compile(r"\b(?:(?:[A-Z]\.){2,}|[A-Z][\w’'-]+(?:\s+(?:of|de|van|von|al)?\s*[A-Z][\w’'-]*)*)")
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_WORD = re.compile(r"\w+")
_OPENING = (*"“\"'‘([—-.!?:", "")


def shared_facts(text: str, source_text: str) -> tuple[str, ...]:
    """The quotations, names and numbers of `text` that `source_text` has too, in the order of `text`."""
    theirs = " ".join(_WORD.findall(source_text.lower()))
    found: dict[str, int] = {}
    for pattern in (_QUOTATION, _NAME, _NUMBER):
        for m in pattern.finditer(text):
            fact = m[1] if pattern is _QUOTATION else m[0]
            first, *rest = fact.split(None, 1)
            led = pattern is _NAME and len("".join(rest)) > 1 and first.lower() in FUNCTION_WORDS  # On Tuesday
            fact = rest[0] if led else fact
            words = " ".join(_WORD.findall(fact.lower()))
            # a single word at the start of a sentence or quotation may be no name
            before = text[: m.start()].rstrip()
            opens = pattern is _NAME and not led and " " not in fact and "." not in fact and before[-1:] in _OPENING
            if words and not opens and f" {words} " in f" {theirs} ":
                found.setdefault(" ".join(fact.split()), m.start())
    return tuple(sorted(found, key=found.__getitem__))
