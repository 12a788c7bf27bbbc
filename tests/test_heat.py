"""Contributions add up to the score, and the sentences' parts to what the wording contributed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from command import loaded, run
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import report
from detector.article import Article
from detector.scoring import _in_units
from detector.signals.wording import BLOCKS, Encoder, share_among_tokens
from detector.verdict import LABELS, Contribution, Score, Sentence, Word

SEEDS = sorted((Path(__file__).resolve().parents[1] / "seeds").glob("*.txt"))
FEED = next(p for p in SEEDS if p.stem == "bridge-feed")

PROSE = "The council met on Tuesday, and the harbour master said that it would not close the gates before winter. " * 4
TEXTS = {
    **{p.stem: p.read_text("utf-8") for p in SEEDS},
    "one sentence": "The council said on Tuesday that it would close the bridge.",
    "emoji": f"🙂 {PROSE}🙂🙂. “Ça va?” 👩‍👩‍👧 {PROSE}",
    "wrapped": PROSE.replace(" said", "\nsaid"),
    "links": f"{PROSE} https://a.example/x {PROSE}",
}


def millionths(part: Contribution | Score | Sentence | Word) -> np.ndarray:
    """What a part says of each head, as the whole number that its six decimals are."""
    exact = np.array([*(part.origin[label] for label in LABELS), part.ai]) * 1e6
    assert exact == pytest.approx(np.rint(exact), abs=1e-4)
    return np.rint(exact).astype(int)


def total(parts: object) -> list[int]:
    return sum((millionths(p) for p in parts), np.zeros(4, int)).tolist()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_contributions_and_intercept_are_the_score(text: str) -> None:
    verdict = loaded().score(text)
    assert verdict.score
    assert verdict.intercept
    assert total([verdict.intercept, *verdict.contributions]) == millionths(verdict.score).tolist()


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_probabilities_are_calibrated_from_the_score(text: str) -> None:
    verdict = loaded().score(text)
    model = loaded().model
    assert verdict.score
    sums = np.tile(millionths(verdict.score) / 1e6, (2, 1))
    (origin, carried), (ai, _) = model.calibrate(sums, np.full(2, verdict.n_words), np.array([False, True]))
    given = [(verdict.probabilities or {})[label] for label in LABELS]
    assert verdict.ai_probability == pytest.approx(ai, abs=2e-6)
    assert given in (pytest.approx(origin, abs=2e-6), pytest.approx(carried, abs=2e-6))


@given(
    st.lists(st.tuples(*[st.sampled_from([-1.25, -0.5, 0.0, 0.1, 0.25, 0.5, 2.5, 2.75])] * 4), min_size=1, max_size=9),
    st.lists(st.integers(-2, 3), min_size=4, max_size=4),
)
def test_the_first_of_the_largest_remainders_are_rounded_up(parts: list[tuple[float, ...]], off: list[int]) -> None:
    """As Hamilton's apportionment has it, also where remainders are equal or the total is below the floors."""
    exact = np.array(parts)
    floors = np.floor(exact)
    missing = np.rint(exact.sum(axis=0) - floors.sum(axis=0)).astype(int) + off
    missing = missing.clip(-len(parts), len(parts))
    expected = floors.copy()
    for head, n in enumerate(missing.tolist()):
        order = sorted(range(len(parts)), key=lambda i, head=head: floors[i, head] - exact[i, head])  # type: ignore[misc]
        for i in order[:n] if n > 0 else order[n:] if n < 0 else ():
            expected[i, head] += 1 if n > 0 else -1
    units = _in_units(exact / 1e6, (floors.sum(axis=0) + missing).astype(np.int64))
    assert units.tolist() == expected.tolist()


def test_rounding_moves_no_contribution_by_more_than_its_last_digit() -> None:
    verdict = loaded().score(TEXTS["bridge-feed"])
    contributions = verdict.contributions
    exact = dict(zip(contributions.names, contributions.parts, strict=True))  # type: ignore[attr-defined]
    for c in contributions:
        assert np.abs(millionths(c) - exact[c.feature] * 1e6).max() < 1 + 1e-6


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_sentences_are_what_the_wording_added(text: str) -> None:
    verdict = loaded().score(text)
    blocks = [c for c in verdict.contributions if c.feature.startswith("wording.")]
    assert blocks
    assert total(verdict.sentences) == total(blocks)


