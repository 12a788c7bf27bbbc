"""Corpus: labelled rows of many datasets, and the folds that hold whole datasets out."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from detector.errors import CorpusError
from detector.verdict import LABELS

# Collections of sites, where each site is held out as a dataset of its own.
SITE_COLLECTIONS = frozenset({"digests", "human_sites", "ai_sites"})
# Datasets on the same base texts that `group` cannot link row by row: held out together.
FAMILIES = (
    frozenset({"sheepdog", "llmfake", "politifact_pp"}),
    frozenset({"imbd", "imbd_polish500", "l2d", "fdgpt_closed_models", "lastde"}),
    frozenset({"multi_news_plus", "multi_news_plus_sources", "newswire_reuse_pairs"}),
    frozenset({"gov_18f_blog", "gov_digitalgov"}),
    frozenset({"oayrilmaz_ai", "oayrilmaz_articles"}),
    frozenset({"corp_blog_openai_pre2022", "corp_blog_vercel_pre2022"}),
    frozenset({"echoes_opinions_human_pre2022", "echoes_opinions_post2022_unlabelled"}),
)


# Digests that the corpora call originals (docs/labels.md), as two readers agreed who saw no score. As originals they
# would be whom the bars protect; so their origin is nobody's: neither learnt, nor counted, nor barred by.
MISLABELLED = frozenset(  # of ids, the first 48 bits of their BLAKE2
    "058c83c8fee4 098068c4230b 0cd12aa78804 2a0d92696ec0 35e03630c3a6 3b6c56cdcbae 3b8cc84e6bc9 4588970540c7 "
    "499be88cc1aa 53c8dc165e92 64075cf2fefb 682fe3e9e853 6fe2313dc6a1 75ca93a39b11 8912f9bada56 8ebadf6f6c36 "
    "923818205283 a47740ab6228 a637396e74a2 b6773e6bae8a bcee20639687 d27673809b59 edc425bc7b1e".split()
)
MISLABELLED_KIND = "digest among originals"

# Fetched in 2025 and 2026, as three in five of its pages dated before November 2022 show: what was first put up
# then ("Best laptops 2026", of 2022) may have been written anew since, and not by its author.
FETCHED_LATER = frozenset({"wcxb_main", "wcxb_pages"})
_LATER_YEAR = re.compile(r"\b202[4-9]\b")


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text. `unit` is what is held out together at the least: a dataset, or a site of a collection."""

    id: str
    text: str
    origin: str | None
    ai: bool | None
    unit: str
    kind: str
    generator: str
    domain: str
    group: str
    surely_human: bool
    hard: bool
    nonnative: bool | None

    @property
    def dataset(self) -> str:
        return self.unit.partition(":")[0]


def read(folder: Path) -> Iterator[Row]:
    """The rows of every `*.jsonl.gz` in `folder`/corpus, in order of file and line; a guessed origin is left out.

    Raises CorpusError if there is none, or a line is not a row.
    """
    files = sorted((folder / "corpus").glob("*.jsonl.gz"))
    if not files:
        raise CorpusError(f"no corpus in {folder}: it needs corpus/*.jsonl.gz")
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield parse(json.loads(line))
                except (ValueError, KeyError, TypeError) as e:
                    raise CorpusError(f"{file.name}, line {number} is not a corpus row ({type(e).__name__})") from None


def parse(record: dict[str, Any]) -> Row:
    """A row from a record of the corpus."""
    meta = record.get("meta") or {}
    mislabelled = hashlib.blake2b(str(record["id"]).encode(), digest_size=6).hexdigest() in MISLABELLED
    origin = None if record.get("weak") or mislabelled else record.get("origin")
    if origin is not None and origin not in LABELS:
        raise ValueError(f"unknown origin {origin!r}")
    dataset = record["dataset"]
    return Row(
        id=str(record["id"]),
        text=record["text"],
        origin=origin,
        ai=record.get("ai"),
        unit=f"{dataset}:{record['source']}" if dataset in SITE_COLLECTIONS else dataset,
        kind=MISLABELLED_KIND if mislabelled else record.get("kind") or "",
        generator=record.get("model") or "",
        domain=record.get("domain") or "",
        group=record.get("group") or "",
        # a text that speaks of these years is not as old as it says
        surely_human=bool(record.get("pre_llm"))
        and dataset not in FETCHED_LATER
        and not _LATER_YEAR.search(record["text"]),
        hard=bool(meta.get("hard")),
        nonnative=meta.get("nonnative"),
    )


def digest(folder: Path) -> str:
    """The sha256 over the names and bytes of the corpus files, in hex."""
    total = hashlib.sha256()
    for file in sorted((folder / "corpus").glob("*.jsonl.gz")):
        total.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def assign_folds(rows: Sequence[Row], n_folds: int) -> npt.NDArray[np.int64]:
    """The fold of each row: whole units, families together, balanced over (origin, ai) by a greedy rule."""
    family = {name: "+".join(sorted(f)) for f in FAMILIES for name in f}
    # the page and main-text versions of one set hold the same articles
    keys = [family.get(r.unit, r.unit.removesuffix("_pages").removesuffix("_main")) for r in rows]
    classes = sorted({(r.origin or "", str(r.ai)) for r in rows})
    counts: dict[str, npt.NDArray[np.float64]] = {}
    for key, r in zip(keys, rows, strict=True):
        counts.setdefault(key, np.zeros(len(classes)))[classes.index((r.origin or "", str(r.ai)))] += 1
    # square roots: a large dataset is not worth its rows, and every fold should hold many datasets
    sizes = {k: np.sqrt(c) for k, c in counts.items()}
    load = np.zeros((n_folds, len(classes)))
    fold: dict[str, int] = {}
    for key in sorted(sizes, key=lambda k: (-sizes[k].sum(), k)):
        cost = ((load + sizes[key]) ** 2).sum(axis=1) - (load**2).sum(axis=1)
        best = int(np.argmin(cost))
        fold[key] = best
        load[best] += sizes[key]
    return np.array([fold[k] for k in keys], dtype=np.int64)


def training_mask(rows: Sequence[Row], folds: npt.NDArray[np.int64], held_out: int) -> npt.NDArray[np.bool_]:
    """Which rows may train when a fold is held out: those outside it that share no group with any row in it."""
    groups = {r.group for r, f in zip(rows, folds, strict=True) if f == held_out and r.group}
    return np.array([f != held_out and r.group not in groups for r, f in zip(rows, folds, strict=True)], dtype=bool)


def sample(rows: Iterable[Row], cap: int, seed: int) -> list[Row]:
    """At most `cap` rows of each unit, label, kind and generator, drawn by `seed`; near-copies are left out."""
    cells: dict[tuple[str, ...], list[Row]] = {}
    seen: set[bytes] = set()
    for r in rows:
        # two texts with the same first 40 words are one text scraped twice; the first set to hold it keeps it,
        # but the page and main-text versions of one article are both wanted
        opening = hashlib.blake2b(" ".join(r.text.lower().split()[:40]).encode("utf-8", "surrogatepass")).digest()
        if opening in seen or len(r.text.split()) < 20:
            continue
        seen.add(opening)
        cells.setdefault((r.unit, str(r.origin), str(r.ai), r.kind, r.generator), []).append(r)
    rng = np.random.default_rng(seed)
    chosen: list[Row] = []
    for key in sorted(cells):
        cell = cells[key]
        chosen += cell if len(cell) <= cap else [cell[i] for i in sorted(rng.choice(len(cell), cap, replace=False))]
    return chosen
