"""`detector clean`: what is furniture beyond doubt goes, everything else stays to the letter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import run
from hypothesis import given
from hypothesis import strategies as st

from detector.article import Article
from detector.signals import residue

STORY = (
    "The council of Upper Marlow met on Tuesday evening to vote on the new bridge, which residents of the Old Harbour "
    "have wanted for a decade, and Mayor Ana Silva asked them to wait until spring.\n\n"
    "Work is to begin in April, the mayor told reporters at the Town Hall, and to last for two years at a cost of nine "
    "million, most of which the Ministry of Transport has promised to pay.\n\n"
    "The ferry, she said, will run until the last day, and those who live on the island will pay nothing for it.\n\n"
)
FORM = "Leave a Reply\nYour email address will not be published. Required fields are marked *\nName *\nEmail *\n"


def test_what_follows_the_story_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "bridge.txt"
    path.write_text(STORY + FORM)
    result = run("clean", path)
    assert result.code == 0
    assert result.out == STORY
    assert "took 4 of 7 lines" in result.err
    assert "bridge.txt" in result.err


def test_what_stands_between_paragraphs_is_taken_and_they_stay_apart() -> None:
    first, rest = STORY.split("\n\n", 1)
    result = run("clean", "-", stdin=f"{first}\n\nSign up for our newsletter\n\n{rest}{FORM}".encode())
    assert result.out == STORY


@pytest.mark.parametrize(
    "text",
    [STORY, STORY.replace("\n", "\r\n"), "", " \n", "bridge", "“Where?” she said.\r\n\r\n🎈 Out\u200b."],
    ids=["story", "CRLF", "empty", "blank", "a word", "odd characters"],
)
def test_a_text_without_furniture_is_printed_to_the_letter(text: str) -> None:
    result = run("clean", "-", stdin=text.encode())
    assert result.code == 0
    assert result.stdout == text.encode()
    assert "took 0 of" in result.err


def test_diff_lists_each_line_with_its_reason_on_stderr() -> None:
    result = run("clean", "-", "--diff", stdin=(STORY + FORM).encode())
    assert result.out == STORY
    listed = [line[2:] for line in result.err.splitlines() if line.startswith("- ")]
    assert listed == FORM.splitlines()
    assert "comment form" in result.err


def test_json_holds_the_text_and_the_lines_taken() -> None:
    given = STORY + FORM
    row = json.loads(run("clean", "-", "--json", stdin=given.encode()).out)
    assert row["id"] == "-"
    assert row["text"] == STORY
    assert [cut["text"] for cut in row["taken"]] == FORM.splitlines()
    for cut in row["taken"]:
        assert given[cut["start"] : cut["end"]] == cut["text"]
        assert 0 <= cut["score"] <= 1
        assert cut["reason"]


def test_a_terminal_is_not_obeyed() -> None:
    result = run("clean", "-", "--diff", stdin=f"{STORY}Leave a Reply\x1b[31m\n{FORM}".encode())
    assert "\x1b" not in result.err


def test_a_file_that_is_not_there_is_one_sentence() -> None:
    result = run("clean", "no/such/file.txt")
    assert result.code == 3
    assert result.out == ""
    assert result.err.count("\n") == 1


LINES = st.sampled_from([*STORY.split("\n\n")[:3], *FORM.splitlines(), "Share", "Read next", "17:30", "“Oh”", "", "  "])


@given(st.lists(LINES, max_size=25).map("\r\n".join))
def test_the_kept_and_the_taken_are_the_whole(text: str) -> None:
    kept, cuts = residue.cut(Article(text))
    ends = [0, *(cut.end for cut in cuts)]
    starts = [*(cut.start for cut in cuts), len(text)]
    assert all(a <= b for a, b in zip(ends, starts, strict=True))
    assert kept.split() == " ".join(text[a:b] for a, b in zip(ends, starts, strict=True)).split()


@given(st.lists(LINES, max_size=25).map("\n".join))
def test_only_lines_that_are_shown_as_furniture_are_taken(text: str) -> None:
    article = Article(text)
    shown = [article.span(s.start, s.end) for s in residue.measure(article).spans]
    assert all(any(a <= cut.start and cut.end <= b for a, b in shown) for cut in residue.cut(article)[1])
