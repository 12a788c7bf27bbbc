"""Detector: the only place where features meet the model."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from detector import language
from detector import model as models
from detector.article import Article, Range
from detector.errors import InputError, ModelError
from detector.features import COLUMNS, Features, encode, measure
from detector.model import HEADS, Array, StoredModel
from detector.signals.wording import BLOCKS, Encoder, share_among_tokens
from detector.verdict import LABELS, Contribution, Frozen, Label, Reason, Score, Sentence, Verdict, Word, decide

if TYPE_CHECKING:
    from detector.trace import Index

_DIGITS = 6  # probabilities and contributions are rounded, so that the last bits of a sum never show
_UNIT = 10**_DIGITS
_CANARY_TOLERANCE = 1e-4
_DERIVED: dict[str, Label] = {"derived_from_one": "rewritten", "derived_from_several": "aggregated"}


class _Estimate(NamedTuple):
    """What the model makes of one article, as rows of what it makes of several."""

    values: Array
    parts: Array
    total: Array
    origin: list[float]
    ai: float


class Detector:
    """Scores articles with one model. Safe to share between threads once loaded; the same text gives the same verdict.

    >>> verdict = Detector.load().score(text)  # doctest: +SKIP
    """

    def __init__(self, model: StoredModel, sources: Index | None = None) -> None:
        unknown = [f for f in model.features if f not in COLUMNS]
        if unknown:
            raise ModelError(
                f"the model in {model.folder} needs features that this detector does not measure "
                f"({', '.join(unknown[:3])}): install the detector that made it"
            )
        if unknown_blocks := set(model.blocks) - set(BLOCKS):
            raise ModelError(f"the model in {model.folder} needs unknown n-gram blocks {sorted(unknown_blocks)}")
        self.model, self.sources = model, sources
        self._encoder = Encoder(model.vocabulary)
        self._columns = np.array([COLUMNS.index(f) for f in model.features], dtype=np.int64)
        self._intercept = _build_score(model.intercept)
        self._names = (*model.features, *(f"wording.{b}" for b in model.blocks))

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, *, sources: Index | None = None) -> Detector:
        """The detector with the model in folder `path`, or the one shipped; its canaries are scored first.

        With `sources` (detector.trace.Index.load) every verdict says which of them the article was made from.

        Raises ModelError if the model is missing, damaged, of another format, or does not give what it promises.
        """
        detector = cls(models.load(path))
        detector.check_canaries()
        detector.sources = sources  # canaries promise what the style alone gives
        return detector

    @property
    def id(self) -> str:
        """What verdicts rest on: the model's name and digest, and that of the index of sources, if there is one."""
        return self.model.id if self.sources is None else f"{self.model.id}+{self.sources.id}"

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

    def score_many(self, articles: Iterable[str | Article], *, at_hand: bool | None = None) -> Iterator[Verdict]:
        """The verdicts on many articles, in order; raises as `score` does, after the verdicts on those before.

        Articles that are `at_hand` are read ahead and scored several together, which takes a third less time; others
        each as it comes, the next when the verdict on the one before has been given. None: a sequence is, no other
        iterable is.

        Raises InputError at once if it is given one article, or what holds none.
        """
        if isinstance(articles, str | bytes | Article) or not isinstance(articles, Iterable):
            raise InputError("score_many takes several articles: give it a list, or use score", "not_text")
        return self._score_many(articles, isinstance(articles, Sequence) if at_hand is None else at_hand)

    def _score_many(self, articles: Iterable[str | Article], at_hand: bool) -> Iterator[Verdict]:
        model = self.model
        for stride in filter(None, _strides(articles, at_hand)):
            features = measure(stride, self._encoder)
            languages = list(map(language.identify, stride))
            values = np.array([f.values for f in features]).take(self._columns, axis=1)
            sums = model.add(values, [{b: f.grams[b].columns for b in model.blocks} for f in features])
            n_words = np.array([article.n_words for article in stride])
            origin, ai = model.calibrate(sums.total, n_words, model.carries(values))
            estimates = map(_Estimate, values, sums.parts, sums.total, origin.tolist(), ai.tolist())
            yield from map(self._judge, stride, features, languages, estimates)

    def _judge(self, article: Article, features: Features, spoken: str, estimate: _Estimate) -> Verdict:
        n_words = article.n_words
        probabilities: dict[str, float] | None = None
        ai: float | None = None
        contributions: Contributions | None = None
        if spoken == language.SUPPORTED and n_words:
            # copies, for who keeps one verdict should not keep all that were worked out with it
            values, parts, total = (part.copy() for part in (estimate.values, estimate.parts, estimate.total))
            probabilities = dict(zip(LABELS, [round(x, _DIGITS) for x in estimate.origin], strict=True))
            ai = round(estimate.ai, _DIGITS)
            contributions = Contributions(self._names, values, parts, self.model.intercept, total)
        label, because = self._decide(probabilities, n_words, spoken)
        trace, style = None, label
        if self.sources is not None:
            from detector.trace import trace as trace_sources  # read only where sources are given

            trace = trace_sources(article, self.sources)
            if probabilities is not None and trace.derivation in _DERIVED:
                label, because = _DERIVED[trace.derivation], None
        return Verdict(
            status="abstained" if because else "ok",
            abstained_because=because,
            label=label,
            probabilities=None if probabilities is None else Frozen(probabilities),
            ai_probability=ai,
            evidence=features.evidence,
            contributions=() if contributions is None else contributions,
            n_words=n_words,
            language=spoken,
            model=self.model.id,
            id=article.id,
            intercept=None if contributions is None else self._intercept,
            score=None if contributions is None else _build_score(contributions.total),
            wording=None if contributions is None else Heat(self.model, self._encoder, article.text, contributions),
            trace=trace,
            style_label=style if trace is not None else None,
        )

    def _decide(self, probabilities: dict[str, float] | None, n_words: int, spoken: str) -> tuple[Any, Reason | None]:
        manifest = self.model.manifest
        if n_words < manifest["min_words"]:
            return None, "too_short"
        if probabilities is None or spoken != language.SUPPORTED:
            return None, "unsupported_language"
        label = decide(probabilities, {k: v["value"] for k, v in manifest["thresholds"].items()})
        return label, None if label else "low_confidence"


