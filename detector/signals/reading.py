"""What a signal says: named numbers (described by Feature) and the spans that show them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Feature:
    """One number that a signal measures: its column name, its unit, and what a high value speaks for."""

    name: str
    unit: str
    direction: str


class Span(NamedTuple):
    """A half-open range of the folded text that shows something, and the sentence that says what."""

    start: int
    end: int
    note: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One signal's numbers by feature name (NaN where undefined) and its spans.

    `mentions` are spans that look like evidence and are not: shown to a reader, never counted. `furniture` says of each
    line whether it is the page's, so that its words are not taken for the author's; None for none.
    """

    values: dict[str, float]
    spans: list[Span] = field(default_factory=list)
    mentions: list[Span] = field(default_factory=list)
    furniture: npt.NDArray[np.bool_] | None = None
