"""The table of contents: every signal, in the order in which its columns stand."""

from __future__ import annotations

from types import ModuleType

from detector.signals import (
    attribution,
    digest,
    disclaimers,
    diversity,
    hedging,
    issue,
    readability,
    residue,
    rhythm,
    stock_phrases,
    stories,
    structure,
)

SIGNALS: tuple[ModuleType, ...] = (
    disclaimers,
    residue,
    structure,
    stories,
    issue,
    digest,
    attribution,
    hedging,
    stock_phrases,
    readability,
    diversity,
    rhythm,
)


def family(signal: ModuleType) -> str:
    """The name by which a signal's evidence and columns go: its file's."""
    return signal.__name__.rpartition(".")[2]
