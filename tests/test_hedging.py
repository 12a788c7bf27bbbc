"""Hedges and boosters: which words count, what is quoted with them, and where they stand."""

from __future__ import annotations

import math

import pytest

from detector.article import Article
from detector.signals import hedging


def quoted(text: str) -> list[str]:
    return [text[s.start : s.end] for s in hedging.measure(Article(text)).spans]


def values(text: str) -> dict[str, float]:
    return hedging.measure(Article(text)).values


@pytest.mark.parametrize("text", ["", "\U0001f600"], ids=["empty", "emoji"])
def test_a_text_without_words_has_no_measure(text: str) -> None:
    reading = hedging.measure(Article(text))
    assert set(reading.values) == {f.name for f in hedging.FEATURES}
    assert all(map(math.isnan, reading.values.values()))
    assert reading.spans == []


def test_one_word_has_rates_but_no_positions() -> None:
    v = values("Bridge")
    assert v["hedges_per_1k_words"] == 0
    assert math.isnan(v["hedges_last_third_share"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The closure could drastically alter trade.", ["could drastically alter trade"]),
        ("A late vote might favor the harbour, he thinks.", ["might favor the harbour"]),
        ("Help may come too late.", ["may come too late"]),
        ("It could be the difference between the two.", ["could be the difference"]),
        ("The dam could fail and the town might flood.", ["could fail", "might flood"]),
        ("The bridge is possibly the oldest.", ["possibly the oldest"]),
        ("It could.", ["could"]),
        ("the ferry may sail. it sank in may 2021.", ["may sail"]),
    ],
    ids=["adverb", "object", "complement", "cut before a preposition", "two clauses", "adverb alone", "end", "month"],
)
def test_a_speculation_is_quoted_with_what_it_hedges(text: str, found: list[str]) -> None:
    assert quoted(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "The mayor of Almost signed the mighty treaty.",
        "On May 5 the ferry sailed.",
        "Theresa May resigned.",
        "the vote of may 12 was close. it ended in may.",
        "She said the bridge will open.",
        "He would go home.",
    ],
    ids=["inside words", "month with a day", "a name", "lower-cased month", "plain future", "habit"],
)
def test_what_is_no_speculation_is_not_quoted(text: str) -> None:
    assert quoted(text) == []


def test_rates_count_hedges_and_boosters_apart() -> None:
    v = values("It may rain. It is certainly crucial. Perhaps it will snow tomorrow in town again.")
    assert v["hedges_per_1k_words"] == pytest.approx(2000 / 15)
    assert v["boosters_per_1k_words"] == pytest.approx(2000 / 15)
    assert v["hedge_booster_log_ratio"] == 0
    assert v["hedged_sentence_share"] == pytest.approx(2 / 3)


def test_positions_tell_an_outlook_from_an_opening() -> None:
    plain = "The council met on Tuesday and voted for the bridge. " * 6
    assert values(plain + "It could fail.")["hedges_last_third_share"] == 1
    assert values("It could fail. " + plain)["hedges_last_third_share"] == 0
    assert values("It could fail. " + plain)["hedges_first_third_share"] == 1
