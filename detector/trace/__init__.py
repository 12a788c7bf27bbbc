"""Which sources an article was made from: an index of candidates, and a trace of an article in it.

>>> from detector import Article
>>> from detector.trace import Index, trace
>>> trace(Article(text), Index.load("sources.index")).derivation  # doctest: +SKIP
"""

from __future__ import annotations

from detector.trace.derivation import trace
from detector.trace.index import Document, Index, append, build

__all__ = ["Document", "Index", "append", "build", "trace"]
