"""Tells what an article is: original, rewritten or aggregated, how likely a model wrote it, and shows why.

>>> from detector import Detector
>>> verdict = Detector.load().score(text)  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detector.article import Article as Article
    from detector.errors import DetectorError as DetectorError
    from detector.scoring import Detector as Detector
    from detector.verdict import Evidence as Evidence
    from detector.verdict import Verdict as Verdict

__version__ = "0.2.0"
__all__ = ["Article", "Detector", "DetectorError", "Evidence", "Verdict", "__version__"]

_HOME = {
    "Article": "article",
    "Detector": "scoring",
    "DetectorError": "errors",
    "Evidence": "verdict",
    "Verdict": "verdict",
}


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `import detector` costs next to nothing.
    if name not in _HOME:
        raise AttributeError(f"module 'detector' has no attribute {name!r}; it has: {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(f"detector.{_HOME[name]}"), name)
