"""Diversity measures against their definitions, and their independence of length."""

from __future__ import annotations

import math
import random
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.article import Article
from detector.signals import diversity


def measure(text: str) -> dict[str, float]:
    return diversity.measure(Article(text)).values


def draw(n: int, seed: int = 0, vocabulary: int = 2000) -> list[str]:
    """Words by Zipf's law; letters only, so that each is one word."""
    weights = [1 / rank for rank in range(1, vocabulary + 1)]
    names = ["".join("abcdefghij"[int(d)] for d in str(k)) + "x" for k in range(vocabulary)]
    return random.Random(seed).choices(names, weights, k=n)


@pytest.mark.parametrize("text", ["", "😀", "...", "— •"], ids=ascii)
def test_no_words_no_numbers(text: str) -> None:
    values = measure(text)
    assert list(values) == [f.name for f in diversity.FEATURES]
    assert all(map(math.isnan, values.values()))


def test_one_word() -> None:
    values = measure("word")
    assert {name for name, value in values.items() if not math.isnan(value)} == {"hapax_share", "function_word_share"}


@given(st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=260))
def test_measures_are_what_they_are_defined_to_be(words: list[str]) -> None:
    values = measure(" ".join(words))
    n, counts = len(words), Counter(words)
    for w in (50, 100):
        windows = [len(set(words[i : i + w])) / w for i in range(n - w + 1)]
        expected = sum(windows) / len(windows) if windows else math.nan
        assert values[f"mattr_{w}"] == pytest.approx(expected, nan_ok=True)
    if n > 1:
        assert values["yules_k"] == pytest.approx(1e4 * (sum(c * c for c in counts.values()) - n) / n**2)
    assert values["hapax_share"] == pytest.approx(sum(c == 1 for c in counts.values()) / len(counts))
    if n > 2:
        trigrams = list(zip(words, words[1:], words[2:], strict=False))
        assert values["repeated_trigram_share"] == pytest.approx(1 - len(set(trigrams)) / len(trigrams))


def test_a_phrase_from_long_ago_is_not_repeated() -> None:
    filler = [f"{a}{b}{c}x" for a in "bcdfg" for b in "aeiou" for c in "jklmnpqrstvz"]
    near = measure(" ".join(["one two three", *filler[:200], "one two three"]))
    far = measure(" ".join(["one two three", *filler, *filler[::-1], "one two three"]))
    assert near["repeated_trigram_share"] > 0
    assert far["repeated_trigram_share"] == 0


def test_openings() -> None:
    values = measure("The dog ran. The dog sat. A cat came. The cat left. Go.")
    assert values["opening_word_repetition"] == pytest.approx(6 / 12)
    assert values["opening_pair_repetition"] == pytest.approx(2 / 12)
    assert values["adjacent_opening_share"] == pytest.approx(1 / 3)


def test_function_words() -> None:
    assert measure("the dog is in the house")["function_word_share"] == pytest.approx(4 / 6)


def test_words_of_separate_stories_stay_apart() -> None:
    rng = random.Random(4)
    stories = [[f"{s}{x}{y}" for x in "aeiou" for y in "klmnp"] for s in "bdfg"]
    apart = [w for story in stories for w in rng.choices(story, k=100)]
    mixed = rng.sample(apart, len(apart))
    assert measure(" ".join(apart))["recurring_word_spread_ratio"] < 0.4
    assert measure(" ".join(mixed))["recurring_word_spread_ratio"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("name", ["mattr_50", "mattr_100", "yules_k", "recurring_word_spread_ratio"])
def test_length_hardly_matters(name: str) -> None:
    short, long = (
        sum(measure(" ".join(draw(n, seed)))[name] for seed in range(12)) / 12 for n in (250, 2000)
    )  # the same source of words
    assert short == pytest.approx(long, rel=0.06)


@pytest.mark.parametrize("unit", ["a ", "a. ", "ab cd. ", "x\n", "aa bb cc dd ee. "], ids=ascii)
def test_takes_linear_time(unit: str) -> None:
    def seconds(n: int) -> float:
        article = Article(unit * (n // len(unit)))
        diversity.measure(article)
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            diversity.measure(article)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(200_000) < 12 * seconds(50_000) + 0.02
