"""Trees: boosted decision trees as plain arrays. They say what numbers mean together, and what each of them added.

A tree's answer is its root's value and, on the way down to a leaf, the step from node to node; a step belongs to the
number that was asked for, so what the numbers added is exact and adds up (Saabas 2014, "Interpreting random forests";
boosting as in Friedman 2001). Where an undefined number is asked for, the way ends, so it adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_AT_ONCE = 256  # rows whose ways are looked for together: what that needs stays in the processor's cache


@dataclass(frozen=True, eq=False)
class Trees:
    """A row a tree, a column a node: the root first, each node before those that follow it; a leaf follows itself."""

    feature: Ints  # (trees, nodes): the number that a node asks for
    threshold: Floats  # (trees, nodes)
    next: Ints  # (trees, nodes, 2): the node to go to if the number is at most the threshold, or above
    value: Floats  # (trees, nodes, sums): a leaf's answer; of another node its mean over the texts it was grown on

    @classmethod
    def empty(cls, n_sums: int) -> Trees:
        """No trees."""
        none = np.zeros((0, 1), dtype=np.int64)
        return cls(none, none.astype(float), np.zeros((0, 1, 2), dtype=np.int64), np.zeros((0, 1, n_sums)))

    @classmethod
    def grown(cls, stages: Sequence[Sequence[Any]], columns: Sequence[int], n_sums: int) -> Trees:
        """The `_predictors` of a fitted HistGradientBoostingClassifier, its classes adding to these columns."""
        trees = [tree.nodes for stage in stages for tree in stage]
        shape = len(trees), max(map(len, trees))
        feature, following = np.zeros(shape, dtype=np.int64), np.zeros((*shape, 2), dtype=np.int64)
        threshold, value = np.zeros(shape), np.zeros((*shape, n_sums))
        following[:] = np.arange(shape[1])[:, None]
        for k, nodes in enumerate(trees):
            inner = np.flatnonzero(nodes["is_leaf"] == 0)
            feature[k, inner], threshold[k, inner] = nodes["feature_idx"][inner], nodes["num_threshold"][inner]
            following[k, inner] = np.stack([nodes["left"][inner], nodes["right"][inner]], axis=1)
            answer = nodes["value"].copy()
            for i in inner[::-1].tolist():
                after = following[k, i]
                answer[i] = np.average(answer[after], weights=nodes["count"][after])
            value[k, : len(nodes), columns[k % len(columns)]] = answer
        return cls(feature, threshold, following, value)

    @classmethod
    def joined(cls, forests: Sequence[Trees]) -> Trees:
        """All trees of several."""
        size = max(trees.feature.shape[1] for trees in forests)

        def join(arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
            wide = [np.pad(a, [(0, 0), (0, size - a.shape[1]), *[(0, 0)] * (a.ndim - 2)]) for a in arrays]
            return np.concatenate(wide)

        # A node that a smaller tree lacks follows itself, as leaves do.
        following = np.maximum(join([t.next for t in forests]), np.arange(size)[:, None])
        feature, threshold, value = (join([getattr(t, f) for t in forests]) for f in ("feature", "threshold", "value"))
        return cls(feature, threshold, following, value)

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Trees:
        """Trees from what `arrays` gave. Raises ValueError if a way through them could be endless or lead nowhere."""
        feature, following = (arrays[f"trees_{name}"].astype(np.int64) for name in ("feature", "next"))
        own, n_nodes = np.arange(feature.shape[1])[:, None], feature.shape[1]
        if not ((following >= own).all() and (following < n_nodes).all()):
            raise ValueError("no trees")
        return cls(feature, arrays["trees_threshold"], following, arrays["trees_value"].astype(np.float64))

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The trees as small plain arrays, by name."""
        return {
            "trees_feature": self.feature.astype(np.uint16),
            "trees_threshold": self.threshold,
            "trees_next": self.next.astype(np.uint16),
            "trees_value": self.value.astype(np.float32),
        }

    def mixed(self, mix: Floats) -> Trees:
        """Trees whose sums are these trees' sums @ `mix` (sums, sums), but for trees that would add nothing."""
        value = self.value @ mix
        used = value.any(axis=(1, 2))
        return Trees(self.feature[used], self.threshold[used], self.next[used], value[used])

    def __len__(self) -> int:
        return len(self.feature)

    @property
    def roots(self) -> Floats:
        """What the trees answer before any number is known, (sums,)."""
        roots: Floats = self.value[:, 0].sum(axis=0)
        return roots

    def sums(self, x: Floats) -> Floats:
        """What the numbers `x` (n, numbers) together add to the roots' answer, (n, sums)."""
        sums = np.zeros((self.value.shape[2], len(x)))
        for i in range(0, len(x), _AT_ONCE):
            for _, node in self._walk(x[i : i + _AT_ONCE]):
                for of_sum, step in zip(sums, self._paths.steps, strict=True):
                    of_sum[i : i + _AT_ONCE] += step.take(node).sum(axis=0)
        return sums.T

    def parts(self, x: Floats) -> Floats:
        """What each of the numbers `x` (n, numbers) adds to the roots' answer, (n, numbers, sums)."""
        parts = np.zeros((self.value.shape[2], x.size))
        if walked := list(self._walk(x)):
            places, nodes = (np.stack(steps, axis=1) for steps in zip(*walked, strict=True))
            for part, trees, step in zip(parts, self._paths.trees, self._paths.steps, strict=True):
                part[:] = np.bincount(places[trees].ravel(), step.take(nodes[trees]).ravel(), minlength=len(part))
        return parts.reshape(len(parts), *x.shape).transpose(1, 2, 0)

    def _walk(self, x: Floats) -> Iterator[tuple[Ints, Ints]]:
        """Step by step to the leaves, the places in `x` of the numbers asked for and the nodes come to, (trees, n)."""
        n, n_numbers = x.shape
        numbers, row = x.ravel(), np.arange(n) * n_numbers
        paths, gaps = self._paths, np.isnan(numbers).any()
        node = paths.roots.repeat(n).reshape(len(self), n)
        while (node < paths.n_inner).any():
            place = paths.feature.take(node) + row
            number = numbers.take(place)
            node = paths.next.take(2 * node + (number > paths.threshold.take(node)))
            if gaps:
                node[np.isnan(number)] = paths.end
            yield place, node

    @cached_property
    def _paths(self) -> _Paths:
        n_trees, n_nodes, n_sums = self.value.shape
        is_leaf = (self.next[:, :, 0] == np.arange(n_nodes)).ravel()
        by_kind, end = np.argsort(is_leaf, kind="stable"), len(is_leaf)
        number = np.empty_like(by_kind)
        number[by_kind] = np.arange(end)
        first = np.arange(n_trees) * n_nodes
        inner = np.flatnonzero(~is_leaf)
        following = (self.next + first[:, None, None]).reshape(-1, 2)[inner]
        value, steps = self.value.reshape(-1, n_sums).T, np.zeros((n_sums, end + 1))
        for after in following.T:
            steps[:, number[after]] = value[:, after] - value[:, inner]
        left = end + 1 - len(inner)
        return _Paths(
            len(inner),
            end,
            number[first],
            np.pad(self.feature.ravel()[inner], (0, left)),
            np.pad(self.threshold.ravel()[inner], (0, left)),
            np.append(number[following], np.full(2 * left, end)),
            [np.flatnonzero(of_sum.any(axis=1)) for of_sum in np.moveaxis(self.value, 2, 0)],
            steps,
        )


@dataclass(frozen=True, eq=False)
class _Paths:
    """The nodes of all trees in a row: those that ask, then the leaves, and last the end, where all ways lead."""

    n_inner: int
    end: int
    roots: Ints
    feature: Ints
    threshold: Floats
    next: Ints  # two a node
    trees: list[Ints]  # for each sum, the trees that add to it
    steps: Floats  # (sums, nodes): what coming to a node adds
