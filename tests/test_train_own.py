"""Training on one's own texts: what cannot work is refused, and what comes out is a model like any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import run
from labelled_texts import SEEDS, make, write

from detector import Detector
from detector import model as models
from detector.errors import CorpusError, UsageError
from detector.training import adapt
from detector.training.assess import bare_table
from detector.training.corpus import Row
from detector.training.fit import Weights
from detector.training.table import tabulate
from detector.training.variants import Variant

pytestmark = pytest.mark.skipif(
    not (models.models_folder() / "CURRENT").is_file(), reason="no model is published in models/"
)


def row(i: int, ai: bool | None, origin: str | None = None, group: str = "", unit: str = "d") -> Row:
    return Row(str(i), f"Text {i}.", origin, ai, unit, "", "", "", group, ai is False, False, None)


# ---- what cannot work


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([row(i, True) for i in range(80)], r"`ai` has one class only \(ai\)"),
        ([row(i, i < 60) for i in range(70)], "`ai` has too few texts .10 of 'not ai'.: it needs 40"),
        ([row(i, None, "original") for i in range(80)], r"`origin` has one class only \(original\)"),
        ([row(i, None, ("original", "aggregated")[i % 2]) for i in range(80)], "too few texts .0 of 'rewritten'"),
    ],
)
def test_too_little_is_refused(rows: list[Row], sentence: str) -> None:
    with pytest.raises(CorpusError, match=sentence):
        adapt.find_heads(rows)


def test_a_head_without_labels_is_left_alone() -> None:
    assert adapt.find_heads([row(i, i % 2 == 0) for i in range(80)]) == ["ai"]


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (row(1, False), "have other labels"),
        (row(1, True, group="h"), "other groups or datasets"),
        (row(1, True, unit="e"), "other groups or datasets"),
    ],
)
def test_one_text_on_both_sides_is_refused(other: Row, sentence: str) -> None:
    with pytest.raises(CorpusError, match=f"texts '1' and '2' open alike.*{sentence}"):
        adapt.refuse_leaks([row(1, True), replace(other, id="2")])


def test_one_group_for_a_class_is_refused() -> None:
    rows = [row(i, i % 2 == 0, group="g" if i % 2 else f"h{i}") for i in range(80)]
    keys, _ = adapt.choose_keys(rows, ["ai"])
    folds = np.array([sorted(set(keys)).index(k) % adapt.N_FOLDS for k in keys])
    with pytest.raises(CorpusError, match="too few groups: all texts of 'not ai'"):
        adapt.refuse_thin_folds(rows, folds, ["ai"])


def test_datasets_are_held_out_whole_if_there_are_enough() -> None:
    rows = [row(i, i % 2 == 0, unit=f"d{i % 12}") for i in range(120)]
    assert adapt.choose_keys(rows, ["ai"])[0] == [r.unit for r in rows]
    assert len(set(adapt.choose_keys([replace(r, unit="d") for r in rows], ["ai"])[0])) == 120


def test_datasets_that_share_a_group_are_one() -> None:
    rows = [row(i, i % 2 == 0, unit=f"d{i % 12}") for i in range(120)]
    rows += [row(200, True, group="g", unit="d0"), row(201, True, group="g", unit="d2")]
    keys = adapt.choose_keys(rows, ["ai"])[0]
    assert keys[0] == keys[2] == keys[-1] == keys[-2]
    assert len(set(keys)) == 11


def test_refusals_reach_the_command_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", make(4))
    done = run("train", path, "--output", tmp_path / "m")
    assert done.code == 3
    assert "too few texts" in done.err
    assert not (tmp_path / "m").exists()
    assert run("train", tmp_path, "--base", "shipped", "--output", tmp_path / "m").code == 2
    with pytest.raises(UsageError, match="never edited"):
        adapt.train(path, tmp_path, None, None, 1, print)


# ---- the fit


@pytest.fixture(scope="module")
def design() -> adapt.Design:
    frame = models.load()
    base = Weights(frame.features, frame.knots, frame.curves, dict(frame.grams), frame.intercept, frame.trees)
    records = make(12, seed=3)
    rows = [replace(row(i, r["ai"], r["origin"]), text=r["text"]) for i, r in enumerate(records)]
    return adapt.Design.of(tabulate([Variant(r, r.text) for r in rows], frame.vocabulary, 1), base)


@pytest.mark.parametrize("added", [True, False])
def test_the_stored_weights_give_what_was_fitted(design: adapt.Design, added: bool) -> None:
    everything = np.ones(len(design.sums), dtype=bool)
    for head, places in adapt.PLACES.items():
        reduced = design.reduce(head)
        coefficients, offset = adapt._regress(reduced.columns(design, added), design, head, everything, 1.0)
        fitted = reduced.columns(design, added) @ coefficients + offset
        stored = design.fit(everything, {head: 1.0}, {head: reduced}, added).score(design.table)[:, places]
        scale = stored.std() / fitted.std()
        assert stored == pytest.approx(fitted * scale, abs=1e-2 * np.abs(stored).max())


def test_without_trust_the_base_stands(design: adapt.Design) -> None:
    everything = np.ones(len(design.sums), dtype=bool)
    reduced = {"ai": design.reduce("ai")}
    stands = design.fit(everything, {"ai": 1e-4}, reduced, True).score(design.table)[:, 3]
    moves = design.fit(everything, {"ai": 100.0}, reduced, True).score(design.table)[:, 3]
    by_base = design.sums[:, 3]
    assert np.corrcoef(stands, by_base)[0, 1] > 0.999 > np.corrcoef(moves, by_base)[0, 1]


def test_a_head_may_not_learn_what_is_kept_from_it(design: adapt.Design) -> None:
    everything = np.ones(len(design.sums), dtype=bool)
    fitted = design.fit(everything, {"ai": 1.0}, {"ai": design.reduce("ai")}, False)
    barred = [f.startswith(("residue.", "structure.", "disclaimers.")) for f in fitted.features]
    assert not fitted.curves[barred][:, :, 3].any()
    assert fitted.curves[~np.array(barred)][:, :, 3].any()
    assert not fitted.grams["layout"][:, 3].any()
    assert fitted.grams["style"][:, 3].any()
    assert (fitted.curves[:, :, :3] == design.base.curves[:, :, :3]).all()


# ---- the whole way


@pytest.mark.parametrize(("base", "only_ai"), [("shipped", False), (None, True)])
def test_ones_own_texts_become_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str | None, only_ai: bool
) -> None:
    monkeypatch.setattr(adapt, "FEWEST", 10)
    records = [r | {"origin": "" if only_ai else r["origin"]} for r in make(11)]
    path = write(tmp_path / "mine.jsonl", records)
    done = run("train", path, "--output", tmp_path / "ours", "--report", tmp_path / "ours.md",
               *(["--base", base] if base else []))  # fmt: skip
    assert done.code == 0, done.err
    detector = Detector.load(tmp_path / "ours")
    shipped = models.load()
    verdict = detector.score((SEEDS / "bridge-hearing.txt").read_text("utf-8"))
    assert verdict.model.startswith("ours@")
    assert detector.model.manifest["base"] == shipped.id
    assert (detector.model.curves[:, :, :3] == shipped.curves[:, :, :3]).all() == only_ai
    if only_ai:
        assert (detector.model.calibration["origin"] == shipped.calibration["origin"]).all()
        assert detector.model.manifest["thresholds"] == shipped.manifest["thresholds"]
    card = (tmp_path / "ours" / "CARD.md").read_text("utf-8")
    assert "Never the sole ground for punishing a writer" in card
    assert f"Built on `{shipped.id}`" in card
    assert "| full |" in (tmp_path / "ours.md").read_text("utf-8")


def test_few_originals_lower_no_bar() -> None:
    """The base's bar stands while there are too few human originals to set one of 1%."""
    rows = [row(i, False, "original") for i in range(30)]
    table = bare_table([Variant(r, r.text) for r in rows], np.full(len(rows), 100))
    out = adapt.HeldOut(
        table, np.zeros(30, dtype=np.int64), np.zeros(30, dtype=np.int64), {}, np.tile([0.9, 0.05, 0.05], (30, 1)),
        np.full(30, 0.1),
    )  # fmt: skip
    base = models.load()
    bars = adapt.choose_bars(out, base, True)
    assert bars["aggregated"]["value"] == base.manifest["thresholds"]["aggregated"]["value"]
    assert "too few for a lower bar" in bars["aggregated"]["on"]
