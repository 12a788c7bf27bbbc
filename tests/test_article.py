"""The neutral reading of a text: what it ignores, what it keeps, and that its offsets lead back."""

from __future__ import annotations

import textwrap
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.article import MAX_CHARS, Article, Known, Lexis, sums_between, tokenize
from detector.errors import InputError

PROSE = (
    "The harbour office in Dover opened its doors at dawn, and by 9:30 more than 1,200 people from Kent stood in line. "
    '"We didn\'t expect this," said Ms. Ortiz, who has run the place since 2004. Nobody left early.\n'
    "Her deputy was less sure — the café’s staff had warned him twice. It cost $4.5 million in the end, "
    "and the council's auditors, led by J. B. Hale, still do not know where a third of it went. "
    "They will report in September; until then, the doors stay open, whatever the weather brings.\n"
    "What happens next depends on the vote, the weather and the patience of those who queue outside. "
    "A second office could open by spring, though nobody in the town hall would say so on the record."
)

# Anything at all: emoji, right-to-left, astral, combining and zero-width characters, lone surrogates.
anything = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs"]),
        st.sampled_from(list("aB1 .,!?'\"-&;\n\r\t“”’…—\u00a0\u200b\u0301\u2028éАא😀👩‍👧")),
    ),
    max_size=200,
)


@given(anything)
@settings(max_examples=400)
def test_every_range_leads_back_to_the_given_text(text: str) -> None:
    article = Article(text)
    n = len(article.folded)
    assert len(article.lowered) == n
    last = 0
    for at in range(n):
        start, end = article.span(at, at + 1)
        assert last <= start < end <= len(text)
        last = end
    if n:
        assert article.span(0, n) == (article.span(0, 1)[0], article.span(n - 1, n)[1])


@given(anything)
@settings(max_examples=400)
def test_folded_text_is_tidy(text: str) -> None:
    folded = Article(text).folded
    assert folded == folded.strip()
    assert not any(pair in folded for pair in ("  ", "\n\n", " \n", "\n ", "--", "''", ".."))
    folded.encode()  # no lone surrogates


@given(anything)
@settings(max_examples=400)
def test_lines_sentences_and_tokens_partition_the_text(text: str) -> None:
    article = Article(text)
    folded, lowered = article.folded, article.lowered
    assert "\n".join(folded[a:b] for a, b in article.lines) == folded
    covered = 0
    for start, end in article.sentences:
        assert start < end
        assert "\n" not in folded[start:end]
        assert not folded[covered:start].strip()
        covered = end
    assert covered == len(folded)
    assert len(article.sentence_tokens) == len(article.sentence_words) == len(article.sentences)
    assert tuple(t for s in article.sentence_tokens for t in s) == article.tokens
    assert article.sentence_words.sum() == len(article.words)
    assert article.words == tuple(t for t in article.tokens if t[0].isalnum())
    for token, start in zip(article.tokens, article.token_starts.tolist(), strict=True):
        assert lowered[start : start + len(token)] == token


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\n", "\u200b", "😀", "word", "😀 👩‍👧", "\ud800", "...", "مرحبا بالعالم", "&", "a", "-", "\ufeff"],
    ids=ascii,
)
def test_degenerate_texts_can_be_read(text: str) -> None:
    article = Article(text)
    assert len(article.sentences) == len(article.sentence_tokens)
    assert not article.has_case
    assert isinstance(article.matches, dict)


def wrap(text: str, width: int, between: str = "\n\n") -> str:
    return between.join(textwrap.fill(line, width, break_on_hyphens=False) for line in text.split("\n"))


