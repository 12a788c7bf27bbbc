"""Model: load, verify and run what is stored in models/<version>. Numbers in, probabilities out; it knows no text.

Two heads share the features: `origin` (a softmax over three labels) and `ai` (a logistic). Each is a sum, so that what
a feature adds is exact: a piecewise linear curve for each measured number (a generalised additive model; Hastie and
Tibshirani 1986), small trees for what the numbers mean together, and a weight for each hashed n-gram. Calibration
(Platt scaling with the length of the text, vector scaling for three classes; Guo et al. 2017) is applied to the sums
and moves no contribution.

On disk a model is plain arrays (`weights.npz`, read with pickle off), a word list, a manifest and a card.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.errors import ModelError
from detector.trees import Trees
from detector.verdict import LABELS

FORMAT = 5
HEADS = (*LABELS, "ai")  # the columns of every weight table
CALIBRATIONS = ("origin", "which", "ai")  # see `calibrate`
FILES = ("weights.npz", "vocabulary.txt", "CARD.md")
_STATED = {"name": str, "files": dict, "features": list, "blocks": list, "carriers": dict, "thresholds": dict,
           "min_words": int, "canaries": list}  # fmt: skip

Array = npt.NDArray[np.float64]


def models_folder() -> Path:
    """Where published models are: inside an installed package, beside the package in a checkout."""
    here = Path(__file__).resolve().parent
    inside = here / "models"
    return inside if inside.is_dir() else here.parent / "models"


@dataclass(frozen=True)
class Sums:
    """Uncalibrated scores of articles by head, and what each feature added: `total` = intercept + parts.sum(axis=1)."""

    total: Array  # (n, 4)
    parts: Array  # (n, n_features + n_blocks, 4)


@dataclass(frozen=True)
class StoredModel:
    """A verified model in memory; immutable, so threads may share it."""

    folder: Path
    manifest: Mapping[str, Any]
    features: tuple[str, ...]
    blocks: tuple[str, ...]
    vocabulary: tuple[str, ...]
    knots: Array  # (n_features, n_knots), rising
    curves: Array  # (n_features, n_knots, 4)
    grams: Mapping[str, npt.NDArray[np.float32]]  # block -> (2**BITS, 4)
    trees: Trees
    intercept: Array  # (4,)
    calibration: Mapping[str, Array]
    carriers: tuple[
        tuple[int, float], ...
    ]  # features, and from which value on they say that others' stories are carried

    @property
    def id(self) -> str:
        """Name and digest, as every verdict carries it."""
        return f"{self.manifest['name']}@{self.manifest['digest'][:12]}"

    def curve_parts(self, values: Array) -> Array:
        """What each measured number, (n, n_features), adds to each head; an undefined number (NaN) adds nothing."""
        rising, first = self._by_knot
        x = np.minimum(np.fmax(values, rising[0]), rising[-1])  # fmax: NaN is the first knot
        left = (x >= rising[1:-1, None]).sum(axis=0)
        left += first  # in the flattened tables, where take() is fast
        right = left + 1
        low, curves = self.knots.take(left), self.curves.reshape(-1, len(HEADS))
        share = ((x - low) / (self.knots.take(right) - low))[:, :, None]
        parts: Array = (1 - share) * curves.take(left, axis=0) + share * curves.take(right, axis=0)
        parts[np.isnan(values)] = 0.0
        return parts

    @cached_property
    def _by_knot(self) -> tuple[Array, npt.NDArray[np.int64]]:
        """The knots by number and then feature, and where those of each feature start in the flattened table."""
        return np.ascontiguousarray(self.knots.T), np.arange(0, self.knots.size, self.knots.shape[1])

    def gram_weights(self, block: str, columns: npt.NDArray[np.int64]) -> Array:
        """What each occurrence of an n-gram adds to each head, (n_occurrences, 4)."""
        if not len(columns):
            return np.zeros((0, len(HEADS)))
        # A gram counts by the square root of its frequency, over the root of all: its occurrences share that.
        order = np.argsort(columns, kind="stable")
        in_order = columns[order]
        edges = (np.concatenate(([True], in_order[1:] != in_order[:-1]))).nonzero()[0]
        counts = np.diff(np.concatenate((edges, [len(columns)])))
        per_occurrence = np.empty(len(columns))
        per_occurrence[order] = (1 / np.sqrt(counts)).repeat(counts)
        weights: Array = self.grams[block].take(columns, axis=0) * (per_occurrence / math.sqrt(len(columns)))[:, None]
        return weights

    def block_part(self, block: str, columns: npt.NDArray[np.int64]) -> Array:
        """What a block of n-grams adds to each head, (4,): the sum of `gram_weights`, by a shorter way."""
        if not len(columns):
            return np.zeros(len(HEADS))
        in_order = columns.astype(np.int32)
        in_order.sort()
        last = np.append((in_order[1:] != in_order[:-1]).nonzero()[0], len(in_order) - 1)
        counts = last.copy()
        counts[1:] -= last[:-1]
        counts[0] += 1
        # one dot product an article, so the order of summing is the same in any company
        part: Array = np.sqrt(counts) @ self.grams[block].take(in_order.take(last), axis=0).astype(np.float64)
        return part / math.sqrt(len(columns))

    def add(self, values: Array, columns: Sequence[Mapping[str, npt.NDArray[np.int64]]]) -> Sums:
        """The heads' sums for n articles: `values` (n, n_features), `columns` of each one's n-grams by block."""
        parts = np.empty((len(values), len(self.features) + len(self.blocks), len(HEADS)))
        parts[:, : len(self.features)] = self.curve_parts(values)
        parts[:, : len(self.features)] += self.trees.parts(values)
        for i, block in enumerate(self.blocks, len(self.features)):
            parts[:, i] = [self.block_part(block, own[block]) for own in columns]
        return Sums(self.intercept + parts.sum(axis=1), parts)

    def carries(self, values: Array) -> npt.NDArray[np.bool_]:
        """Whether each text carries a list of its sources, or teasers of other stories."""
        carries = np.zeros(len(values), dtype=bool)
        for i, least in self.carriers:
            carries |= values[:, i] >= least
        return carries

    def calibrate(
        self, total: Array, n_words: npt.NDArray[np.int64], carries: npt.NDArray[np.bool_]
    ) -> tuple[Array, Array]:
        """Probabilities from sums and texts' lengths: over LABELS (summing to 1), (n, 3), and of a language model."""
        return calibrate(self.calibration, total, n_words, carries)


