"""Lexicons: how patterns expand, what a match is, and that every shipped file is sound."""

from __future__ import annotations

import time
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector import lexicon
from detector.article import Article
from detector.lexicon import Match, expand

GROUPS = {"model": ["ai", "a {large|small} model"]}


@pytest.mark.parametrize(
    ("phrase", "literals"),
    [
        ("", []),
        ("word", ["word"]),
        ("{a|b} c", ["a c", "b c"]),
        ("a [b] c", ["a c", "a b c"]),
        ("a[ |-]b", ["ab", "a b", "a-b"]),
        ("{a|b [c|{d|e}]}", ["a", "b", "b c", "b d", "b e"]),
        ("by <model>", ["by ai", "by a large model", "by a small model"]),
        ("home | news", ["home | news"]),
        ("{a|a}", ["a"]),
    ],
)
def test_expand(phrase: str, literals: list[str]) -> None:
    assert expand(phrase, GROUPS) == literals


@pytest.mark.parametrize("phrase", ["{a", "a}", "[a}", "{a|[b}", "a < b", "<model"])
def test_an_unbalanced_phrase_is_refused(phrase: str) -> None:
    with pytest.raises(ValueError, match="unbalanced"):
        expand(phrase, GROUPS)


def test_an_unknown_group_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown group <outlet>.*known: model"):
        expand("by <outlet>", GROUPS)


@pytest.fixture
def scan(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """scan() over a lexicon of this test."""
    entries = [
        {"name": "share", "note": "", "where": "line", "phrases": ["share", "share this"]},
        {"name": "read_next", "note": "", "where": "line_start", "phrases": ["read next"]},
        {"name": "more", "note": "", "where": "line_end", "phrases": ["read more"]},
        {"name": "reports", "note": "", "phrases": ["reports say", "reports say that", "say that he", "u.s.", "*"]},
    ]
    monkeypatch.setattr(lexicon, "sources", lambda: {"test": {"entry": entries}})
    monkeypatch.setattr(lexicon, "_compiled", cache(lexicon._compiled.__wrapped__))
    return lambda text: [(m.entry.name, text[m.start : m.end]) for m in lexicon.scan(text)["test"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("word", []),
        ("😀", []),
        ("share", [("share", "share")]),
        ("one\n• share this >\ntwo", [("share", "share this")]),
        ("one\n- share -\ntwo", [("share", "share")]),
        ("we share this", []),
        ("share it", []),
        ("shares", []),
        ("read next: a story", [("read_next", "read next")]),
        ("x\nread next", [("read_next", "read next")]),
        ("to read next", []),
        ("a story... read more »", []),
        ("a story. read more.\nb", [("more", "read more")]),
        ("read more of it", []),
        ("reports say that he left", [("reports", "reports say that")]),
        ("some reports say so", [("reports", "reports say")]),
        ("reports\nsay so", [("reports", "reports\nsay")]),
        ("in reports saying", []),
        ("the u.s. army", [("reports", "u.s.")]),
        ("a*b", [("reports", "*")]),
        ("😀 reports say 😀", [("reports", "reports say")]),
    ],
    ids=ascii,
)
def test_scan(scan, text: str, found: list[tuple[str, str]]) -> None:  # type: ignore[no-untyped-def]
    assert scan(text) == found


def test_every_lexicon_is_sound() -> None:
    for name, data in lexicon.sources().items():
        assert data["source"].strip(), name
        literals: list[str] = []
        for entry in data["entry"]:
            assert entry["note"].strip(), (name, entry["name"])
            assert entry.get("where", "anywhere") in lexicon.WHERE
            for phrase in entry["phrases"]:
                expanded = expand(phrase, data.get("groups", {}))
                assert expanded, (name, phrase)
                literals += expanded
        assert len(literals) < 20_000, f"{name} has {len(literals):,} phrases: they are compiled at each start"
        # A phrase that no folded text can contain would never match.
        lines = [f"(a {literal} a)" for literal in dict.fromkeys(literals)]
        folded = Article("\n\n".join(lines)).lowered.split("\n")
        unfolded = [(given, got) for given, got in zip(lines, folded, strict=True) if given != got]
        assert not unfolded, (name, unfolded[:10])


@given(st.text(alphabet=" \nabehmnorst.,'\"😀", max_size=200))
def test_matches_are_in_order_and_in_range(text: str) -> None:
    article = Article(text)
    for matches in article.matches.values():
        last = 0
        for m in matches:
            assert isinstance(m, Match)
            assert last <= m.start < m.end <= len(article.folded)
            last = m.end


@pytest.mark.parametrize("unit", ["share ", "share\n", "a", "reports say that ", "*", "\n", " by", "😀 "], ids=ascii)
def test_scanning_takes_linear_time(unit: str) -> None:
    def seconds(n: int) -> float:
        text = unit * (n // len(unit))
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            lexicon.scan(text)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(80_000) < 12 * seconds(20_000) + 0.02