DAMAGE = {
    "curly quotes": lambda t: t.replace(' "', " “").replace('"', "”").replace("'", "’"),
    "doubled apostrophes": lambda t: t.replace('"', "''"),
    "CRLF": lambda t: t.replace("\n", "\r\n"),
    "old Mac lines": lambda t: t.replace("\n", "\r"),
    "extra blank lines": lambda t: "\n\n" + t.replace("\n", "\n\n \n") + "\n \n",
    "double spaces": lambda t: t.replace(". ", ".  "),
    "tabs": lambda t: t.replace(", ", ",\t"),
    "NBSP": lambda t: t.replace("and ", "and\u00a0"),
    "NFD": lambda t: unicodedata.normalize("NFD", t),
    "NFC": lambda t: unicodedata.normalize("NFC", t),
    "zero-width characters": lambda t: t.replace("e", "e\u200b").replace("o", "\u00ado"),
    "HTML entities": lambda t: t.replace('"', "&quot;").replace("'", "&#39;").replace("—", "&mdash;"),
    "hexadecimal entities": lambda t: t.replace("'", "&#x2019;"),
    "hyphens for dashes": lambda t: t.replace("—", "--"),
    "spaced hyphen for a dash": lambda t: t.replace("—", "-"),
    "Cyrillic homoglyphs": lambda t: t.replace("o", "о").replace("c", "с").replace("H", "Н"),
    "byte order mark": lambda t: "\ufeff" + t,
    **{f"hard-wrapped at {width}": lambda t, width=width: wrap(t, width) for width in (60, 66, 72, 80)},
    **{f"hard-wrapped at {width}, no blank lines": lambda t, width=width: wrap(t, width, "\n") for width in (66, 80)},
    "hard-wrapped, CRLF": lambda t: wrap(t, 70).replace("\n", "\r\n"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_what_must_not_matter_is_folded_away(damage) -> None:  # type: ignore[no-untyped-def]
    damaged = damage(PROSE)
    article = Article(damaged)
    assert article.folded == Article(PROSE).folded
    start = article.folded.index("council")
    start, end = article.span(start, start + len("council's auditors"))
    assert Article(damaged[start:end]).folded.split() == ["council's", "auditors"]


def test_full_lines_that_each_start_anew_are_no_wraps() -> None:
    headlines = "\n".join(f"{name} says that the council will close the northern berth this year" for name in NAMES)
    assert Article(f"Five things they said\n{headlines}\nMore tomorrow").folded.count("\n") == len(NAMES) + 1


NAMES = ("Anna", "Berta", "Clara", "Doris", "Edith", "Frida", "Greta")
INDENTED = """The harbour board met on Monday and put off, for the third time this year, the vote on the quay wall.

At a glance

  • Repairs to the quay would take two summers and close the northern berth to the ferries
  • Nobody has said who would pay
    • The port has asked the ministry for a share that it turned down in 2019 and again last spring

  1. Board puts off the vote on the quay for a third time, and the ferry operator asks why it was not told of it
 10. Divers found the wall hollow behind the northern berth and measured the hole twice in one week of calm water
"""


@pytest.mark.parametrize("width", range(60, 81, 4))
def test_wrapped_items_are_one_line_whatever_their_indent(width: int) -> None:
    wrapped = "\n".join(textwrap.fill(line, width, break_on_hyphens=False) for line in INDENTED.split("\n"))
    assert wrapped != INDENTED
    assert Article(wrapped).folded == Article(INDENTED).folded


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("one\n- two\n  - three\n\t- four", "one\n- two\n- three\n- four"),
        ("a - b", "a — b"),
        ("1990–95", "1990—95"),
        ("wait...", "wait."),
        ("wait…", "wait."),
        ("AT&amp;T &copy; &bogus; &", "AT&T © &bogus; &"),
        ("one\u2028two\x85three", "one\ntwo\nthree"),
        ("a\x00b", "a b"),
        ("first line of a poem\nsecond one\nthird one\nlast", "first line of a poem\nsecond one\nthird one\nlast"),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert Article(text).folded == folded


@pytest.mark.parametrize(
    ("text", "phrase", "quoted"),
    [
        ("😀😀 naïve “talk”", '"talk"', "“talk”"),
        ("a cafe\u0301 there", "cafe", "cafe\u0301"),
        ("AT&amp;T pays", "at&t", "AT&amp;T"),
        ("so -- it ends", "— it", "-- it"),
        ("one  \n\n two", "one\ntwo", "one  \n\n two"),
    ],
    ids=ascii,
)
def test_a_span_quotes_the_text_as_given(text: str, phrase: str, quoted: str) -> None:
    article = Article(text)
    start = article.lowered.index(phrase)
    start, end = article.span(start, start + len(phrase))
    assert text[start:end] == quoted


def test_an_empty_range_has_no_span() -> None:
    with pytest.raises(ValueError, match="no such range"):
        Article("word").span(2, 2)


SENTENCES = {
    "plain": ["One came.", "Two left!", "Who stayed?"],
    "title": ["Dr. Hale met Mrs. Ortiz.", "They talked."],
    "initials": ["J. R. Hale and Mary B. Ortiz spoke.", "She left."],
    "country": ["He said U.S. forces left the U.K. in May.", "It rained."],
    "country at the end": ["He lives in the U.S.", "The others left."],
    "company at the end": ["She works at Hale Inc.", "It pays well."],
    "company inside": ["Hale Inc. Chairman Ortiz left.", "He was late."],
    "decimal": ["It rose 8.2 percent to 1,000.5 points.", "Shares fell."],
    "time": ["It opens at 9 a.m. on Monday.", "It shuts at 5 p.m.", "The queue is long."],
    "quote, then who said it": ['"Why?" he asked.', '"I see," she said.', '"Go!" he said.'],
    "quote ends": ['He said "I will go."', '"So will I."', "They went."],
    "brackets": ["It works (or so they say).", "(Nobody knows.)", "It ends."],
    "note marks": ["It was built in 1904.[3]", "It burned down.[12]", "Nobody died."],
    "ellipsis": ["Well. maybe not.", "We left the place."],
    "number": ["It is No. 5 on the list.", "He said no.", "Then he left."],
    "example": ["Use a tool, e.g. Hammer or saw.", "It works."],
    "marks": ["What?!", "You heard me."],
    "list number": ["1. Open the box."],
    "file name": ["Edit the main.py file at example.com first.", "Run it."],
}


@pytest.mark.parametrize("sentences", SENTENCES.values(), ids=SENTENCES.keys())
def test_sentences(sentences: list[str]) -> None:
    tail = " The board met Mr Hale and Ms Ortiz in Dover, near Calais, and went Home to Leeds."  # so that it has case
    article = Article(" ".join(sentences) + tail)
    assert article.has_case
    assert [article.folded[a:b] for a, b in article.sentences][:-1] == sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("word", ["word"]),
        ("😀", ["😀"]),
        ("one line.\nno end\nanother", ["one line.", "no end", "another"]),
        ("it came. it left. nobody knew mr. hale.", ["it came.", "it left.", "nobody knew mr. hale."]),
        ("The end came.Next they left.", ["The end came.", "Next they left."]),
        ("Use U.S.Army and www.Example.Com there.", ["Use U.S.Army and www.Example.Com there."]),
    ],
)
def test_sentences_of_odd_texts(text: str, sentences: list[str]) -> None:
    article = Article(text)
    assert [article.folded[a:b] for a, b in article.sentences] == sentences


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", ()),
        ("😀", ()),
        ("word", ("word",)),
        ("don't can't won't isn't", ("do", "n't", "ca", "n't", "wo", "n't", "is", "n't")),
        ("do n't", ("do", "n't")),
        ("it's the dogs' o'clock", ("it", "'s", "the", "dogs", "'", "o", "'clock")),
        ("1,000.5 at 17:30, v1.2.3.", ("1,000.5", "at", "17:30", ",", "v", "1.2.3", ".")),
        ("covid-19 — gpt4 (50%)", ("covid", "-", "19", "—", "gpt", "4", "(", "50", "%", ")")),
        ("see https://a.example/b?c=1,d and www.x.example now",
         ("see", "https://a.example/b?c=1,d", "and", "www.x.example", "now")),
        ("a*b_c#d|e", ("a", "b", "c", "d", "e")),
        ("$5 \"no\" & 'so'", ("$", "5", '"', "no", '"', "&", "'so", "'")),
        ("straße naïve шаг", ("straße", "naïve", "шаг")),
    ],
    ids=ascii,
)  # fmt: skip
def test_tokens(text: str, tokens: tuple[str, ...]) -> None:
    assert tokenize(text) == tokens


