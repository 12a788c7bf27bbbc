"""Scores: what held-out texts were given, without the texts. All figures are made from this, so they can be made again
in seconds from one small file of plain arrays."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from detector.errors import CorpusError
from detector.model import Array
from detector.training.evaluate import (
    BASELINES,
    HeldOut,
    calibrate_across,
    choose_thresholds,
    decide_all,
    humans,
    select,
)
from detector.training.table import UNKNOWN, Table

Names = npt.NDArray[np.str_]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Thresholds = Mapping[str, Mapping[str, Any]]

_FORMAT = 1
_FACTS = ("unit", "kind", "generator", "domain", "writer", "hard", "surely_human", "band", "n_words", "origin", "ai")
_DICTS = ("by_origin", "by_ai", "by_label", "raw_ai", "raw_origin")


@dataclass(frozen=True)
class Scores:
    """One entry a text and length band; all arrays have the same first axis. `by_...` hold the model and each baseline.

    `about` is what a reader must know (model, corpus, seed, thresholds), as JSON can say it.
    """

    about: dict[str, Any]
    unit: Names
    kind: Names
    generator: Names
    domain: Names
    writer: Names  # "native", "non-native" or ""
    hard: Mask
    surely_human: Mask
    band: Integers  # words, 0 for the whole text
    n_words: Integers
    origin: Integers  # index into LABELS, or UNKNOWN
    ai: Integers  # 0, 1 or UNKNOWN
    by_origin: dict[str, Array]  # probabilities, (n, 3)
    by_ai: dict[str, Array]  # probabilities
    by_label: dict[str, Integers]  # the label called, or UNKNOWN for an abstention
    crossed: Integers  # the model's labels by bars that were set on the other folds
    raw_ai: dict[str, Array] = field(default_factory=dict)  # what a baseline ranks by, where calibration costs it ranks
    raw_origin: dict[str, Array] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.by_ai)

    def rank_ai(self, name: str) -> Array:
        """What the model or a baseline ranks texts by: the machine-written first."""
        return self.raw_ai.get(name, self.by_ai[name])

    def rank_origin(self, name: str) -> Array:
        """What the model or a baseline ranks texts by: those that are no originals first."""
        return self.raw_origin[name] if name in self.raw_origin else 1 - self.by_origin[name][:, 0]

    @property
    def dataset(self) -> Names:
        return np.array([u.partition(":")[0] for u in self.unit])

    @property
    def originals(self) -> Mask:
        """Originals by people; where nobody said who wrote anything, all originals."""
        by_people = self.ai == 0
        return np.asarray((self.origin == 0) & (by_people if by_people.any() else self.ai == UNKNOWN))

    @property
    def people(self) -> Mask:
        """Texts that people surely wrote, as originals if that is known of any: what false alarms are counted on."""
        known = bool((self.origin != UNKNOWN).any())
        return np.asarray(self.surely_human & (self.ai == 0) & ((self.origin == 0) | (not known)))

    def save(self, path: Path) -> None:
        """One npz file of plain arrays."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in (*_FACTS, "crossed")}
        for what in _DICTS:
            for name, values in getattr(self, what).items():
                arrays[f"{what}/{name}"] = values.astype(np.float32) if values.dtype == np.float64 else values
        about = json.dumps({"format": _FORMAT, **self.about}, sort_keys=True)
        np.savez_compressed(path, about=np.array(about), **arrays)

    @classmethod
    def load(cls, path: Path) -> Scores:
        """What `save` wrote. Raises CorpusError if it is something else."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            about = json.loads(str(arrays.pop("about")))
            if about.pop("format") != _FORMAT:
                raise ValueError("format")
            groups: dict[str, dict[str, Any]] = {what: {} for what in _DICTS}
            for key in [k for k in arrays if "/" in k]:
                what, name = key.split("/", 1)
                values = arrays.pop(key)
                groups[what][name] = values.astype(np.float64) if values.dtype == np.float32 else values
            fields: dict[str, Any] = {"about": about, **arrays, **groups}
            return cls(**fields)
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile):
            raise CorpusError(f"{path} does not hold stored scores: delete it, and they are made again") from None


def store(out: HeldOut, min_words: int, about: Mapping[str, Any]) -> Scores:
    """The scores of held-out rows; baselines are calibrated, and given bars, by the same rules as the model."""
    table = out.table
    by_origin, by_ai, by_label = {}, {}, {}
    # only labels, units and lengths are needed from here on
    lean = replace(out, table=replace(table, grams=sp.csr_matrix((len(table.variants), 0))), judges=())
    for name in ("model", *BASELINES):
        origin, ai = (
            (out.origin, out.ai) if name == "model" else calibrate_across(table, out.band, out.fold, out.sums[name])[:2]
        )
        by_origin[name], by_ai[name] = origin, ai
        by_label[name] = decide_all(origin, choose_thresholds(replace(lean, origin=origin, ai=ai)))
    about = {**about, "thresholds": choose_thresholds(lean), "min_words": min_words}
    scores = gather(table, out.band, about, by_origin, by_ai, by_label, decide_crossed(lean))
    # calibration by length helps the model's ranks and costs n-grams a tenth of their TPR: each is shown at its best
    sums = {name: out.sums[name] for name in BASELINES if name != "length"}
    return replace(
        scores,
        raw_ai={name: s[:, 3] for name, s in sums.items()},
        raw_origin={name: s[:, 2] - np.logaddexp(s[:, 0], s[:, 1]) for name, s in sums.items()},
    )


def decide_crossed(out: HeldOut) -> Integers:
    """The labels of held-out rows, each fold's by bars that were set on the others."""
    labels = np.full(len(out.fold), UNKNOWN)
    for k in np.unique(out.fold):
        others, own = np.flatnonzero(out.fold != k), out.fold == k
        rest = replace(
            out,
            table=select(out.table, others),
            band=out.band[others],
            fold=out.fold[others],
            origin=out.origin[others],
            ai=out.ai[others],
        )
        if (humans(rest, 0) | humans(rest, 300)).any():
            labels[own] = decide_all(out.origin[own], choose_thresholds(rest))
    return labels


def gather(
    table: Table,
    band: Integers,
    about: Mapping[str, Any],
    by_origin: dict[str, Array],
    by_ai: dict[str, Array],
    by_label: dict[str, Integers],
    crossed: Integers,
) -> Scores:
    """Scores of a table's rows; texts under `min_words` (in `about`) are abstentions whatever they were called."""
    rows = [v.row for v in table.variants]
    writer = {True: "non-native", False: "native", None: ""}
    enough = table.n_words >= about["min_words"]
    return Scores(
        about=dict(about),
        unit=table.units,
        kind=np.array([r.kind for r in rows]),
        generator=np.array([r.generator for r in rows]),
        domain=np.array([r.domain for r in rows]),
        writer=np.array([writer[r.nonnative] for r in rows]),
        hard=np.array([r.hard for r in rows], dtype=bool),
        surely_human=np.array([r.surely_human for r in rows], dtype=bool),
        band=band,
        n_words=table.n_words,
        origin=table.origin,
        ai=table.ai,
        by_origin=by_origin,
        by_ai=by_ai,
        by_label={name: np.where(enough, labels, UNKNOWN) for name, labels in by_label.items()},
        crossed=np.where(enough, crossed, UNKNOWN),
    )
