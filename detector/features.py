"""Features: an article -> one number a named column, its hashed wording, and its evidence in the caller's offsets."""

from __future__ import annotations

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


def measure(article: Article, encoder: Encoder) -> Features:
    """All that the signals say of one article."""
    values: list[float] = []
    found: list[Evidence] = []
    furniture: npt.NDArray[np.bool_] | None = None
    written = article
    for signal, (source, names) in zip(SIGNALS, _NAMES.items(), strict=True):
        reading = signal.measure(article if source in _OF_THE_PAGE else written)
        values += map(reading.values.__getitem__, names)
        if reading.furniture is not None:
            furniture = reading.furniture
            written = _without(article, furniture)
        if source in QUOTING and written is not article:
            reading = signal.measure(article)
        for name, spans in ((source, reading.spans), (MENTION, reading.mentions)):
            for start, end, note in spans:
                place = article.span(start, end)
                found.append(Evidence(name, place.start, place.end, article.text[place.start : place.end], note))
    found.sort(key=lambda e: (e.start, e.end, e.signal))
    return Features(np.array(values, dtype=np.float64), encoder.encode(article, furniture), tuple(found))


# Families that speak of the page as it came. The others measure what its author wrote; of these some quote, and all of
# the page, for that is what the offsets of evidence count in.
_OF_THE_PAGE = frozenset(("disclaimers", "residue", "structure"))
QUOTING = frozenset(("attribution", "hedging", "stock_phrases"))


def _without(article: Article, furniture: npt.NDArray[np.bool_]) -> Article:
    """The article without its furniture, if anything remains."""
    kept = [article.folded[a:b] for (a, b), f in zip(article.lines, furniture.tolist(), strict=True) if not f]
    return Article("\n\n".join(kept)) if kept else article


def encode(article: Article, encoder: Encoder) -> dict[str, Grams]:
    """The n-grams alone, as `measure` has them."""
    return encoder.encode(article, np.array(residue.furniture(article), dtype=bool))
