"""The ratchet: floors hold, tighten freely, and are relaxed with a reason only."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from detector.errors import UsageError
from detector.training import ratchet

FLOOR, CEILING = "ai/bands/full/model/auroc/value", "origin/summary/originals called aggregated/value"


def told(auroc: float = 0.953, accused: float = 0.0071, corpus: str = "c" * 64) -> dict[str, Any]:
    return {
        "about": {"corpus": corpus, "model": "m"},
        "ai": {"bands": {"full": {"model": {"auroc": {"value": auroc}}}}},
        "origin": {"summary": {"originals called aggregated": {"value": accused}}},
    }


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    ratchet.pin(told(), tmp_path / "quality.json", None)
    return tmp_path / "quality.json"


def test_bounds_are_just_beyond_the_figures(pinned: Path) -> None:
    bounds = ratchet.read(pinned)
    assert bounds["floors"] == {FLOOR: 0.95}
    assert bounds["ceilings"] == {CEILING: 0.01}
    assert ratchet.breaches(told(), bounds) == []


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        (told(auroc=0.949), f"{FLOOR} is 0.949, under its floor of 0.95"),
        (told(accused=0.011), f"{CEILING} is 0.011, over its ceiling of 0.01"),
        (told(corpus="d" * 64), "the data differs"),
        ({**told(), "ai": {}}, f"{FLOOR} is no longer measured"),
    ],
)
def test_breach_is_named(pinned: Path, figures: dict[str, Any], sentence: str) -> None:
    (only,) = ratchet.breaches(figures, ratchet.read(pinned))
    assert only.startswith(sentence)


def test_better_figures_tighten(pinned: Path) -> None:
    assert ratchet.pin(told(auroc=0.97, accused=0.001), pinned, None) == []
    assert ratchet.read(pinned)["floors"][FLOOR] == 0.97
    assert ratchet.read(pinned)["ceilings"][CEILING] == 0.005


@pytest.mark.parametrize(
    "worse", [told(auroc=0.9), told(accused=0.02), told(corpus="d" * 64), {**told(), "origin": {"summary": {}}}]
)
@pytest.mark.parametrize("reason", [None, "", "  "])
def test_nothing_is_relaxed_without_a_reason(pinned: Path, worse: dict[str, Any], reason: str | None) -> None:
    before = pinned.read_bytes()
    with pytest.raises(UsageError, match="--reason"):
        ratchet.pin(worse, pinned, reason)
    assert pinned.read_bytes() == before


def test_reason_is_kept(pinned: Path) -> None:
    assert ratchet.pin(told(auroc=0.9), pinned, "half the parameters") == [f"{FLOOR} from 0.95 to 0.9"]
    ratchet.pin(told(auroc=0.92), pinned, None)
    (kept,) = ratchet.read(pinned)["reasons"]
    assert kept["reason"] == "half the parameters"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"floors": {"a": "b"}, "ceilings": {}, "corpus": "c"}'])
def test_file_of_other_things_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "q.json").write_text(content, "utf-8")
    with pytest.raises(UsageError, match="not a file of floors"):
        ratchet.read(tmp_path / "q.json")
    with pytest.raises(UsageError, match="cannot be read"):
        ratchet.read(tmp_path / "none.json")


def test_published_figures_keep_the_published_bounds() -> None:
    """benchmarks/quality.json and docs/evaluation/figures.json are committed together."""
    root = Path(__file__).parents[1]
    figures = json.loads((root / "docs" / "evaluation" / "figures.json").read_text("utf-8"))
    bounds = ratchet.read(root / "benchmarks" / "quality.json")
    assert ratchet.breaches(figures, bounds) == []
    assert len(bounds["floors"]) >= 10
    lowered = copy.deepcopy(figures)
    lowered["ai"]["bands"]["full"]["model"]["auroc"]["value"] -= 0.05
    assert ratchet.breaches(lowered, bounds)
