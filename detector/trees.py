"""Trees: boosted decision trees as plain arrays. They say what numbers mean together, and what each of them added.

A tree's answer is its root's value and, on the way down to a leaf, the step from node to node; a step belongs to the
number that was asked for, so what the numbers added is exact and adds up (Saabas 2014, "Interpreting random forests";
boosting as in Friedman 2001). Where an undefined number is asked for, the way ends, so it adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

        def widen(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return np.pad(a, [(0, 0), (0, size - a.shape[1]), *[(0, 0)] * (a.ndim - 2)])

        arrays = [(t.feature, t.threshold, t.next, t.value) for t in forests]
        return cls(*(np.concatenate(list(map(widen, same))) for same in zip(*arrays, strict=True)))

    @classmethod
    def load(cls, arrays: Mapping[str, npt.NDArray[Any]], n_numbers: int) -> Trees:
        """Trees from what `arrays` gave. Raises ValueError if they ask for what is not among so many numbers, or if a
        way through them could be endless."""
        feature, following = (arrays[f"trees_{name}"].astype(np.int64) for name in ("feature", "next"))
        own, n_nodes = np.arange(feature.shape[1])[:, None], feature.shape[1]
        if not ((feature < n_numbers).all() and (following >= own).all() and (following < n_nodes).all()):
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
        sums, paths = np.zeros((len(x), self.value.shape[2])), self._paths
        for i in range(0, len(x), _AT_ONCE):
            path = self._walk(x[i : i + _AT_ONCE])
            for k, (trees, step) in enumerate(zip(paths.trees, paths.steps, strict=True)):
                sums[i : i + _AT_ONCE, k] = step.take(path[trees]).sum(axis=(0, 1))
        return sums

    def parts(self, x: Floats) -> Floats:
        """What each of the numbers `x` (n, numbers) adds to the roots' answer, (n, numbers, sums)."""
        n, n_numbers = x.shape
        path, paths = self._walk(x), self._paths
        place = paths.asked.take(path) + np.arange(n) * n_numbers
        parts = np.zeros((self.value.shape[2], n * n_numbers))
        for part, trees, step in zip(parts, paths.trees, paths.steps, strict=True):
            part[:] = np.bincount(place[trees].ravel(), step.take(path[trees]).ravel(), minlength=len(part))
        return parts.reshape(-1, n, n_numbers).transpose(1, 2, 0)

    def _walk(self, x: Floats) -> Ints:
        """The nodes that the way to a leaf comes by, (trees, steps, n)."""
        n, n_numbers = x.shape
        numbers, row = x.ravel(), np.arange(n) * n_numbers
        paths = self._paths
        node = paths.roots.repeat(n).reshape(-1, n)
        came_by = [node[:0]] if not node.size else []
        while (node < paths.end).any():
            number = numbers.take(paths.feature.take(node) + row)
            node = paths.next.take(2 * node + (number > paths.threshold.take(node)))
            node[np.isnan(number)] = paths.end
            came_by.append(node)
        return np.stack(came_by, axis=1)

    @cached_property
    def _paths(self) -> _Paths:
        n_trees, n_nodes, n_sums = self.value.shape
        end, roots = n_trees * n_nodes, np.arange(n_trees) * n_nodes
        is_leaf = self.next == np.arange(n_nodes)[:, None]
        following = np.where(is_leaf, end, self.next + roots[:, None, None]).reshape(-1, 2)
        asked, steps = np.zeros(end + 1, dtype=np.int64), np.zeros((n_sums, end + 1))
        value = self.value.reshape(-1, n_sums).T
        for after in following.T:
            inner = np.flatnonzero(after < end)
            asked[after[inner]] = self.feature.ravel()[inner]
            steps[:, after[inner]] = value[:, after[inner]] - value[:, inner]
        return _Paths(
            end,
            roots,
            np.append(self.feature, 0),
            np.append(self.threshold, 0.0),
            np.append(following, [end, end]),
            asked,
            [np.flatnonzero(of_sum.any(axis=1)) for of_sum in np.moveaxis(self.value, 2, 0)],
            steps,
        )


@dataclass(frozen=True, eq=False)
class _Paths:
    """The nodes of all trees in a row, and behind them the `end`, to which all leaves lead and which adds nothing."""

    end: int
    roots: Ints
    feature: Ints
    threshold: Floats
    next: Ints  # two a node
    asked: Ints  # the number that led to a node
    trees: list[Ints]  # for each sum, the trees that add to it
    steps: Floats  # (sums, nodes): what coming to a node adds
