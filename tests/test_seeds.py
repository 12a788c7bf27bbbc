"""The seeds: labelled as described, and scored as labelled, with evidence on every quotation."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from detector import Article, Detector, Verdict, features
from detector.signals import SIGNALS, family

ROOT = Path(__file__).parents[1]
SEEDS = ROOT / "seeds"
TRUTH: dict[str, dict[str, Any]] = json.loads((SEEDS / "labels.json").read_text("utf-8"))["articles"]
QUOTATIONS = [(name, family, q) for name, t in TRUTH.items() for family, qs in t["evidence"].items() for q in qs]


def read(name: str) -> str:
    return (SEEDS / name).read_text("utf-8")


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    if not (ROOT / "models" / "CURRENT").is_file():
        pytest.skip("no model is published in models/")
    return dict(zip(TRUTH, Detector.load().score_many(read(name) for name in TRUTH), strict=True))


def test_every_article_is_labelled() -> None:
    assert sorted(TRUTH) == sorted(p.name for p in SEEDS.glob("*.txt"))


def test_labels_are_balanced() -> None:
    counts = Counter(t["origin"] for t in TRUTH.values())
    assert min(counts[label] for label in ("original", "rewritten", "aggregated")) >= 4


def test_every_family_is_shown() -> None:
    assert {family for _, family, _ in QUOTATIONS} == {
        "attribution",
        "disclaimers",
        "hedging",
        "issue",
        "residue",
        "stock_phrases",
        "structure",
    }


@pytest.mark.parametrize(("name", "family", "quotation"), QUOTATIONS)
def test_quotation_stands_in_the_article(name: str, family: str, quotation: str) -> None:
    assert quotation in read(name)


@pytest.mark.parametrize("name", TRUTH)
def test_origin_is_right_or_left_open(name: str, verdicts: dict[str, Verdict]) -> None:
    assert verdicts[name].label in (TRUTH[name]["origin"], None)


def test_most_are_labelled(verdicts: dict[str, Verdict]) -> None:
    assert sum(v.label is not None for v in verdicts.values()) >= 11


def test_every_label_is_given(verdicts: dict[str, Verdict]) -> None:
    assert {v.label for v in verdicts.values()} >= {"original", "rewritten", "aggregated"}


@pytest.mark.parametrize("name", [n for n, t in TRUTH.items() if t["ai"] is not None])
def test_ai(name: str, verdicts: dict[str, Verdict]) -> None:
    assert (verdicts[name].ai_probability or 0) >= 0.5 if TRUTH[name]["ai"] else verdicts[name].ai_probability < 0.5


@pytest.mark.parametrize(("name", "family", "quotation"), QUOTATIONS)
def test_evidence_touches_the_quotation(name: str, family: str, quotation: str, verdicts: dict[str, Verdict]) -> None:
    text, spans = read(name), [(e.start, e.end) for e in verdicts[name].evidence if e.signal == family]
    places, at = [], text.find(quotation)
    while at >= 0:
        places.append((at, at + len(quotation)))
        at = text.find(quotation, at + 1)
    assert any(start < end_q and start_q < end for start, end in spans for start_q, end_q in places)


@pytest.mark.parametrize(
    ("name", "passage"),
    [
        ("pool-roof-scraped.txt", "Retired surveyor Gus Threlfall"),
        ("pool-roof-scraped.txt", "Nobody was in the water when the roof fell"),
        ("pool-roof-scraped.txt", "Outside I spoke to Marta Vries"),
        ("pool-roof-scraped.txt", "The inquiry goes on on Monday"),
        ("bridge-brief.txt", "No timetable was given"),
        ("bridge-subheads.txt", "A gathering for residents"),
        ("signal-box.txt", "Tell the signalman's daughter"),
    ],
)
def test_residue_spares_the_article(name: str, passage: str, verdicts: dict[str, Verdict]) -> None:
    at = read(name).index(passage)
    assert not [
        e for e in verdicts[name].evidence if e.signal == "residue" and e.start < at + len(passage) and at < e.end
    ]


def test_a_reported_disclosure_is_no_evidence(verdicts: dict[str, Verdict]) -> None:
    found = {e.signal for e in verdicts["thirty-one-columns.txt"].evidence if "AI" in e.text}
    assert "disclaimers" not in found
    assert "mentions" in found


@pytest.mark.parametrize("name", TRUTH)
def test_families_that_are_measured_without_the_page_quote_nothing_of_it(name: str) -> None:
    article = Article(read(name))
    quoting = {family(s) for s in SIGNALS if (r := s.measure(article)).spans or r.mentions}
    assert quoting <= {"disclaimers", "residue", "structure", "issue"} | features.QUOTING
