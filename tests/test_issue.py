"""Issue: words by which a text says that it is an issue of a newsletter, digest or roundup."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.article import Article
from detector.signals import issue


def quoted(text: str) -> list[str]:
    article = Article(text)
    return [article.folded[s.start : s.end] for s in issue.measure(article).spans]


def kinds(text: str) -> float:
    return issue.measure(Article(text)).values["kinds"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("In this week's harbour newsletter we go to sea.", "this week's harbour newsletter"),
        ("This is the 23rd newsletter of the guild.", "23rd newsletter"),
        ("Harbour Digest #12 is out.", "Digest #12"),
        ("Harbour Digest: December 8th", "Digest: December"),
        ("Another edition of the usual.", None),
        ("Another edition, and a long one.", "Another edition"),
        ("In this issue: ferries and glass.", "In this issue"),
        ("In this issue of the journal, Holt counts ferries.", None),
        ("This issue has been open since May.", None),
        ("Browse past issues in the archive.", "past issues"),
        ("The first edition of her novel sold out.", None),
        ("Welcome to the Harbour and Dock Workers' Weekly.", "Welcome to the Harbour and Dock Workers' Weekly"),
        ("Welcome to the harbour.", None),
        ("Send us links for the newsletter.", "Send us links for the newsletter"),
        ("Submit an issue on the tracker.", None),
        ("This week in ferries\n\nA berth was voted.", "This week in"),
        ("Nothing happened this week in March.", None),
        ("Dear readers,\n\nmuch is new.", "Dear readers"),
        ("Here is what we're reading.", "what we're reading"),
        ("Tweet of the week", "Tweet of the week"),
        ("The latest news from around the harbour.", "latest news from"),
        ("Much was done since our last update.", "since our last update"),
        ("Until next week!", "Until next week"),
        ("That's it for this month.", "That's it for this"),
        ("Friday links, no. 118\n\nLate again, sorry.", "Friday links, no. 118"),
        ("Harbour Events Round-Up\n\nA berth was voted.", "Harbour Events Round-Up"),
        ("Five links between the harbour and the old glass works that nobody has written about yet\n\nOne.", None),
        ("The council sent a newsletter to every house.", None),
        ("He edited the bulletin for years, then the digest.", None),
    ],
)
def test_one_way_of_saying_it(text: str, words: str | None) -> None:
    assert kinds(text) == (words is not None)
    assert quoted(text) == ([words] if words else [])


def test_ways_of_different_kinds_add_up_and_those_of_one_kind_do_not() -> None:
    assert kinds("Welcome to this week's newsletter, which is the ninth newsletter.") == 2
    assert kinds("Harbour Newsletter #12\n\nA berth was voted.") == 2  # its title and its number
    assert kinds("Until next week, happy reading, see you next week.") == 1
    several = "In this issue: boats. Past issues are online. Quote of the week: none. Until next time!"
    assert kinds(several) == 3  # and not four: more say no more


@pytest.mark.parametrize("text", ["", "🦊", "?!\n\n—"])
def test_a_text_without_words_has_no_measure(text: str) -> None:
    assert math.isnan(kinds(text))


@given(st.text(alphabet="ab é\n#9", max_size=20), st.sampled_from(["next issue", "Newsletter #3", "until next week"]))
def test_its_words_are_found_wherever_they_stand(before: str, words: str) -> None:
    article = Article(f"{before}. The {words}\n")
    spans = issue.measure(article).spans
    assert article.lowered[spans[-1].start : spans[-1].end].endswith(words.lower())
    assert all(0 <= s.start < s.end <= len(article.folded) for s in spans)
