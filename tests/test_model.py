"""The stored model: loaded only when whole and unedited, run on numbers alone, and exact about what it adds up."""

from __future__ import annotations

import json
import math
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from detector import Detector
from detector import model as models
from detector.errors import InputError, ModelError
from detector.features import COLUMNS
from detector.verdict import LABELS, decide

SEEDS = Path(__file__).parents[1] / "seeds"
TEXTS = [p.read_text("utf-8") for p in sorted(SEEDS.glob("*.txt"))]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the shipped model, to be damaged."""
    return Path(shutil.copytree(models.load().folder, tmp_path / "model"))


def edit(folder: Path, **changes: object) -> None:
    """The manifest changed as an editor would, with or without a fitting digest."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8")) | changes
    if "digest" not in changes:
        manifest["digest"] = models.manifest_digest(manifest)
    path.write_text(json.dumps(manifest), "utf-8")


def truncate(folder: Path) -> None:
    weights = (folder / "weights.npz").read_bytes()
    (folder / "weights.npz").write_bytes(weights[: len(weights) // 2])


def empty_weights(folder: Path) -> None:
    (folder / "weights.npz").write_bytes(b"")
    edit(folder, files={name: models.digest(folder / name) for name in models.FILES})


def edit_vocabulary(folder: Path) -> None:
    (folder / "vocabulary.txt").write_text("the of and", "utf-8")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        pytest.param(lambda f: shutil.rmtree(f), "no model in", id="folder missing"),
        pytest.param(lambda f: (f / "manifest.json").unlink(), "no model in", id="manifest missing"),
        pytest.param(
            lambda f: (f / "manifest.json").write_text("{"), "not a model's manifest", id="manifest cut short"
        ),
        pytest.param(lambda f: (f / "weights.npz").unlink(), "lacks weights.npz", id="weights missing"),
        pytest.param(truncate, "sha256 differs", id="weights truncated"),
        pytest.param(edit_vocabulary, "sha256 differs", id="vocabulary edited"),
        pytest.param(lambda f: edit(f, format=99), "format 99", id="other format"),
        pytest.param(lambda f: edit(f, min_words=1, digest="0" * 64), "was edited", id="manifest edited"),
        pytest.param(lambda f: edit(f, min_words="many"), "does not state min_words", id="number missing"),
        pytest.param(lambda f: edit(f, files=None), "does not state files", id="files missing"),
        pytest.param(empty_weights, "cannot be read", id="weights empty"),
        pytest.param(lambda f: edit(f, features=[*COLUMNS[1:], "x.y"]), "x.y", id="unknown feature"),
        pytest.param(
            lambda f: edit(f, features=list(COLUMNS[:-3])), "does not fit its manifest", id="too few features"
        ),
        pytest.param(
            lambda f: edit(f, canaries=[{"name": "c", "text": TEXTS[0], "probabilities": {"ai": 0.123}}]),
            "canary 'c'",
            id="canary dead",
        ),
    ],
)
def test_damaged_model_is_refused(copy: Path, damage: Callable[[Path], object], sentence: str) -> None:
    damage(copy)
    with pytest.raises(ModelError, match=sentence):
        Detector.load(copy)


def test_no_file_of_the_model_is_a_pickle() -> None:
    with np.load(models.load().folder / "weights.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fiu" for name in arrays.files)


def test_model_is_small() -> None:
    assert sum(f.stat().st_size for f in models.load().folder.iterdir()) < 10_000_000


@pytest.mark.parametrize("text", TEXTS[:5])
def test_contributions_add_up(detector: Detector, text: str) -> None:
    """With the intercept they give the sums that probabilities are calibrated from."""
    verdict = detector.score(text)
    total = detector.model.intercept + np.array(
        [sum(c.origin[label] for c in verdict.contributions) for label in LABELS]
        + [sum(c.ai for c in verdict.contributions)]
    )
    carries = verdict.probabilities["rewritten"] == 0
    (origin,), (ai,) = detector.model.calibrate(total[None], np.array([verdict.n_words]), np.array([carries]))
    # each of some 130 contributions is rounded to six decimals
    assert verdict.probabilities == pytest.approx(dict(zip(LABELS, origin, strict=True)), abs=1e-4)
    assert verdict.ai_probability == pytest.approx(ai, abs=1e-4)


def test_block_is_the_sum_of_its_grams(detector: Detector) -> None:
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 50, 300)
    for block in detector.model.blocks:
        by_gram = detector.model.gram_weights(block, columns).sum(axis=0)
        assert detector.model.block_part(block, columns) == pytest.approx(by_gram, abs=1e-9)


def test_undefined_number_adds_nothing(detector: Detector) -> None:
    values = np.full((1, len(detector.model.features)), math.nan)
    assert not detector.model.curve_parts(values).any()
    assert not detector.model.trees.parts(values).any()


@pytest.mark.parametrize("text", TEXTS[:4])
def test_probabilities_sum_to_one(detector: Detector, text: str) -> None:
    assert sum((detector.score(text).probabilities or {}).values()) == pytest.approx(1, abs=2e-6)


def test_one_and_many_agree_in_any_order(detector: Detector) -> None:
    alone = [detector.score(t).to_dict(None) for t in TEXTS]
    assert [v.to_dict(None) for v in detector.score_many(reversed(TEXTS))] == alone[::-1]


def test_threads_share_a_detector(detector: Detector) -> None:
    expected = [detector.score(t).to_dict(None) for t in TEXTS]
    fresh, given = Detector.load(), []

    def work() -> None:
        given.append([v.to_dict(None) for v in fresh.score_many(TEXTS)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert given == [expected] * 4


def test_verdict_cannot_be_changed(detector: Detector) -> None:
    verdict = detector.score(TEXTS[0])
    with pytest.raises(AttributeError):
        verdict.label = "original"  # type: ignore[misc]
    with pytest.raises(TypeError):
        verdict.probabilities["original"] = 1.0  # type: ignore[index]


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200b\u200b"])
def test_nothing_to_score(detector: Detector, text: str) -> None:
    with pytest.raises(InputError) as e:
        detector.score(text)
    assert e.value.code == "empty"


BARS = {"original": 0.5, "rewritten": 0.8, "aggregated": 0.95}


@pytest.mark.parametrize(
    ("probabilities", "label"),
    [
        pytest.param((0.9, 0.05, 0.05), "original", id="original"),
        pytest.param((0.45, 0.3, 0.25), None, id="original, and not likely enough"),
        pytest.param((0.1, 0.5, 0.4), "rewritten", id="rewritten or aggregated, either is no original"),
        pytest.param((0.25, 0.7, 0.05), None, id="rewritten, but perhaps original"),
        pytest.param((0.04, 0.3, 0.66), "aggregated", id="aggregated"),
        pytest.param((0.06, 0.04, 0.9), None, id="aggregated, but perhaps original"),
    ],
)
def test_decide(probabilities: tuple[float, float, float], label: str | None) -> None:
    assert decide(dict(zip(LABELS, probabilities, strict=True)), BARS) == label
