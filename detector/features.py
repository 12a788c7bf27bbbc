"""Features: an article -> one number a named column, its hashed wording, and its evidence in the caller's offsets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detector.article import Article
from detector.signals import SIGNALS, family, residue
from detector.signals.wording import Encoder, Grams
from detector.verdict import Evidence

_NAMES = {family(signal): tuple(f.name for f in signal.FEATURES) for signal in SIGNALS}
COLUMNS: tuple[str, ...] = tuple(f"{signal}.{name}" for signal, names in _NAMES.items() for name in names)
MENTION = "mentions"  # the signal name of what is shown and never counted


class Features(NamedTuple):
    """One article measured: `values` in the order of COLUMNS (NaN where undefined), n-grams by block, evidence."""

    values: npt.NDArray[np.float64]
    grams: dict[str, Grams]
    evidence: tuple[Evidence, ...]


def measure(articles: Sequence[Article], encoder: Encoder) -> list[Features]:
    """All that the signals say of each article.

    Each step is taken for all of them before the next: its code and tables are then in the processor's caches.
    """
    for part in _READ_FIRST:
        for article in articles:
            getattr(article, part)
    written = list(articles)
    masks: list[npt.NDArray[np.bool_] | None] = [None] * len(articles)
    values: list[list[float]] = [[] for _ in articles]
    found: list[list[Evidence]] = [[] for _ in articles]
    for signal, (source, names) in zip(SIGNALS, _NAMES.items(), strict=True):
        for i, article in enumerate(articles):
            reading = signal.measure(article if source in _OF_THE_PAGE else written[i])
            values[i] += map(reading.values.__getitem__, names)
            if reading.furniture is not None:
                masks[i] = reading.furniture
                written[i] = _without(article, reading.furniture)
            if source in QUOTING and written[i] is not article:
                reading = signal.measure(article)
            for name, spans in ((source, reading.spans), (MENTION, reading.mentions)):
                for start, end, note in spans:
                    place = article.span(start, end)
                    found[i].append(Evidence(name, place.start, place.end, article.text[place.start : place.end], note))
    for evidence in found:
        evidence.sort(key=lambda e: (e.start, e.end, e.signal))
    grams = encoder.encode(articles, masks)
    return [Features(np.array(v), g, tuple(e)) for v, g, e in zip(values, grams, found, strict=True)]


# What nearly every signal asks an article for.
_READ_FIRST = ("folded", "lowered", "lines", "word_ids", "has_case", "sentence_starts", "sentence_words", "matches")

# Families that speak of the page as it came. The others measure what its author wrote; of these some quote, and all of
# the page, for that is what the offsets of evidence count in.
_OF_THE_PAGE = frozenset(("disclaimers", "residue", "structure", "issue"))
QUOTING = frozenset(("attribution", "hedging", "stock_phrases"))


def _without(article: Article, furniture: npt.NDArray[np.bool_]) -> Article:
    """The article without its furniture, if anything remains."""
    kept = [article.folded[a:b] for (a, b), f in zip(article.lines, furniture.tolist(), strict=True) if not f]
    return Article("\n\n".join(kept)) if kept else article


def encode(article: Article, encoder: Encoder) -> dict[str, Grams]:
    """The n-grams alone, as `measure` has them."""
    return encoder.encode([article], [np.array(residue.furniture(article), dtype=bool)])[0]
