"""Digest: what a newsletter speaks of, and how its entries are laid out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.article import Article
from detector.signals import digest

STORY = (
    "Ines Dray farms the bottom field below the quarry road, where the culvert was dug by hand.\n\n"
    "She has done so since 1988, when the culvert was new and the road below the quarry was gravel.\n\n"
    "But the water came over the culvert anyway, into the yard, and took two of her ewes with it.\n\n"
    "That was in March, and nobody from the county has been to look at the culvert since then.\n\n"
    "The county sent Dray a letter, which is pinned to the door of the parish office by the road.\n\n"
)
ISSUE = (
    "Hello everyone, here is this week's newsletter: ferries, glass, mountains, libraries\n\n"
    "Second Berth For The North Quay\n\n"
    "Anna Holt reports how the harbour board voted for another ferry berth after years of talks (Courier)\n\n"
    "Glass Works Still On Strike\n\n"
    "Piet Maas explains in a long post why workers enter their third week without any date for talks (Wire)\n\n"
    "Rescue On Mount Ansel\n\n"
    "Jun Sato's video of two climbers brought down from that mountain after one cold night (Evening Post)\n\n"
    "Library Sundays From May\n\n"
    "Lena Brandt found volunteers at desks, free coffee and plenty of children reading comics (Herald)\n\n"
    "Thanks to @holt for the links. Send us your suggestions. Until next week!\n"
)


def values(text: str) -> dict[str, float]:
    return digest.measure(Article(text)).values


@pytest.mark.parametrize("text", ["", "🦊", "?!\n\n—"])
def test_a_text_without_words_has_no_measure(text: str) -> None:
    reading = digest.measure(Article(text))
    assert set(reading.values) == {f.name for f in digest.FEATURES}
    assert all(map(math.isnan, reading.values.values()))


@given(st.text(alphabet='ab AB.,:—\n"()@1*🦊é', max_size=400))
def test_every_text_has_numbers_in_their_bounds(text: str) -> None:
    for name, value in values(text).items():
        assert math.isnan(value) or value >= 0, name
        if name.endswith(("_share", "_overlap", "_reach", "contents_line")):
            assert math.isnan(value) or value <= 1, name


@pytest.mark.parametrize(
    ("name", "story", "issue"),
    [
        ("publications_log", 0, math.log(2)),
        ("greetings_log", 0, math.log(3)),
        ("reader_mentions_log", 0, math.log(3)),
        ("titled_paragraph_share", 0, 1),
        ("unended_paragraph_share", 0, 4 / 5),
        ("named_end_share", 0, 4 / 5),
        ("contents_line", 0, 1),
    ],
)
def test_what_a_story_lacks_and_an_issue_has(name: str, story: float, issue: float) -> None:
    assert values(STORY)[name] == pytest.approx(story)
    assert values(ISSUE)[name] == pytest.approx(issue)


@pytest.mark.parametrize("name", ["works", "thanks"])
def test_an_issue_speaks_of_what_others_did(name: str) -> None:
    rate = f"{name}_per_1k_words"
    assert values(ISSUE)[rate] > 0 == values(STORY)[rate]


def test_entries_of_one_story_share_their_words() -> None:
    def titled(paragraphs: str) -> str:
        return "\n\n".join(f"Part {i}\n\n{p}" for i, p in enumerate(paragraphs.strip().split("\n\n")))

    one, several = values(titled(STORY)), values(ISSUE)
    assert one["entry_overlap"] > 0.2 > several["entry_overlap"]


@pytest.mark.parametrize("text", [STORY, ISSUE])
def test_without_case_nobody_knows_a_name(text: str) -> None:
    assert math.isnan(values(text.lower())["named_end_share"])


@pytest.mark.parametrize(
    ("line", "labelled"),
    [
        ("Marine traffic. Ships use an identification system to broadcast their names and their speed.", True),
        ("- Berth: the board voted for another ferry berth after many years of talks and two inquiries.", True),
        ("Rescue — two climbers were brought down from the mountain after a cold night in the snow.", True),
        (
            "Ships use the identification system of the port to broadcast their names and their speed. Others do not.",
            False,
        ),
    ],
)
def test_labels_are_titles(line: str, labelled: bool) -> None:
    assert values("\n\n".join([line] * 4))["titled_paragraph_share"] == float(labelled)