def length_basis(n_words: npt.NDArray[np.int64], degree: int) -> Array:
    """How texts' lengths enter calibration, (n, degree + 1): powers of l = log2(n/300) within 32..300 words."""
    length = np.log2(np.minimum(np.maximum(n_words, 32), 300) / 300)
    basis = np.ones((len(n_words), degree + 1))
    for k in range(1, degree + 1):
        basis[:, k] = basis[:, k - 1] * length
    return basis


def _at_length(table: Array, n_words: npt.NDArray[np.int64]) -> Array:
    """A calibration table, (degree + 1, ...), at each text's length, (n, ...); no sum of it depends on the company."""
    basis = length_basis(n_words, len(table) - 1)
    values: Array = np.repeat(table[:1], len(n_words), axis=0)
    for power, row in zip(basis.T[1:], table[1:], strict=True):
        values += power.reshape(-1, *(1,) * row.ndim) * row
    return values


def calibrate(
    calibration: Mapping[str, Array], total: Array, n_words: npt.NDArray[np.int64], carries: npt.NDArray[np.bool_]
) -> tuple[Array, Array]:
    """See StoredModel.calibrate. `ai` is (3, 2): by powers of length, (slope, offset) of the ai sum.

    `origin` is (3, 3, 5): by powers of length, a row a label over (all four sums, 1); the ai sum helps to tell retold
    from original, for most retelling is done by machines. From it comes the probability of `original`; what is left is
    dealt to the other two by `which`, (4,), the log-odds of aggregated against rewritten over (the sums of origin, 1):
    a machine's digest is a digest, so the ai sum has no say there. A retold story that carries its sources or others'
    teasers is aggregated by definition (docs/labels.md), so there the probability of retelling is aggregation's; and as
    what a model wrote is no original, that of original is there no larger than of a person's writing.
    """
    line = _at_length(calibration["ai"], n_words)
    ai = _logistic(line[:, 0] * total[:, 3] + line[:, 1])
    origin = _at_length(calibration["origin"], n_words)
    logits = (origin[:, :, :-1] * total[:, None]).sum(axis=2) + origin[:, :, -1]
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    original = e[:, 0] / e.sum(axis=1)
    which = calibration["which"]
    assembled = _logistic((which[:-1] * total[:, : len(LABELS)]).sum(axis=1) + which[-1])
    original = np.where(carries, np.minimum(original, 1 - ai), original)
    assembled = np.where(carries, 1.0, assembled)
    accused = 1 - original
    return np.stack([original, accused * (1 - assembled), accused * assembled], axis=1), ai


