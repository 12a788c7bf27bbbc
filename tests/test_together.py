"""Articles at hand are scored together, and nothing shows it: not the verdicts, not where errors rise."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import Detector, article, scoring
from detector.article import MAX_CHARS, Article
from detector.errors import InputError
from detector.verdict import Verdict

SEEDS = Path(__file__).parents[1] / "seeds"
TEXTS = [p.read_text("utf-8") for p in sorted(SEEDS.glob("*.txt"))]
# Ends that would go on in the next article if anything ran over: a URL, an entity, a quotation, a phrase, a wrap.
EDGES = [
    "See www.", "a.example/x", "&amp", ";", "He said “I do n", "'t", "In", "conclusion", "-", "-", "No.", "1,", "204",
    "word", "🙂", "le pont est fermé depuis mardi et la mairie ne dit rien", "Leave a Reply\nRead next\n" + TEXTS[0],
    "\n".join(["It was a line of some sixty characters that goes on in the", "next, and so on"] * 4),
]  # fmt: skip


@lru_cache(maxsize=1)
def loaded() -> Detector:
    return Detector.load()


@lru_cache(maxsize=100)
def alone(text: str) -> Verdict:
    return loaded().score(text)


def exactly(verdict: Verdict) -> tuple[object, ...]:
    """All of a verdict, with the bits that rounding hides."""
    c = verdict.contributions
    sums = [c.values.tobytes(), c.parts.tobytes(), c.total.tobytes()] if c else []  # type: ignore[attr-defined]
    return verdict.to_dict(None, sentences=True), *sums


@given(st.lists(st.sampled_from([*EDGES, *TEXTS]), max_size=12))
@settings(max_examples=25)
def test_an_article_reads_the_same_in_any_company(texts: list[str]) -> None:
    together = list(loaded().score_many(texts))
    assert [exactly(v) for v in together] == [exactly(alone(t)) for t in texts]


@pytest.mark.parametrize("n", [0, 1, 3, 4, 8, 9])
def test_every_article_has_its_verdict(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "_STRIDE", 4)
    texts = TEXTS[:n]
    assert list(loaded().score_many(texts)) == list(map(alone, texts))


def test_long_articles_are_scored_by_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "_STRIDE_CHARS", 10)
    assert [[a.text for a in stride] for stride in scoring._strides(["a b c", "d e f", "g h i", "j", "k"], True)] == [
        ["a b c", "d e f"],
        ["g h i", "j", "k"],
    ]


@pytest.mark.parametrize(
    "one", ["One article.", b"One article.", Article("One article.")], ids=lambda x: type(x).__name__
)
def test_one_article_is_not_several(one: str) -> None:
    with pytest.raises(InputError, match="use score"):
        loaded().score_many(one)


def test_verdicts_and_detectors_can_be_sent_to_other_processes() -> None:
    verdict = alone(TEXTS[0])
    for copied in (pickle.loads(pickle.dumps(verdict)), copy.deepcopy(verdict)):  # noqa: S301 - our own bytes
        assert copied == verdict
        assert hash(copied) == hash(verdict)
        assert copied.to_dict(None, sentences=True) == verdict.to_dict(None, sentences=True)
    assert len(pickle.dumps(verdict)) < 100_000  # no model in it
    assert pickle.loads(pickle.dumps(loaded())).score(TEXTS[0]) == verdict  # noqa: S301
    with pytest.raises(TypeError, match="cannot be changed"):
        verdict.probabilities["original"] = 1.0  # type: ignore[index]


def test_words_are_asked_about_once_although_an_old_article_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    codes = loaded()._encoder._codes
    ask = codes.ask
    monkeypatch.setattr(codes, "ask", lambda word: asked.append(word) or ask(word))
    kept = Article(TEXTS[0], "kept")
    before = loaded().score(kept)
    monkeypatch.setattr(article, "_lexis", article.Lexis())  # as when too many words have been read
    for _ in range(2):
        asked.clear()
        assert [loaded().score(kept), loaded().score(TEXTS[1])] == [before, alone(TEXTS[1])]
    assert not asked


def test_articles_keep_their_names() -> None:
    given = [Article(t, id=str(i)) for i, t in enumerate(TEXTS[:3])]
    assert [v.id for v in loaded().score_many([*given, given[0]])] == ["0", "1", "2", "0"]


@pytest.mark.parametrize(("at_hand", "read"), [(None, [1, 2, 3]), (False, [1, 2, 3]), (True, [3, 3, 3])])
def test_a_verdict_waits_for_no_article_that_is_not_at_hand(at_hand: bool | None, read: list[int]) -> None:
    asked = []

    def queue() -> Iterator[str]:
        for text in TEXTS[:3]:
            asked.append(text)
            yield text

    assert [len(asked) for _ in loaded().score_many(queue(), at_hand=at_hand)] == read


@pytest.mark.parametrize(
    ("bad", "code"),
    [(" \n", "empty"), (None, "not_text"), ("x" * (MAX_CHARS + 1), "too_long")],
    ids=["empty", "not_text", "too_long"],
)
@pytest.mark.parametrize("make", [list, iter])
def test_errors_rise_in_their_place(make: type, bad: str, code: str) -> None:
    verdicts = loaded().score_many(make([*TEXTS[:2], bad, TEXTS[2]]))
    assert [next(verdicts), next(verdicts)] == list(map(alone, TEXTS[:2]))
    with pytest.raises(InputError) as caught:
        next(verdicts)
    assert caught.value.code == code
