"""Structure: lists, links, source notes, template headings, and how many stories a text holds."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.article import Article
from detector.signals import attribution, hedging, stock_phrases, structure

# One story, and five: as many sentences of the same length.
ONE = [
    "The Hexham ferry sank on Friday after its hull struck the old breakwater near the harbour, the coastguard found.",
    "The coastguard lifted all forty passengers off the ferry and landed them at the harbour before midnight.",
    "The ferry had passed its hull inspection in spring, and the harbour master had warned of the breakwater.",
    "Divers looked at the hull and said that the breakwater had torn it open below the ferry's engine room.",
    "The harbour stays shut until the ferry is raised, and the breakwater will carry lights, the coastguard added.",
]
FIVE = [
    ONE[0],
    "Central bankers raised interest rates by a quarter point and forecast slower inflation through the coming winter.",
    "A teenage violinist from Lahore won the Brussels competition with a fierce reading of the Sibelius concerto.",
    "Engineers unveiled a battery that charges within five minutes and survives ten thousand cycles without fading.",
    "Wolves returned to the Ardennes for another season, biologists counted, and farmers asked for stronger fences.",
]
FIVE_MORE = [
    "Regulators fined a payments company for losing the passwords of nine million customers in a single night.",
    "A glacier in Patagonia calved an iceberg larger than Manhattan, satellite pictures published by scientists show.",
    "Chess players in Tbilisi honoured a grandmaster, ninety, who still teaches openings to children on Saturdays.",
    "Bakers across Brittany blamed drought for thin flour and promised that butter would make up for everything.",
    "Astronomers measured a faint comet whose orbit crosses Saturn and returns roughly every four centuries.",
]


def quoted(text: str) -> list[str]:
    return [text[s.start : s.end] for s in structure.measure(Article(text)).spans]


def values(text: str) -> dict[str, float]:
    return structure.measure(Article(text)).values


@pytest.mark.parametrize("text", ["", "\U0001f600"], ids=["empty", "emoji"])
def test_a_text_without_words_has_no_measure(text: str) -> None:
    reading = structure.measure(Article(text))
    assert set(reading.values) == {f.name for f in structure.FEATURES}
    assert all(map(math.isnan, reading.values.values()))
    assert reading.spans == []


def test_one_word_has_lines_and_no_cohesion() -> None:
    v = values("Bridge")
    assert v["list_line_share"] == 0
    assert math.isnan(v["lead_cohesion"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("At a Glance\n\n  \u2022 The ferry sank.", ["At a Glance"]),
        ("## Key Takeaways\nThe ferry sank.", ["Key Takeaways"]),
        ("The ferry sank.\nSources\n1. Ferry sinks\n2. A ferry is lost", ["Sources"]),
        ("The ferry sank.\nSource: Hexham Courant", ["Source:"]),
        ("The ferry sank. (source)\nThe pier shut.", ["(source)"]),
        ("Introduction\nThe ferry sank.\nConclusion\nIt is gone.", ["Introduction", "Conclusion"]),
        ("The ferry sank.\nLooking Ahead:\nIt is gone.", ["Looking Ahead"]),
        ("In Other News\nThe ferry sank.", ["In Other News"]),
    ],
    ids=["glance", "takeaways", "sources", "source", "inline", "essay", "ahead", "digest"],
)
def test_a_tell_tale_heading_or_note_is_quoted(text: str, found: list[str]) -> None:
    assert quoted(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "The introduction of ferries was a success. In conclusion of the talks they shook hands.",
        "Sources in the ministry spoke of a sunk ferry.",
        "Background\nThe ferry was old.",
        "At a glance the harbour looked empty to her.",
        "Politics\nThe ferry was old.",
    ],
    ids=["in a sentence", "sources speak", "plain heading", "idiom", "section"],
)
def test_what_any_article_has_is_not_quoted(text: str) -> None:
    assert quoted(text) == []


@pytest.mark.parametrize("mark", ["- ", "* ", "\u2022 ", "1. ", "2) ", "[3] ", "\u2014 "])
def test_list_marks_make_entries(mark: str) -> None:
    assert values(f"{mark}The ferry sank\n{mark}The pier shut\nIt rained.\nAll went home.")["list_line_share"] == 0.5


@pytest.mark.parametrize("line", ["10 ferries sank", "1.5 metres of water", "2021 was wet", "The end-of-year ball"])
def test_figures_and_hyphens_make_no_entries(line: str) -> None:
    assert values(f"{line}\nIt rained.")["list_line_share"] == 0


@pytest.mark.parametrize(
    ("text", "n_links", "n_sites"),
    [
        ("See https://www.example.com/a and http://example.com/b now", 2, 1),
        ("A ferry sank (hexhamcourant.com) and rose (example.org)", 2, 2),
        ("Read [this](https://news.example.net/x?y=1) today", 1, 1),
        ("He works at a dot-com, i.e. online.", 0, 0),
    ],
    ids=["urls", "bare", "markdown", "none"],
)
def test_links_are_counted_once(text: str, n_links: int, n_sites: int) -> None:
    v = values(text)
    assert v["links_per_1k_words"] * Article(text).n_words / 1000 == pytest.approx(n_links)
    assert math.expm1(v["link_sites_log"]) == pytest.approx(n_sites)


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("On 5 March 2021 it sank; on April 7, it rose.", 2),
        ("Logged 2021-03-05 and 3/5/21.", 2),
        ("On May 5 it sank.", 1),
        ("They march on, and may sink in October.", 0),
    ],
    ids=["named", "numeric", "may", "none"],
)
def test_dates_are_counted(text: str, n: int) -> None:
    assert values(text)["dates_per_1k_words"] * Article(text).n_words / 1000 == pytest.approx(n)


def test_separate_stories_hang_together_less_than_one() -> None:
    one, five = values("\n\n".join(ONE)), values("\n\n".join(FIVE))
    assert one["topic_break_share"] == 0
    assert five["topic_break_share"] == 1
    assert five["lead_cohesion"] < one["lead_cohesion"]
    assert math.expm1(five["topic_breaks_log"]) == pytest.approx(3)


def test_stories_are_told_apart_without_lines() -> None:
    one, many = values(" ".join(ONE * 2)), values(" ".join(FIVE + FIVE_MORE))
    assert many["topic_break_share"] > one["topic_break_share"]
    assert many["lead_cohesion"] < one["lead_cohesion"]


def test_listed_sources_are_counted() -> None:
    assert values("The ferry sank.\nSources\n1. Ferry sinks\n2. A ferry is lost")["listed_sources_log"] == math.log1p(2)


@given(st.text(alphabet="aBe .,\n\"'()-•1:/mayper", max_size=300))
def test_any_text_gives_every_number_and_spans_inside_it(text: str) -> None:
    article = Article(text)
    for signal in (structure, attribution, hedging, stock_phrases):
        reading = signal.measure(article)
        assert set(reading.values) == {f.name for f in signal.FEATURES}
        assert all(0 <= s.start < s.end <= len(article.folded) and s.note for s in reading.spans)


def test_the_users_articles_show_their_evidence(shared: Path) -> None:
    expected = json.loads((shared / "seeds" / "expected.json").read_text("utf-8"))["articles"]
    for name, row in expected.items():
        article = Article((shared / "seeds" / name).read_text("utf-8"))
        for signal in (structure, attribution, hedging, stock_phrases):
            shown = [article.span(s.start, s.end) for s in signal.measure(article).spans]
            for quotation in row["evidence"].get(signal.__name__.rpartition(".")[2], []):
                at = [m.start() for m in re.finditer(re.escape(quotation), article.text)]
                assert any(s.start < a + len(quotation) and a < s.end for s in shown for a in at), quotation