def _logistic(log_odds: Array) -> Array:
    probability: Array = 1 / (1 + np.exp(-np.maximum(log_odds, -500)))  # below, exp() overflows
    return probability


def digest(path: Path) -> str:
    """The sha256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(path: str | os.PathLike[str] | None = None) -> StoredModel:
    """The model in folder `path`, or the current one; every file is checked against the manifest before it is read.

    Raises ModelError with what is wrong, where, and what to do.
    """
    if path is None:
        root = models_folder()
        try:
            folder = root / (root / "CURRENT").read_text("utf-8").strip()
        except OSError:
            raise ModelError(f"no model: {root / 'CURRENT'} is missing; reinstall detector, or name a model") from None
    else:
        folder = Path(path)
    manifest = _read_manifest(folder)
    for name in FILES:
        expected = manifest["files"].get(name)
        try:
            found = digest(folder / name)
        except OSError:
            raise ModelError(f"the model in {folder} lacks {name}: reinstall it") from None
        if found != expected:
            raise ModelError(f"{folder / name} is not the published file (its sha256 differs): reinstall the model")
    try:
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            weights = {name: arrays[name] for name in arrays.files}
        vocabulary = tuple((folder / "vocabulary.txt").read_text("utf-8").split())
        blocks = tuple(manifest["blocks"])
        features = tuple(manifest["features"])
        model = StoredModel(
            folder=folder,
            manifest=manifest,
            features=features,
            blocks=blocks,
            vocabulary=vocabulary,
            knots=weights["knots"].astype(np.float64),
            curves=weights["curves"].astype(np.float64),
            grams={b: weights[f"grams_{b}"].astype(np.float32) for b in blocks},
            trees=Trees.load(weights),
            intercept=weights["intercept"].astype(np.float64),
            calibration={name: weights[f"calibration_{name}"].astype(np.float64) for name in CALIBRATIONS},
            carriers=tuple((features.index(f), float(least)) for f, least in manifest["carriers"].items()),
        )
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as e:
        raise ModelError(f"the model in {folder} cannot be read ({type(e).__name__}): reinstall it") from None
    asked = model.trees.feature.max(initial=0)
    if model.knots.shape[0] != len(features) or model.curves.shape[:2] != model.knots.shape or asked >= len(features):
        raise ModelError(f"the model in {folder} does not fit its manifest: reinstall it")
    return model


def _read_manifest(folder: Path) -> Mapping[str, Any]:
    try:
        raw = (folder / "manifest.json").read_bytes()
    except OSError:
        raise ModelError(
            f"no model in {folder}: its manifest.json cannot be read; name a folder that has one"
        ) from None
    try:
        manifest = json.loads(raw)
        stated = manifest["digest"]
    except (ValueError, KeyError, TypeError):
        raise ModelError(f"{folder / 'manifest.json'} is not a model's manifest: reinstall the model") from None
    if manifest.get("format") != FORMAT:
        raise ModelError(
            f"the model in {folder} has format {manifest.get('format')!r}, this detector reads format {FORMAT}: "
            "install the detector that made it, or another model"
        )
    if stated != manifest_digest(manifest):
        raise ModelError(f"{folder / 'manifest.json'} was edited (its digest differs): reinstall the model")
    for name, kind in _STATED.items():
        if not isinstance(manifest.get(name), kind):
            raise ModelError(f"{folder / 'manifest.json'} does not state {name}: reinstall the model")
    return manifest  # type: ignore[no-any-return]


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """The sha256 over all of a manifest but the digest itself, in hex."""
    rest = {k: v for k, v in manifest.items() if k != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
