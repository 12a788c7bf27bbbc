"""Residue: furniture of pages and feeds is found by phrase, shape and place; articles are left alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from growth import grows_linearly

from detector.article import Article
from detector.signals import residue

A = (
    "The council of Upper Marlow met on Tuesday evening to vote on the new bridge, which residents of the Old Harbour "
    "have wanted for a decade, and Mayor Ana Silva asked them to wait until spring.\n"
)
B = (
    "Work is to begin in April, the mayor told reporters at the Town Hall, and to last for two years at a cost of nine "
    "million, most of which the Ministry of Transport has promised to pay.\n"
)
BODY = A + B + A.replace("Tuesday", "Friday") + B.replace("April", "October")


def lines(article: Article) -> list[str]:
    chosen = residue.furniture(article)
    return [article.folded[a:b] for (a, b), furniture in zip(article.lines, chosen, strict=True) if furniture]


def quotes(article: Article) -> list[str]:
    return [article.folded[s.start : s.end] for s in residue.measure(article).spans]


@pytest.mark.parametrize("text", ["", " \n "], ids=["empty", "blank"])
def test_no_lines_is_nan(text: str) -> None:
    reading = residue.measure(Article(text))
    assert set(reading.values) == {f.name for f in residue.FEATURES}
    assert all(math.isnan(v) for v in reading.values.values())
    assert residue.furniture(Article(text)) == ()


@pytest.mark.parametrize("text", ["bridge", "🎈", BODY], ids=["one word", "emoji", "article"])
def test_an_article_has_none(text: str) -> None:
    reading = residue.measure(Article(text))
    assert set(reading.values.values()) == {0.0}
    assert reading.spans == []


FURNITURE = {
    "comment form": ["Leave a Reply", "Your email address will not be published. Required fields are marked *"],
    "first comment": ["What is your opinion on this topic?", "Leave the first comment"],
    "share": ["Share this article", "Share on Facebook"],
    "newsletter": ["Sign up for our newsletter"],
    "cookies": ["This website uses cookies. Accept all cookies"],
    "related": ["You may also like"],
    "footer": ["Privacy Policy", "Terms of Use", "© 2021 The Valley Post. All rights reserved."],
}


@pytest.mark.parametrize("tail", FURNITURE.values(), ids=FURNITURE)
def test_furniture_after_an_article(tail: list[str]) -> None:
    article = Article(BODY + "\n".join(tail))
    assert lines(article) == tail
    assert quotes(article) == tail


def test_a_feed_is_furniture_from_its_label_to_its_last_item() -> None:
    feed = (
        "Read next\n17:30\nA ferry ran aground near the old harbour on Monday, and nobody was hurt.\n"
        "14:05\nTrade\nPorts report their best month since the spring of last year, officials said.\n"
    )
    article = Article(BODY + feed + "Leave a comment")
    assert lines(article) == (feed + "Leave a comment").splitlines()
    assert residue.measure(article).values["time_stamped_items_log"] == pytest.approx(math.log(3))


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("Over. [This story has been trending online recently. Your feed is customized.]", "Your feed is customized"),
        (A.strip() + " Read next 17:30 A ferry ran aground. " + B, "Read next"),
        ("Bye. Your email address will not be published. Required fields are marked *", "Required fields are marked"),
    ],
    ids=["feed notice", "label", "comment form"],
)  # fmt: skip
def test_furniture_within_a_paragraph(text: str, quote: str) -> None:
    assert any(quote in found for found in quotes(Article(text)))


def test_the_repeated_headline_is_one_and_the_first_is_not() -> None:
    title = "Council Votes For A New Bridge\n"
    article = Article(title + "\n" + title + BODY)
    assert residue.furniture(article)[:2] == (False, True)
    assert residue.measure(article).values["title_repeats_log"] == math.log(2)


CLEAN = {
    "poem": "The river runs, the river runs,\nIt hears our say;\nThe river runs, the river runs,\nAnd none will stay.",
    "dialogue": '"Where were you?"\n"Out."\n"Out where?"\n"By the river. I told you."\n"You told me nothing."\n' + A,
    "steps": A + "1. Fill the kettle.\n2. Wait for a minute.\n3. Pour the water over the leaves.\n4. Serve.\n" + B,
    "interview": A + "Q: Why a bridge?\nA: The ferry stops at six.\nQ: Who pays?\nA: All of us.\n" + B,
    "ingredients": "For the dough\n200 g flour\n2 eggs\n1 pinch of salt\nFor the filling\n3 apples\n" + A,
    "headings": A + "A long wait\n" + B + "What the plan costs\n" + A + "Who is against it\n" + B,
    "quote": A + '"We have waited long enough."\n— Ana Silva, baker\n' + B,
    "share": "Share your bread with those who follow you home, subscribe to no creed, and print nothing you regret. "
    + A,
    "timetable": "The day at the fair:\n09:00\nGates open\n17:30\nClosing\n" + A,
    "reply": "They asked her to leave a reply at the desk, and she said that she would read next week. " + A,
}


@pytest.mark.parametrize("text", CLEAN.values(), ids=CLEAN)
def test_articles_are_left_alone(text: str) -> None:
    article = Article(text)
    assert lines(article) == []
    assert quotes(article) == []


def test_a_heading_below_a_byline_belongs_to_the_article() -> None:
    article = Article("Council Votes For A Bridge\n2021-05-17\nAuthor: Emily\nIntroduction\n" + A.strip() + " " + B)
    assert "Introduction" not in lines(article)
    assert "Council Votes For A Bridge" not in lines(article)


def test_scores_stand_for_lines_and_lie_between_0_and_1() -> None:
    article = Article(BODY + "Leave a Reply\nName *\nEmail *\nWebsite")
    scores = residue.line_scores(article)
    assert scores.shape == (len(article.lines),)
    assert np.all((scores >= 0) & (scores <= 1))


def test_a_judge_survives_being_stored() -> None:
    judge = residue._judge()
    again = residue.LineJudge.from_json(judge.to_json())
    assert again.to_json() == judge.to_json()
    article = Article(BODY + "Leave a Reply\nName *\nEmail *\nWebsite")
    assert np.array_equal(residue.line_scores(article, again), residue.line_scores(article, judge))


def test_wording_is_words_and_pairs_with_every_digit_a_0() -> None:
    assert residue.wording("don't wait: 17:30!") == [
        *("don't", "wait", ":", "00", ":", "00", "!"),
        *(("^", "don't"), ("don't", "wait"), ("wait", ":"), (":", "00"), ("00", ":"), (":", "00"), ("00", "!")),
        ("!", "$"),
    ]


def test_a_line_of_two_phrases_is_nothing_but_furniture() -> None:
    article = Article(BODY + "Your email address will not be published. Required fields are marked *")
    assert residue._labels(article, whole=True) == {len(article.lines) - 1: "comment_form"}


def test_words_that_paragraphs_share_speak_for_a_line() -> None:
    content = [{"bridge", "council"}, {"bridge", "ferry"}, {"bridge"}, {"recipe"}, set[str]()]
    shared, topical = residue._of_the_article(content, np.array([True, True, False, False, False]))
    assert shared.tolist() == [0.5, 0.5, 1, 0, 0]
    assert topical[2] == 1
    assert topical.argmax() == 2
    assert not topical[3:].any()


def test_what_is_certain_is_furniture() -> None:
    article = Article(BODY + "Leave a Reply\nName *\nEmail *\nWebsite\nThe ferry will run until the last day.")
    certain, furniture = residue.certain(article), np.array(residue.furniture(article))
    assert certain.any()
    assert not (certain & ~furniture).any()


@pytest.mark.parametrize(
    "text",
    ["a" * 1_000_000, "share\n" * 50_000, "read next 17:30 " * 20_000, "read next\n17:30\n" * 20_000, "[©|" * 200_000],
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    def work(part: str) -> Callable[[], object]:
        article = Article(part)
        article.matches  # noqa: B018
        return lambda: residue.measure(article)

    assert grows_linearly(work, text)


def test_the_seeds_quotations_are_covered(shared: Path) -> None:
    expected = json.loads((shared / "seeds" / "expected.json").read_text())["articles"]
    for name, row in expected.items():
        text = (shared / "seeds" / name).read_bytes().decode()
        article = Article(text)
        spans = [article.span(s.start, s.end) for s in residue.measure(article).spans]
        for quote in row["evidence"].get("residue", []):
            places = [i for i in range(len(text)) if text.startswith(quote, i)]
            assert any(s.start < at + len(quote) and at < s.end for at in places for s in spans), quote