_STRIDE, _STRIDE_CHARS = 128, 500_000  # articles and characters scored together: more gain nothing


def _strides(articles: Iterable[str | Article], at_hand: bool) -> Iterator[list[Article]]:
    """The articles that are scored together: several where they are at hand; else each alone, for no verdict must wait
    for the next article. What cannot be scored raises after all before it."""
    most = _STRIDE if at_hand else 1
    following = map(_read, articles)
    stride: list[Article] = []
    n_chars = 0
    while True:
        try:
            article = next(following, None)
        except Exception:
            yield stride
            raise
        if article is not None:
            stride.append(article)
            n_chars += len(article.text)
        if article is None or len(stride) == most or n_chars >= _STRIDE_CHARS:
            yield stride
            stride, n_chars = [], 0
        if article is None:
            return


def _read(given: str | Article) -> Article:
    article = given if isinstance(given, Article) else Article(given)
    if article.is_outdated:
        article = Article(article.text, article.id)
    if not article.folded:
        raise InputError("the text is empty: there is nothing to score", "empty")
    return article


Units = npt.NDArray[np.int64]  # log-odds in millionths: whole numbers, so that sums are exact


def _in_units(parts: Array, total: Units) -> Units:
    """`parts` (n, heads) in millionths that add up to the whole numbers `total` (heads,), each next to its own value.

    Parts that are rounded alone would not add up, so those with the largest remainders are rounded up (Hamilton's
    apportionment).
    """
    exact = np.multiply(parts.T, _UNIT, order="C")
    units: Units = np.floor(exact).astype(np.int64)
    remainders = exact - units
    missing = (total - units.sum(axis=1)).tolist()
    for head, left, in_order, n in zip(units, remainders, np.sort(remainders, axis=1), missing, strict=True):
        if n < 0:  # one less for all, and so many of them rounded up
            head -= 1
            n += len(head)
        if n:
            least = in_order[-n:][0]
            up = left >= least
            if (spare := int(np.count_nonzero(up)) - n) > 0:  # of equal remainders the last are not
                up[(left == least).nonzero()[0][-spare:]] = False
            head += up
    return units.T


def _round(sums: Array) -> Units:
    units: Units = np.rint(sums * _UNIT).astype(np.int64)
    return units