@pytest.mark.parametrize(
    ("text", "has_case"),
    [
        (PROSE, True),
        (PROSE.lower(), False),
        (PROSE.upper(), False),
        (PROSE.title(), False),
        (". ".join(s.capitalize() for s in PROSE.lower().split(". ")), False),
    ],
    ids=["prose", "lower", "upper", "title", "sentence case"],
)
def test_has_case(text: str, has_case: bool) -> None:
    assert Article(text).has_case is has_case


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="bytes") as caught:
        Article(b"text")  # type: ignore[arg-type]
    assert caught.value.code == "not_text"
    with pytest.raises(InputError, match="limit") as caught:
        Article("a" * (MAX_CHARS + 1))
    assert caught.value.code == "too_long"


HOSTILE = {
    "one letter": "a",
    "no blank, stops": "a.",
    "stops": ".",
    "marks": "!?",
    "quotes": "\"'",
    "brackets": "([",
    "notes": ".[1]",
    "apostrophes": "n't'",
    "blanks": " ",
    "blank lines": "\n",
    "short lines": "ab\n",
    "wrapped lines": "word " * 12 + "\n",
    "initials": "U.S. ",
    "entities": "&amp;",
    "ampersands": "&#",
    "hyphens": " - ",
    "addresses": "https://",
    "digits": "1,",
    "zero-width": "\u200b",
    "combining": "e\u0301",
    "astral": "😀",
    "CJK": "漢字",
    "surrogates": "\ud800",
    "glued": "end.Next",
}


