"""The shape of each line, and what n-grams of shapes stand on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.article import Article
from detector.signals.layout import N_SHAPES, shapes
from detector.signals.wording import Encoder

SENTENCE = "The harbour board approved a second ferry berth on Monday evening."


def shape(line: str) -> int:
    """The shape of one line among others."""
    (first, *_) = shapes([Article(f"{line}\n\n{SENTENCE}\n\n{SENTENCE}")]).tolist()
    return int(first)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param("- Ferry berth approved (Courier)", "* Two climbers found (Wire)", id="bullets"),
        pytest.param("• Ferry berth", "— Two climbers", id="other bullets"),
        pytest.param("1. Ferry berth", "12) Two climbers", id="numbers"),
        pytest.param("Ferry berth approved", "Two climbers found", id="titles"),
        pytest.param(SENTENCE, SENTENCE.replace("ferry berth", "library branch"), id="sentences"),
    ],
)
def test_lines_of_one_shape(a: str, b: str) -> None:
    assert shape(a) == shape(b)


def test_shapes_differ_by_mark_size_and_end() -> None:
    lines = [
        "Ferry berth approved",
        "Ferry berth approved.",
        "Ferry berth approved:",
        "Ferry berth approved (Courier)",
        "Ferry berth approved?",
        "Ferry berth approved in 2021",
        "- Ferry berth approved",
        "3. Ferry berth approved",
        "# Ferry berth approved",
        SENTENCE,
    ]
    assert len({shape(line) for line in lines}) == len(lines)
    for no_entry in ("3 ferry berths approved", "-20 degrees were measured"):
        assert shape(no_entry) == shape("Ferry berth approved")


@given(st.lists(st.text(max_size=200), min_size=1, max_size=5))
def test_every_line_has_one_shape_in_any_company(texts: list[str]) -> None:
    articles = [Article(text) for text in texts]
    found = shapes(articles)
    assert ((found >= 0) & (found < N_SHAPES)).all()
    assert found.tolist() == [shape for article in articles for shape in shapes([article]).tolist()]
    assert len(found) == sum(len(article.lines) for article in articles)


def test_furniture_and_lines_of_signs_have_no_part() -> None:
    text = f"First title\n\n{SENTENCE}\n\n■ ■\n\nSecond title\n\nLeave a Reply\n\n{SENTENCE}"
    article = Article(text)
    lines = [article.folded[a:b] for a, b in article.lines]
    (grams,) = Encoder(()).encode([article], [np.array([line == "Leave a Reply" for line in lines])])
    (same,) = Encoder(()).encode([Article(f"Other title\n\n{SENTENCE}\n\nAnother title\n\n{SENTENCE}")])
    assert grams["layout"].columns.tolist() == same["layout"].columns.tolist()
    assert [article.tokens[i] for i in grams["layout"].places] == ["first", "the", "second", "the"]
