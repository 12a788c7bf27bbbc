"""Rhythm: lengths by hand, and what each rate counts and does not count."""

from __future__ import annotations

import math
import time

import pytest

from detector.article import Article
from detector.signals import rhythm


def measure(text: str) -> dict[str, float]:
    return rhythm.measure(Article(text)).values


@pytest.mark.parametrize("text", ["", "😀", "...", "— •"], ids=ascii)
def test_no_words_no_numbers(text: str) -> None:
    values = measure(text)
    assert list(values) == [f.name for f in rhythm.FEATURES]
    assert all(map(math.isnan, values.values()))


def test_one_word() -> None:
    values = measure("word")
    assert {name for name, value in values.items() if math.isnan(value)} == {
        "sentence_words_cv",
        "sentence_words_autocorrelation",
        "line_words_cv",
        "name_share",
        "serial_comma_share",
    }
    assert values["short_sentence_share"] == 1


def test_lengths() -> None:
    values = measure("One two. One two three four.\nOne two. One two three four. One two.\n" + "word " * 36)
    lengths = [2, 4, 2, 4, 2, 36]
    mean = sum(lengths) / 6
    sd = math.sqrt(sum((x - mean) ** 2 for x in lengths) / 5)
    assert values["sentence_words_cv"] == pytest.approx(sd / mean)
    assert values["long_sentence_share"] == pytest.approx(1 / 6)
    assert values["short_sentence_share"] == pytest.approx(5 / 6)
    assert values["line_sentences_mean"] == 2
    lines = [6, 8, 36]
    mean = sum(lines) / 3
    sd = math.sqrt(sum((x - mean) ** 2 for x in lines) / 2)
    assert values["line_words_cv"] == pytest.approx(sd / mean)


def test_autocorrelation() -> None:
    short, long = "One. ", "One two three four five six. "
    assert measure((short + long) * 10)["sentence_words_autocorrelation"] < -0.9
    assert measure(short * 10 + long * 10)["sentence_words_autocorrelation"] > 0.8
    assert math.isnan(measure(short * 10)["sentence_words_autocorrelation"])


RATES = [
    ("commas", "we came, we saw", 1),
    ("commas", "it cost 1,000 there", 0),
    ("semicolons", "we came; we saw", 1),
    ("colons", "one thing: it ends", 1),
    ("colons", "at 17:30 it ends", 0),
    ("dashes", "it ended—so they said – at last -- there", 3),
    ("dashes", "- one\n- well-known", 0),
    ("parentheses", "it ended (they said) there", 1),
    ("questions", "why? who knows?", 2),
    ("exclamations", "no!", 1),
    ("quote_marks", "“yes,” he said", 2),
    ("quote_marks", "don't", 0),
    ("contractions", "I don’t, we've, it's and they 're", 4),
    ("contractions", "the dog's and the dogs' own", 0),
    ("participle_clauses", "it rained, flooding the road, quickly closing it", 2),
    ("participle_clauses", "many came, including dogs, nothing else, being late", 0),
    ("participle_clauses", "running late and ending early", 0),
    ("passives", "it was held and is shut; he has been asked", 3),
    ("passives", "it was red; he is tall", 0),
    ("serial_commas", "bread, cheese, and ham", 1),
    ("serial_commas", "bread, blue cheese, or ham", 1),
    ("serial_commas", "bread, cheese and ham", 0),
]


@pytest.mark.parametrize(("name", "text", "n"), RATES, ids=[f"{name}: {text}" for name, text, _ in RATES])
def test_rates(name: str, text: str, n: int) -> None:
    assert measure(text)[f"{name}_per_1k_words"] * Article(text).n_words / 1000 == pytest.approx(n)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("bread, cheese, and ham", 1),
        ("bread, cheese and ham", 0),
        ("red, white, and blue. bread, cheese and ham", 0.5),
        ("bread and ham", math.nan),
    ],
)
def test_serial_comma_share(text: str, share: float) -> None:
    assert measure(text)["serial_comma_share"] == pytest.approx(share, nan_ok=True)


def test_names_are_counted_only_where_there_is_case() -> None:
    text = "We met Hale in Dover and Ortiz in Kent. The rest went home by train."
    assert measure(text)["name_share"] == pytest.approx(4 / 13)
    assert math.isnan(measure(text.lower())["name_share"])
    assert math.isnan(measure(text.upper())["name_share"])


def test_number_share() -> None:
    assert measure("in 2024 it rose 8.2% to 1,000")["number_share"] == pytest.approx(3 / 7)


@pytest.mark.parametrize("unit", ["a", "a, ", ", ", "a, b", "'t", "x\n", ", aaaaaaaa", "a: ", "is ed "], ids=ascii)
def test_takes_linear_time(unit: str) -> None:
    def seconds(n: int) -> float:
        article = Article(unit * (n // len(unit)))
        rhythm.measure(article)
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            rhythm.measure(article)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(200_000) < 12 * seconds(50_000) + 0.02