def read(text: str) -> float:
    """Seconds of processor time that the whole reading takes; the best of three."""
    best = float("inf")
    for _ in range(3):
        article = Article(text)
        start = time.process_time()
        article.sentence_tokens, article.words, article.lines, article.has_case, article.sentence_words  # noqa: B018
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE.keys())
def test_reading_takes_linear_time(unit: str) -> None:
    small, large = (unit * (n // len(unit)) for n in (20_000, 80_000))
    assert read(large) < 12 * read(small) + 0.02


def test_sentence_words_are_counts() -> None:
    counts = Article("One, two. Three!\n— \nFour five six.").sentence_words
    assert np.array_equal(counts, [2, 1, 0, 3])


@given(st.lists(st.integers(0, 9), max_size=20), st.data())
def test_sums_between_are_those_of_slices(values: list[int], data: st.DataObject) -> None:
    bounds = sorted(data.draw(st.lists(st.integers(0, len(values)), min_size=1, max_size=8)))
    sums = sums_between(np.array(values, dtype=np.int64), np.array(bounds))
    assert sums.tolist() == [sum(values[a:b]) for a, b in pairwise(bounds)]


def test_threads_number_words_alike() -> None:
    lexis, known = Lexis(), Known(len, np.int64)
    words = ["w" * (1 + i % 50) + str(i % 7) for i in range(2000)]

    def work(_: int) -> list[int]:
        return known.of(lexis, lexis.number(words)).tolist()

    with ThreadPoolExecutor(4) as pool:
        assert all(lengths == list(map(len, words)) for lengths in pool.map(work, range(8)))
    assert len(lexis) == len(lexis.words) == len(set(words))
