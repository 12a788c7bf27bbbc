"""Robustness: a text set differently gets the same verdict, and what is called a disguise is one."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector import Detector
from detector.model import models_folder
from detector.training.robustness import CHANGES, Change, compare, shuffle
from detector.verdict import Verdict, decide

SEEDS = Path(__file__).parents[1] / "seeds"
# What Unicode can write in two ways, which the seeds do not have.
ACCENTS = "\n\nZoë Brontë of the Café Ångström was in the oﬃce by ½ past eight; it was 21 ℃ already…\n"
TEXTS = {p.stem: p.read_text("utf-8") + ACCENTS for p in sorted(SEEDS.glob("*.txt"))}
FORMATTING = [c for c in CHANGES if c.formatting]

NEARLY_THE_SAME = "NFKC"  # leaves another text in a detail: ½ is three characters

load = functools.cache(Detector.load)


@functools.cache
def verdict(text: str) -> Verdict:
    if not (models_folder() / "CURRENT").is_file():
        pytest.skip("no model is published in models/")
    return load().score(text)


def at_its_bar(text: str, by: float = 0.02) -> bool:
    """Whether so small a move of its probabilities could give another label."""
    bars = {label: t["value"] for label, t in load().model.manifest["thresholds"].items()}
    p = verdict(text).probabilities or {}
    moved = ({**p, "original": p["original"] + x} for x in (-by, by))
    return len({decide(m, bars) for m in moved}) > 1


@pytest.mark.parametrize("change", FORMATTING, ids=lambda c: c.name)
def test_formatting_moves_no_verdict(change: Change) -> None:
    changed = {name: change.apply(text, np.random.default_rng(0)) for name, text in TEXTS.items()}
    assert any(changed[name] != text for name, text in TEXTS.items()) or change.name == "NFC"
    others = [name for name, text in TEXTS.items() if verdict(changed[name]).label != verdict(text).label]
    assert all(change.name == NEARLY_THE_SAME and at_its_bar(TEXTS[name]) for name in others)


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.name)
@pytest.mark.parametrize("text", ["", "word", "🙂", "“Ends without a mark"])
def test_change_takes_any_text(change: Change, text: str) -> None:
    assert isinstance(change.apply(text, np.random.default_rng(0)), str)


@given(st.sampled_from(sorted(TEXTS)), st.integers(0, 2**32 - 1))
def test_shuffling_keeps_every_character(name: str, seed: int) -> None:
    assert sorted(shuffle(TEXTS[name], np.random.default_rng(seed))) == sorted(TEXTS[name])


def test_same_dice_same_change() -> None:
    for change in CHANGES:
        a, b = (change.apply(TEXTS["bridge-feed"], np.random.default_rng(5)) for _ in range(2))
        assert a == b


def test_what_a_change_does_is_counted() -> None:
    """A judge that calls a text machine-written when it has capitals, and accuses a text without any."""

    def score(texts):
        has = np.array([any(c.isupper() for c in t) for t in texts])
        ai = np.where(has, [0.9 if "bot" in t.lower() else 0.1 for t in texts], 0.5)
        return np.zeros((len(texts), 3)), ai, np.where(has, 0, 1)

    texts = ["A person wrote this."] * 5 + ["A Bot wrote this."] * 5
    told = compare(texts, np.array([0] * 5 + [1] * 5), np.array([0] * 5 + [1] * 5), score, 0)
    lines = {line["change"]: line for line in told["changes"]}
    assert lines["lower case"]["agreement"] == 0
    assert lines["lower case"]["accused"] == 1
    assert lines["lower case"]["auroc_drop"] == 0.5
    assert lines["lower case"]["tpr_drop"] == 0
    assert lines["lower case"]["recall_drop"] is None
    assert lines["one line"]["agreement"] == 1
    assert told["n"] == {"human": 5, "machine": 5, "aggregated": 0}