def _by_head(units: Units) -> list[tuple[Mapping[str, float], float]]:
    """For each row of `units`, which has the heads in their order: by label, and of a language model."""
    return [(Frozen(zip(LABELS, row, strict=False)), row[-1]) for row in (units / _UNIT).tolist()]


def _build_score(sums: Array) -> Score:
    return Score(*_by_head(_round(sums[None]))[0])


@dataclass(frozen=True, eq=False)
class Contributions(Sequence[Contribution]):
    """All contributions to one verdict, strongest first; built when looked at, for most callers never look.

    As rounded they add up, with `intercept` as rounded, to `total` as rounded.
    """

    names: tuple[str, ...]
    values: Array
    parts: Array
    intercept: Array
    total: Array

    @cached_property
    def units(self) -> Units:
        """`parts` in millionths."""
        return _in_units(self.parts, _round(self.total) - _round(self.intercept))

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        strongest_first: npt.NDArray[np.int64] = (-np.abs(self.parts.T, order="C").max(axis=0)).argsort(kind="stable")
        return strongest_first

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Contribution: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Contribution, ...]: ...
    def __getitem__(self, index: int | slice) -> Contribution | tuple[Contribution, ...]:
        if isinstance(index, slice):
            if not range(len(self))[index]:
                return ()  # who asks for none does not wait for the apportionment of all
            return tuple(self._build(self._order[index]))
        return self._build(self._order[index][None])[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contributions) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def _build(self, rows: npt.NDArray[np.int64]) -> list[Contribution]:
        by_head = _by_head(self.units.take(rows, axis=0))
        return [
            Contribution(self.names[i], self._value(i), origin, ai)
            for i, (origin, ai) in zip(rows.tolist(), by_head, strict=True)
        ]

    def _value(self, i: int) -> float | None:
        value = self.values.item(i) if i < len(self.values) else math.nan  # a block of n-grams has no one value
        return None if math.isnan(value) else round(value, _DIGITS)


class Told(NamedTuple):
    """What `Heat` says, worked out."""

    sentences: tuple[Sentence, ...]
    words: tuple[Word, ...]


class Heat:
    """What the blocks of n-grams added, by sentence and by word.

    It keeps the text alone and reads it again when looked at, so that a kept verdict stays small.
    """

    def __init__(self, model: StoredModel, encoder: Encoder, text: str, contributions: Contributions) -> None:
        self.model, self.encoder, self.text, self.contributions = model, encoder, text, contributions

    def __reduce__(self) -> tuple[type[Told], Told]:
        return Told, Told(self.sentences, self.words)  # a copy elsewhere has no model at hand

    @cached_property
    def _parts(self) -> tuple[list[Range], Array, tuple[str, ...], list[int], Array]:
        """The sentences' places and parts, (n_sentences, heads); the distinct tokens, their counts and parts."""
        article = Article(self.text)
        grams = encode(article, self.encoder)
        added = np.zeros((len(article.tokens), len(HEADS)))
        for block in self.model.blocks:
            weights = self.model.gram_weights(block, grams[block].columns)
            added += share_among_tokens(block, grams[block], weights, len(article.tokens))
        by_sentence = np.zeros((len(article.sentences), len(HEADS)))
        np.add.at(by_sentence, article.sentence_starts.searchsorted(article.token_starts, side="right") - 1, added)
        by_word = np.zeros((len(article.vocabulary), len(HEADS)))
        np.add.at(by_word, article.token_numbers, added)
        counts = np.bincount(article.token_numbers, minlength=len(by_word)).tolist()
        return [article.span(*s) for s in article.sentences], by_sentence, tuple(article.vocabulary), counts, by_word

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """See Verdict.sentences."""
        places, parts, *_ = self._parts
        n_blocks = len(self.model.blocks)
        units = _in_units(parts, self.contributions.units[len(self.contributions) - n_blocks :].sum(axis=0))
        return tuple(Sentence(*place, *by_head) for place, by_head in zip(places, _by_head(units), strict=True))

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """See Verdict.words."""
        *_, tokens, counts, parts = self._parts
        units = _round(parts)
        order = np.argsort(-np.abs(units).max(axis=1), kind="stable").tolist()
        by_head = _by_head(units[order])
        return tuple(Word(tokens[i], counts[i], *parts) for i, parts in zip(order, by_head, strict=True))
