"""Table: variants measured once, as the matrices that models are fitted on and scored with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from joblib import Parallel, delayed

from detector.article import Article
from detector.features import measure
from detector.signals.wording import BITS, BLOCKS, Encoder
from detector.training.variants import Variant
from detector.verdict import LABELS

UNKNOWN = -1
ORIGINS: dict[str | None, int] = {None: UNKNOWN, **{label: i for i, label in enumerate(LABELS)}}


@dataclass(frozen=True)
class Table:
    """Variants as numbers: `values` (n, columns) with NaN, `grams` (n, blocks << BITS), labels with UNKNOWN."""

    variants: list[Variant]
    values: npt.NDArray[np.float64]
    grams: sp.csr_matrix
    n_words: npt.NDArray[np.int64]
    origin: npt.NDArray[np.int64]  # index into LABELS
    ai: npt.NDArray[np.int64]  # 0, 1

    @cached_property
    def blocks(self) -> dict[str, sp.csr_matrix]:
        """The columns of each block of n-grams."""
        return {b: self.grams[:, i << BITS : (i + 1) << BITS] for i, b in enumerate(BLOCKS)}

    @property
    def units(self) -> npt.NDArray[np.str_]:
        return np.array([v.row.unit for v in self.variants])

    @property
    def hard(self) -> npt.NDArray[np.bool_]:
        """Which rows are one author's own work that looks aggregated: release notes, listicles, reading notes."""
        return np.array([v.row.hard for v in self.variants], dtype=bool)


def tabulate(variants: Sequence[Variant], vocabulary: Iterable[str], jobs: int) -> Table:
    """The table of some variants, measured by `jobs` processes; those with fewer than 15 words are left out."""
    vocabulary = tuple(vocabulary)
    size = 500
    chunks = [variants[i : i + size] for i in range(0, len(variants), size)]
    done = Parallel(n_jobs=jobs)(delayed(_measure)([v.text for v in chunk], vocabulary) for chunk in chunks)
    kept = [v for chunk, (_, _, n) in zip(chunks, done, strict=True) for v, k in zip(chunk, n, strict=True) if k >= 15]
    n_words = np.concatenate([n for _, _, n in done])
    enough = n_words >= 15
    return Table(
        variants=kept,
        values=np.vstack([values for values, _, _ in done])[enough],
        grams=sp.vstack([grams for _, grams, _ in done], format="csr")[enough],
        n_words=n_words[enough],
        origin=np.array([ORIGINS[v.row.origin] for v in kept]),
        ai=np.array([UNKNOWN if v.row.ai is None else int(v.row.ai) for v in kept]),
    )


def _measure(
    texts: Sequence[str], vocabulary: tuple[str, ...]
) -> tuple[npt.NDArray[np.float64], sp.csr_matrix, npt.NDArray[np.int64]]:
    encoder = Encoder(vocabulary)
    values, columns, data, ends, n_words = [], [], [], [0], []
    for text in texts:
        article = Article(text)
        (features,) = measure((article,), encoder)
        values.append(features.values)
        n_words.append(article.n_words)
        n = 0
        for i, block in enumerate(BLOCKS):
            grams = features.grams[block].columns
            unique, counts = np.unique(grams, return_counts=True)
            columns.append((unique + (i << BITS)).astype(np.int32))
            data.append((np.sqrt(counts) / np.sqrt(max(len(grams), 1))).astype(np.float32))
            n += len(unique)
        ends.append(ends[-1] + n)
    matrix = sp.csr_matrix(
        (np.concatenate(data), np.concatenate(columns), np.array(ends, dtype=np.int64)),
        shape=(len(texts), len(BLOCKS) << BITS),
    )
    return np.vstack(values), matrix, np.array(n_words, dtype=np.int64)
