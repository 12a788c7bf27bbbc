"""Hashed n-grams: the same for the same words, blind to topic where they should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from detector import features
from detector.article import Article
from detector.signals.layout import LEAST
from detector.signals.wording import BITS, BLOCKS, Encoder, style_class

SEEDS = Path(__file__).resolve().parents[1] / "seeds"
COMMON = ("the", "of", "was", "and", "n't", "'s")


def columns(text: str, block: str) -> list[int]:
    return Encoder(COMMON).encode([Article(text)])[0][block].columns.tolist()


@pytest.mark.parametrize("text", ["", "word", "🙂", "The roof fell.", "Roofs\n\n- One fell.\n- One did not."])
def test_every_gram_has_its_column(text: str) -> None:
    article = Article(text)
    for block, sizes in BLOCKS.items():
        n = len(article.tokens)
        if block == "layout":
            n = len(article.lines) if len(article.lines) >= LEAST else 0
        found = columns(text, block)
        assert len(found) == sum(max(0, n - size + 1) for size in sizes)
        assert all(0 <= c < 1 << BITS for c in found)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("The roof of the baths fell.", "The wall of the mills shut."),
        ("It was 1,204 miles.", "It was 7 miles."),
    ],
)
def test_style_is_blind_to_topic(a: str, b: str) -> None:
    assert columns("the baths was", "style") == columns("the mills was", "style")
    assert columns("the baths was", "words") != columns("the mills was", "words")
    assert len(columns(a, "style")) == len(columns(b, "style"))


@pytest.mark.parametrize(
    ("given", "same"),
    [
        pytest.param("“Don’t go,” she said.", '"Do n\'t go," she said.', id="quotes and tokenised text"),
        pytest.param("It fell — twice.", "It fell -- twice.", id="dashes"),
        pytest.param("It fell\ntwice .", "It  fell twice.", id="spaces"),
        pytest.param("See https://a.example/x now", "See https://b.example/y now", id="links are left out"),
    ],
)
def test_formatting_changes_nothing(given: str, same: str) -> None:
    assert columns(given, "words") == columns(same, "words")


def test_words_about_language_models_say_nothing_of_who_wrote_them() -> None:
    about, without = "The OpenAI agents of ChatGPT fell .", "The of fell ."
    assert columns(about, "words") == columns(without, "words")
    # how the sentence is built stays: rare words of such endings do as well
    assert columns(about, "style") == columns("The granit gardens of blurgit fell .", "style")


@pytest.mark.parametrize(
    ("word", "stands_for"),
    [("running", "~ing"), ("relation", "~tion"), ("cat", "~1"), ("quickly", "~ly"), ("zz", "~0")],
)
def test_style_class(word: str, stands_for: str) -> None:
    assert style_class(word) == stands_for


def test_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.article._KEPT_WORDS", 10)
    encoder = Encoder(())
    texts = [" ".join(f"w{chr(97 + i)}{chr(97 + j)}" for i in range(9)) for j in range(9)]
    articles = [Article(text) for text in texts]
    for text, article in zip(texts, articles, strict=True):
        assert encoder.encode([article])[0]["words"].columns.tolist() == columns(text, "words")
        assert len(article.lexis) <= 10 + 9
    first = encoder.encode(articles[:1])[0]["words"]  # whose words are numbered otherwise by now
    assert first.columns.tolist() == columns(texts[0], "words")


def test_page_furniture_is_nobodys_wording() -> None:
    story = (SEEDS / "bridge-hearing.txt").read_text("utf-8")
    page = Article(story + "\nLeave a Reply\n\nYour email address will not be published.\n\nRequired fields are marked")
    encoder = Encoder(COMMON)
    theirs = set(columns("email address", "words"))
    read = features.encode(page, encoder)["words"].columns.tolist()
    assert theirs <= set(encoder.encode([page])[0]["words"].columns.tolist())
    assert not theirs & set(read)
    assert features.measure([page], encoder)[0].grams["words"].columns.tolist() == read
