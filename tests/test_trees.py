from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.ensemble import HistGradientBoostingClassifier

from detector.trees import Trees

N_NUMBERS, COLUMNS, N_SUMS = 6, [0, 1, 2], 4
rows = hnp.arrays(
    float,
    st.tuples(st.integers(1, 12), st.just(N_NUMBERS)),
    elements=st.one_of(st.floats(-1e9, 1e9), st.floats(-3, 3)),
)


@pytest.fixture(scope="module")
def classifier() -> HistGradientBoostingClassifier:
    dice = np.random.default_rng(1)
    x = dice.normal(size=(3000, N_NUMBERS))
    x[dice.random(x.shape) < 0.1] = np.nan
    labels = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(int) + (x[:, 2] > 1)
    return HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=9, random_state=0).fit(x, labels)


@pytest.fixture(scope="module")
def trees(classifier: HistGradientBoostingClassifier) -> Trees:
    return Trees.grown(classifier._predictors, COLUMNS, N_SUMS)


@given(x=rows)
def test_parts_add_up_to_what_the_classifier_says(
    classifier: HistGradientBoostingClassifier, trees: Trees, x: np.ndarray
) -> None:
    said = classifier.decision_function(x) - classifier._baseline_prediction
    sums = trees.roots + trees.parts(x).sum(axis=1)
    assert sums[:, COLUMNS] == pytest.approx(said, abs=1e-9)
    assert not sums[:, 3].any()
    assert trees.roots + trees.sums(x) == pytest.approx(sums, abs=1e-9)


@given(x=rows, undefined=hnp.arrays(bool, (12, N_NUMBERS)))
def test_undefined_number_adds_nothing(trees: Trees, x: np.ndarray, undefined: np.ndarray) -> None:
    x[undefined[: len(x)]] = np.nan
    assert not trees.parts(x)[np.isnan(x)].any()
    assert (trees.parts(x) == np.concatenate([trees.parts(row[None]) for row in x])).all()


@given(x=rows)
def test_company_changes_no_part(trees: Trees, x: np.ndarray) -> None:
    assert (trees.parts(x) == np.concatenate([trees.parts(row[None]) for row in x])).all()


def test_only_what_was_asked_for_adds(trees: Trees) -> None:
    asked = np.unique(trees.feature[trees.next[:, :, 0] != np.arange(trees.feature.shape[1])])
    x = np.random.default_rng(0).normal(size=(50, N_NUMBERS + 2))
    parts = trees.parts(x)
    assert set(np.flatnonzero(parts.any(axis=(0, 2)))) == set(asked) <= set(range(N_NUMBERS))


def test_saved_and_loaded_joined_and_mixed(trees: Trees) -> None:
    x = np.random.default_rng(2).normal(size=(9, N_NUMBERS))
    assert Trees.load(trees.arrays).parts(x) == pytest.approx(trees.parts(x), abs=1e-6)
    stumps = HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=2).fit(x.repeat(20, axis=0), np.arange(180) % 3)
    small = Trees.grown(stumps._predictors, COLUMNS, N_SUMS)
    joined = Trees.load(Trees.joined([Trees.empty(N_SUMS), small, trees]).arrays)
    assert joined.parts(x) == pytest.approx(small.parts(x) + trees.parts(x), abs=1e-6)
    mix = np.array([[0, 1, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0.5], [0, 0, 0, 0]])
    assert trees.mixed(mix).parts(x) == pytest.approx(trees.parts(x) @ mix)
    assert trees.mixed(mix).roots == pytest.approx(trees.roots @ mix)
    nothing = trees.mixed(np.zeros((N_SUMS, N_SUMS)))
    assert (len(nothing), nothing.parts(x).shape, nothing.parts(x).any()) == (0, (9, N_NUMBERS, N_SUMS), False)
    assert trees.parts(x[:0]).shape == (0, N_NUMBERS, N_SUMS)


@pytest.mark.parametrize("wrong", [0, 1000], ids=["loop", "nowhere"])
def test_damaged_trees_are_refused(trees: Trees, wrong: int) -> None:
    arrays = {key: a.copy() for key, a in trees.arrays.items()}
    arrays["trees_next"][0, 1] = wrong
    with pytest.raises(ValueError, match="no trees"):
        Trees.load(arrays)
