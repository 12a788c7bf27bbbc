"""Attribution: quoted people, the writer's own presence, outlets credited, and nobody in particular."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from growth import grows_linearly

from detector.article import Article
from detector.signals import attribution

CASED = " Then Anna Berg and Otto Lind of Hexham walked home with Greta Holm."  # shows that capitals mean something


def quoted(text: str) -> list[str]:
    return [text[s.start : s.end] for s in attribution.measure(Article(text)).spans]


def values(text: str) -> dict[str, float]:
    return attribution.measure(Article(text)).values


@pytest.mark.parametrize("text", ["", "\U0001f600"], ids=["empty", "emoji"])
def test_a_text_without_words_has_no_measure(text: str) -> None:
    reading = attribution.measure(Article(text))
    assert set(reading.values) == {f.name for f in attribution.FEATURES}
    assert all(map(math.isnan, reading.values.values()))
    assert reading.spans == []


def test_one_word_has_rates_and_no_names() -> None:
    v = values("Bridge")
    assert v["outlet_credits_per_1k_words"] == 0
    assert math.isnan(v["speakers_log"])
    assert math.isnan(v["attributed_quotation_share"])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("According to one source, the pier is shut.", "According to one source"),
        ("According to reliable sources, it sank.", "According to reliable sources"),
        ("Reports suggest that it sank.", "Reports suggest that"),
        ("It sank, according to sources familiar with the matter.", "according to sources familiar with the matter"),
        ("The crew left, one source noted.", "one source noted"),
        ("The port is shut, officials said.", "officials said"),
        ("Jo Ek and Al Ro reported on this story from Oslo and Rome.", "reported on this story from Oslo and Rome"),
        ("It sank, with contributions from Jo Ek and Al Ro.", "with contributions from Jo Ek and Al Ro"),
        ("Jo Ek contributed to this report.", "contributed to this report"),
        ("\u201cIt sank,\u201d Berg told me on the quay.", "told me"),
        ("I spoke to the captain on Monday.", "I spoke to"),
    ],
    ids=["one", "reliable", "reports", "familiar", "noted", "officials", "reported", "with", "to", "told me", "spoke"],
)
def test_a_source_is_quoted(text: str, found: str) -> None:
    assert quoted(text) == [found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The deal is off, per the Guardian.", "the Guardian"),
        ("The deal is off, CNN reports.", "CNN"),
        ("The deal is off, TMZ reported.", "TMZ"),
        ("The minister told the BBC it was over.", "the BBC"),
        ("The deal is off. (Reuters)", "Reuters"),
        ("The Hexham Courant reported that it sank.", "Hexham Courant"),
        ("It sank, per Harbourlife.", "Harbourlife"),
        ("It sank on Friday. (Harbour Weekly)", "Harbour Weekly"),
        ("Ferry sinks off Hexham \u2014 Reuters", "Reuters"),
        ("It sank, according to the New York Times.", "the New York Times"),
    ],
    ids=[
        "per",
        "reports",
        "reported",
        "told",
        "end",
        "unknown paper",
        "unknown per",
        "unknown end",
        "tail",
        "according",
    ],
)
def test_an_outlet_that_is_credited_is_quoted(text: str, found: str) -> None:
    assert quoted(CASED.strip() + "\n" + text) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "people reported the sun was out. the times are hard, and the guardian of the gate slept.",
        "She crossed the Sun at noon. The Guardian of the gate slept. People say hello.",
        "It costs ten per Person, 3 per GB, and per Article 5 nothing.",
        "He bowed. (Laughter.) They left. (APPLAUSE) More came.",
        "The slogan (MAGA) stuck. They met in the North Sea (ATACMS).",
        "The book was first published in 1908 and reported in full.",
        "She wrote to the editor of the newspaper and read the daily news.",
    ],
    ids=["lower-cased", "common words", "per", "transcript", "acronyms", "publication", "generic words"],
)
def test_what_credits_no_outlet_is_not_quoted(text: str) -> None:
    assert quoted(text + CASED) == []


def test_lower_cased_text_still_credits_outlets() -> None:
    assert quoted("The deal is off, per cnn. the new york times reports that it sank.") == ["cnn", "the new york times"]


def test_a_dateline_is_no_credit() -> None:
    v = values("HEXHAM (Reuters) \u2014 The ferry sank on Friday." + CASED)
    assert v["outlet_credits_per_1k_words"] == 0
    assert v["agency_credits_per_1k_words"] > 0


def test_first_person_counts_outside_quotations_only() -> None:
    assert values('I saw it. "I saw it and I ran," he said.')["first_person_singular_per_1k_words"] == pytest.approx(
        1000 / 11
    )


def test_first_hand_words_of_somebody_quoted_are_not_the_writers() -> None:
    assert quoted('"I visited the wreck," he said.') == []
    assert quoted("I visited the wreck.") == ["I visited the"]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ('"The ferry sank off Hexham," said Berg.', 1.0),
        ('Berg told them: "The ferry sank off Hexham."', 1.0),
        ('A sign hung there. "Mind the gap between boats." It was red.', 0.0),
    ],
    ids=["after", "before", "none"],
)
def test_quotations_are_attributed_by_a_verb_of_saying(text: str, share: float) -> None:
    assert values(text)["attributed_quotation_share"] == share


def test_an_unclosed_quotation_ends_with_its_line() -> None:
    v = values('He said: "The ferry sank off Hexham\nAnd then it rained for days on end, over town and sea.')
    assert v["quotations_per_1k_words"] == pytest.approx(1000 / 19)


def test_dressed_verbs_are_told_from_plain_ones() -> None:
    v = values("Berg emphasized it. Lind said so. Holm underscored that.")
    assert v["dressed_said_share"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("hostile", ['"a ', ". (Ab) C", " per A", "The Aa Times ", 'said "x y z w" '])
def test_hostile_repetition_takes_linear_time(hostile: str) -> None:
    def work(part: str) -> Callable[[], object]:
        article = Article(part)
        article.matches  # noqa: B018
        return lambda: attribution.measure(article)

    assert grows_linearly(work, hostile * (200_000 // len(hostile)))
