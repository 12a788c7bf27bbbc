"""Cluster: which articles of a batch tell the same story, which look derived from which, and rewrite farms."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from detector.article import Article
from detector.trace.alignment import Alignment, align
from detector.trace.derivation import MIN_TERMS, shipped
from detector.trace.index import Document, Index, build
from detector.trace.reading import Reading, read

SAME_STORY = 0.31  # mean similarity of their sentences, both ways; docs/tracing.md says how it was set
FARM = 3  # articles that all look derived from another of their cluster

_NEIGHBOURS = 12


@dataclass(frozen=True, slots=True)
class Link:
    """Two articles of one story, one of which looks derived from the other; which one, only dates can say.

    `article` is the later one by date and `source` the earlier; `dated` is False where dates are missing, equal or
    unreadable, and the order then says nothing.
    """

    article: str
    source: str
    probability: float
    dated: bool

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Articles that tell one story, by date and then in the order given; `farm` marks a rewrite farm."""

    ids: tuple[str, ...]
    links: tuple[Link, ...]
    farm: bool

    def to_dict(self) -> dict[str, Any]:
        return {"ids": list(self.ids), "links": [link.to_dict() for link in self.links], "farm": self.farm}


def cluster(documents: Iterable[Document]) -> list[Cluster]:
    """The stories that more than one document tells, the largest first.

    Raises InputError (`empty`) if there is no document with a word in it.
    """
    with tempfile.TemporaryDirectory(prefix="detector-") as place:
        folder = Path(place) / "index"
        for _ in build(documents, folder):
            pass
        return _group(Index.load(folder))


def _group(index: Index) -> list[Cluster]:
    kept = list(index)
    readings: dict[int, Reading] = {}

    def reading(i: int) -> Reading:
        if i not in readings:
            if len(readings) > 4096:  # neighbours mostly stand near each other in a crawl
                readings.clear()
            readings[i] = read(Article(kept[i].text))
        return readings[i]

    edges: list[tuple[int, int]] = []
    likely: dict[tuple[int, int], float] = {}
    judge = shipped()
    compared: set[tuple[int, int]] = set()
    for i in range(len(kept)):
        if len(reading(i).terms) < MIN_TERMS:
            continue
        for j, _ in index.search([reading(i)], _NEIGHBOURS)[0]:
            pair = (min(i, j), max(i, j))
            if i == j or pair in compared or len(reading(j).terms) < MIN_TERMS:
                continue
            compared.add(pair)
            there, back = align(reading(i), reading(j)), align(reading(j), reading(i))
            if tells_same_story(there, back):
                edges.append(pair)
                likely[pair] = max(judge.probability(there.features), judge.probability(back.features))
    if not edges:
        return []
    at = np.array(edges)
    _, story = connected_components(coo_array((np.ones(len(at)), (at[:, 0], at[:, 1])), (len(kept), len(kept))), False)
    members: dict[int, list[int]] = {}
    for i, s in enumerate(story.tolist()):
        members.setdefault(s, []).append(i)
    clusters = [_tell(kept, own, likely, judge.thresholds["derived"]) for own in members.values() if len(own) > 1]
    return sorted(clusters, key=lambda c: -len(c.ids))


def tells_same_story(there: Alignment, back: Alignment) -> bool:
    """Whether two articles, aligned both ways, tell one story, whoever wrote them."""
    return (there.mean_similarity + back.mean_similarity) / 2 >= SAME_STORY


def _tell(kept: Sequence[Document], own: list[int], likely: dict[tuple[int, int], float], bar: float) -> Cluster:
    when = {i: _parse(kept[i].date) for i in own}
    own = sorted(own, key=lambda i: (when[i] or datetime.max.replace(tzinfo=UTC), i))
    links, derived = [], set()
    chosen = set(own)
    for (i, j), p in sorted(likely.items(), key=lambda e: -e[1]):
        if i in chosen and p >= bar:
            a, b = when[i], when[j]
            dated = a is not None and b is not None and a != b
            later, earlier = (i, j) if a is not None and b is not None and a > b else (j, i)
            links.append(Link(kept[later].id, kept[earlier].id, round(p, 4), dated))
            derived |= {i, j}
    return Cluster(tuple(kept[i].id for i in own), tuple(links), len(derived) >= FARM)


def _parse(date: str | None) -> datetime | None:
    """An ISO 8601 date or time; without a zone it is taken as UTC."""
    try:
        when = datetime.fromisoformat((date or "").strip())
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
