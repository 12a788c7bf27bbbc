"""Stock phrases: what is quoted, what is only counted, and what people write too."""

from __future__ import annotations

import math

import pytest

from detector.article import Article
from detector.lexicon import sources
from detector.signals import stock_phrases


def quoted(text: str) -> list[str]:
    return [text[s.start : s.end] for s in stock_phrases.measure(Article(text)).spans]


@pytest.mark.parametrize("text", ["", "\U0001f600"], ids=["empty", "emoji"])
def test_a_text_without_words_has_no_measure(text: str) -> None:
    reading = stock_phrases.measure(Article(text))
    assert set(reading.values) == {f.name for f in stock_phrases.FEATURES}
    assert all(map(math.isnan, reading.values.values()))
    assert reading.spans == []


def test_one_word_has_rates() -> None:
    assert stock_phrases.measure(Article("Bridge")).values["stock_phrases_per_1k_words"] == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is important to note that trains run.", ["It is important to note that"]),
        ("It should also be noted that trains run.", ["It should also be noted that"]),
        ("The bridge stands as a testament to its makers.", ["stands as a testament to"]),
        ("The vote underscores the importance of ferries.", ["underscores the importance"]),
        ("In a significant development, the pier opened.", ["In a significant development"]),
        ("The ruling marks a significant shift in policy.", ["marks a significant shift in"]),
        ("We must navigate the complexities of tides.", ["navigate the complexities"]),
        ("In conclusion, boats float.", ["In conclusion,"]),
        ("It plays a crucial role in trade.", ["plays a crucial role in"]),
        ("It\u2019s a \u201crich tapestry\u201d of boats.", ["rich tapestry"]),
    ],
    ids=[
        "note",
        "noted",
        "testament",
        "importance",
        "development",
        "shift",
        "complexities",
        "closing",
        "role",
        "curly",
    ],
)
def test_an_overused_phrase_is_quoted(text: str, found: list[str]) -> None:
    assert quoted(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "At the end of the day we went home. That being said, I would go again.",
        "When it comes to bread, my oven is too small.",
        "Police said on Friday that a man had been arrested.",
        "The play ran for a week; the role went to a newcomer.",
        "Note that the train was late, and the landscape was flat.",
        "It's worth noting I never liked the place.",
    ],
    ids=["cliche", "when it comes to", "news", "words apart", "plain", "contraction"],
)
def test_what_people_write_is_not_quoted(text: str) -> None:
    assert quoted(text) == []


def test_tiers_are_counted_apart() -> None:
    v = stock_phrases.measure(
        Article("Trade fell sharply, highlighting a need. Furthermore, the bustling port shut.")
    ).values
    assert v["participle_tails_per_1k_words"] == pytest.approx(1000 / 11)
    assert v["formal_connectives_per_1k_words"] == pytest.approx(1000 / 11)
    assert v["machine_vocabulary_per_1k_words"] == pytest.approx(1000 / 11)
    assert v["strong_stock_phrases_per_1k_words"] == 0


def test_the_same_phrase_again_is_one_kind() -> None:
    once = stock_phrases.measure(Article("A testament to tides.")).values["stock_phrase_kinds_log"]
    assert (
        stock_phrases.measure(Article("A testament to tides. A testament to sand.")).values["stock_phrase_kinds_log"]
        == once
    )


def test_every_tier_has_phrases() -> None:
    tiers = {e["name"] for e in sources()["stock_phrases"]["entry"]}
    assert tiers == set(stock_phrases._TIERS)
