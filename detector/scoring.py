"""Detector: the only place where features meet the model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from detector import language
from detector import model as models
from detector.article import Article
from detector.errors import InputError, ModelError
from detector.features import COLUMNS, measure
from detector.model import HEADS, Array, StoredModel
from detector.signals.wording import BLOCKS, Encoder
from detector.verdict import LABELS, Contribution, Reason, Verdict, decide, freeze

_DIGITS = 6  # probabilities and contributions are rounded, so that the last bits of a sum never show
_CANARY_TOLERANCE = 1e-4


class Detector:
    """Scores articles with one model. Safe to share between threads once loaded; the same text gives the same verdict.

    >>> verdict = Detector.load().score(text)  # doctest: +SKIP
    """

    def __init__(self, model: StoredModel) -> None:
        unknown = [f for f in model.features if f not in COLUMNS]
        if unknown:
            raise ModelError(
                f"the model in {model.folder} needs features that this detector does not measure "
                f"({', '.join(unknown[:3])}): install the detector that made it"
            )
        if unknown_blocks := set(model.blocks) - set(BLOCKS):
            raise ModelError(f"the model in {model.folder} needs unknown n-gram blocks {sorted(unknown_blocks)}")
        self.model = model
        self._encoder = Encoder(model.vocabulary)
        self._columns = np.array([COLUMNS.index(f) for f in model.features], dtype=np.int64)
        self._names = (*model.features, *(f"wording.{b}" for b in model.blocks))

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None) -> Detector:
        """The detector with the model in folder `path`, or the one shipped; its canaries are scored first.

        Raises ModelError if the model is missing, damaged, of another format, or does not give what it promises.
        """
        detector = cls(models.load(path))
        detector.check_canaries()
        return detector

    def check_canaries(self) -> int:
        """How many of the model's canaries were scored as its manifest promises: all of them.

        Raises ModelError at the first that is not.
        """
        canaries = self.model.manifest["canaries"]
        for canary in canaries:
            verdict = self.score(canary["text"])
            given = {**(verdict.probabilities or {}), "ai": verdict.ai_probability}
            for head, promised in canary["probabilities"].items():
                value = given.get(head)
                if value is None or abs(value - promised) > _CANARY_TOLERANCE:
                    raise ModelError(
                        f"the model {self.model.id} gives {head} {value} for its canary {canary['name']!r} where its "
                        f"manifest promises {promised}: the code or a lexicon differs from what it was trained with; "
                        "reinstall detector, or train the model again"
                    )
        return len(canaries)

    def score(self, article: str | Article) -> Verdict:
        """The verdict on one article.

        Raises InputError if it is no string, empty, or too long; a short or foreign text is an abstention, no error.
        """
        return next(self.score_many((article,)))

    def score_many(self, articles: Iterable[str | Article]) -> Iterator[Verdict]:
        """The verdicts on many articles, one at a time, in order; raises as `score` does."""
        for given in articles:
            yield self._score(given if isinstance(given, Article) else Article(given))

    def _score(self, article: Article) -> Verdict:
        if not article.folded:
            raise InputError("the text is empty: there is nothing to score", "empty")
        features = measure(article, self._encoder)
        spoken = language.identify(article)
        n_words = article.n_words
        values = features.values[self._columns]
        probabilities: dict[str, float] | None = None
        ai: float | None = None
        contributions: Sequence[Contribution] = ()
        if spoken == language.SUPPORTED and n_words:
            sums = self.model.add(values, {b: features.grams[b].columns for b in self.model.blocks})
            origin, p = self.model.calibrate(sums.total, n_words, self.model.carries(values))
            probabilities = dict(zip(LABELS, (round(float(x), _DIGITS) for x in origin), strict=True))
            ai = round(p, _DIGITS)
            contributions = Contributions(self._names, values, sums.parts)
        label, because = self._decide(probabilities, n_words, spoken)
        return Verdict(
            status="abstained" if because else "ok",
            abstained_because=because,
            label=label,
            probabilities=None if probabilities is None else freeze(probabilities),
            ai_probability=ai,
            evidence=features.evidence,
            contributions=contributions,
            n_words=n_words,
            language=spoken,
            model=self.model.id,
            id=article.id,
        )

    def _decide(self, probabilities: dict[str, float] | None, n_words: int, spoken: str) -> tuple[Any, Reason | None]:
        manifest = self.model.manifest
        if n_words < manifest["min_words"]:
            return None, "too_short"
        if probabilities is None or spoken != language.SUPPORTED:
            return None, "unsupported_language"
        label = decide(probabilities, {k: v["value"] for k, v in manifest["thresholds"].items()})
        return label, None if label else "low_confidence"


@dataclass(frozen=True, eq=False)
class Contributions(Sequence[Contribution]):
    """All contributions to one verdict, strongest first; built when looked at, for most callers never look."""

    names: tuple[str, ...]
    values: Array
    parts: Array

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Contribution: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Contribution, ...]: ...
    def __getitem__(self, index: int | slice) -> Contribution | tuple[Contribution, ...]:
        order = np.argsort(-np.abs(self.parts).max(axis=1), kind="stable")
        if isinstance(index, slice):
            return tuple(self._build(int(i)) for i in order[index])
        return self._build(int(order[index]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contributions) and tuple(self) == tuple(other)

    def _build(self, i: int) -> Contribution:
        parts = {head: round(float(x), _DIGITS) for head, x in zip(HEADS, self.parts[i], strict=True)}
        ai = parts.pop("ai")
        # a block of n-grams has no one value, and an undefined number is none
        value = float(self.values[i]) if i < len(self.values) and not np.isnan(self.values[i]) else None
        return Contribution(self.names[i], None if value is None else round(value, _DIGITS), freeze(parts), ai)
