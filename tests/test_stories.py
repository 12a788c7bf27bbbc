"""Stories: parts that stand alone, and parts that lean on what was said before."""

from __future__ import annotations

import math

import pytest

from detector.article import Article
from detector.signals import stories

ONE = (
    "Ines Dray farms the bottom field below the quarry road.\n\n"
    "She has done so since 1988, when the culvert was dug by hand and the road was gravel.\n\n"
    "But the water came anyway, over the wall and into the yard, and took two ewes with it.\n\n"
    "That was in March, and nobody from the county has been back to look at the wall since then.\n\n"
    "They sent a letter, which is still pinned to the door of the parish office in the village.\n\n"
)
SEVERAL = (
    "Harbour board approves a second ferry berth for the north quay after years of talks.\n\n"
    "Glass workers enter the third week of a strike with no date set for new talks.\n\n"
    "Mountain rescuers bring two climbers down from Mount Ansel after a night in the snow.\n\n"
    "City library opens on Sundays from May, with volunteers at the desk and free coffee.\n\n"
    "Voltane shares fall eight per cent after the battery maker cuts its forecast again.\n\n"
)


def values(text: str) -> dict[str, float]:
    return stories.measure(Article(text)).values


@pytest.mark.parametrize("text", ["", "word", "🦊", "One sentence only.", "🦊\n🦊 🦊\n\n\n?"])
def test_undefined_without_parts(text: str) -> None:
    assert all(map(math.isnan, values(text).values()))


@pytest.mark.parametrize("name", ["leaning_sentence_share", "leaning_part_share"])
def test_one_story_leans_and_several_stand_alone(name: str) -> None:
    assert values(ONE)[name] == 1.0
    assert values(SEVERAL)[name] == 0.0


def test_needs_no_lines() -> None:
    one, several = (values(" ".join((t * 2).split())) for t in (ONE, SEVERAL))
    assert one["leaning_sentence_share"] > 0.8
    assert several["leaning_sentence_share"] == 0.0


def test_parts_of_one_size() -> None:
    uneven = SEVERAL + "One more story, " + "which goes on and on and on " * 15 + "until its end.\n\n"
    assert values(SEVERAL)["part_words_cv"] < 0.2 < values(uneven)["part_words_cv"]


def test_emoji_sentences_at_the_end() -> None:
    assert values(ONE + "🦊🦊\n🦊")["leaning_sentence_share"] == pytest.approx(4 / 6)