@given(st.lists(st.sampled_from(["The roof fell.", "He said so", "🙂", "http://a.example", "\n", "1,204.", "— “no”"])))
@settings(max_examples=40)
def test_any_text_adds_up(pieces: list[str]) -> None:
    text = " ".join(["The minister said that the bridge would be closed to heavy traffic until May.", *pieces])
    verdict = loaded().score(text)
    assert verdict.score
    assert verdict.intercept
    assert total([verdict.intercept, *verdict.contributions]) == millionths(verdict.score).tolist()
    assert total(verdict.sentences) == total(c for c in verdict.contributions if c.feature.startswith("wording."))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_words_are_what_the_sentences_are(text: str) -> None:
    verdict = loaded().score(text)
    assert total(verdict.words) == pytest.approx(total(verdict.sentences), abs=len(verdict.words))
    assert sum(w.n for w in verdict.words) == len(Article(text).tokens)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_sentences_stand_in_the_text_as_given(text: str) -> None:
    sentences = loaded().score(text).sentences
    bounds = [place for s in sentences for place in (s.start, s.end)]
    assert bounds == sorted(bounds)
    between = [text[a:b] for a, b in zip([0, *bounds[1::2]], [*bounds[::2], len(text)], strict=True)]
    assert not "".join(between).strip()


def test_sentence_quotes_emoji_and_all() -> None:
    text = "🙂 “The roof fell,” she said. 🙂 It was late & cold &amp; wet."
    quoted = [text[s.start : s.end] for s in loaded().score(text).sentences]
    assert quoted == ["🙂 “The roof fell,” she said.", "🙂 It was late & cold &amp; wet."]


@pytest.mark.parametrize("block", BLOCKS)
def test_occurrence_is_shared_equally_by_its_tokens(block: str) -> None:
    article = Article("the\n\nroof http://a.example\n\n■ ■\n\nfell")
    grams = Encoder(()).encode([article])[0][block]
    size = np.concatenate([np.full(3 - n + 1, n) for n in BLOCKS[block]])
    starts = np.concatenate([grams.places[: 3 - n + 1] for n in BLOCKS[block]])
    for i, n in enumerate(size):
        weights = np.zeros((len(grams.columns), 1))
        weights[i] = 1
        shares = share_among_tokens(block, grams, weights, len(article.tokens))[:, 0]
        spanned = np.flatnonzero(shares)
        assert shares[spanned] == pytest.approx(np.full(n, 1 / n))
        assert starts[i] == spanned[0]
        assert not any(article.tokens[t].startswith("http") for t in spanned)


def test_nothing_is_worked_out_until_it_is_looked_at() -> None:
    verdict = loaded().score(PROSE)
    verdict.to_dict()
    assert not {"sentences", "words", "_parts"} & vars(verdict.wording).keys()
    assert verdict.to_dict(sentences=True)["sentences"]
    assert "sentences" in vars(verdict.wording)


def test_a_text_that_cannot_be_judged_has_no_parts() -> None:
    verdict = loaded().score("Le conseil municipal a voté hier soir la fermeture du pont. " * 12)
    assert (verdict.score, verdict.intercept, verdict.sentences, verdict.words) == (None, None, (), ())


def test_verdicts_are_equal_however_much_was_looked_at() -> None:
    one, other = loaded().score(PROSE), loaded().score(PROSE)
    assert one.sentences
    assert one == other


# the commands


def test_rows_have_sentences_only_if_asked() -> None:
    (without,) = run("score", FEED, "--format", "jsonl").rows
    (row,) = run("score", FEED, "--format", "jsonl", "--sentences").rows
    assert "sentences" not in without
    assert row.pop("sentences")
    assert row == without


def test_table_refuses_sentences() -> None:
    result = run("score", FEED, "--sentences")
    assert result.code == 2
    assert "--format json" in result.err


def test_explain_as_json_is_the_whole_row() -> None:
    row = json.loads(run("explain", FEED, "--format", "json").out)
    (same,) = run("score", FEED, "--format", "jsonl", "--sentences", "--contributions", "all").rows
    assert row == same


def test_explain_shows_sentences_and_the_words_that_carried_most() -> None:
    text = FEED.read_text("utf-8")
    out, verdict = run("explain", FEED).out, loaded().score(text)
    for s in verdict.sentences:
        assert f"{s.ai:+.2f}" in out
        assert text[s.start : s.end].strip()[:60] in out
    words = next(line for line in out.splitlines() if line.startswith("words for a language model"))
    named = re.findall(r"[:,] (\S+) \+\d", words)
    assert len(named) >= 3
    assert all(word in text.lower() for word in named)


def test_explain_table_adds_up() -> None:
    lines = run("explain", FEED).out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("What moved it"))
    *parts, score = [line.split()[-4:] for line in lines[start + 1 : lines.index("", start)]]
    columns = np.array(parts, float).sum(axis=0)
    assert columns == pytest.approx(np.array(score, float), abs=0.005 * (len(parts) + 1))


def test_strong_sentences_are_coloured_by_direction() -> None:
    plain, ink = report.Ink(False), report.Ink(True)
    assert plain.warm("x", 1.0) == "x" == ink.warm("x", 0.05)
    assert len({ink.warm("x", s) for s in (-1, -0.6, -0.3, 0.3, 0.6, 1)}) == 6
