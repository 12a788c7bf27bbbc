"""Index: source articles on disk, found again by the informative words that they share with an article.

A folder of plain arrays, memory-mapped, and a manifest with the sha256 of each; appending adds a segment and touches
no other. A segment holds at most 65,535 articles, so that a posting is three bytes: the article's number and the
word's weight in it (BM25 with a fixed typical length, so that appending changes no weight; Robertson and Zaragoza
2009). How rare a word is, is asked of all segments when a query comes. The texts are kept compressed beside the
postings, for alignment and for quoting.

An inverted index over hashed words is a page of numpy; the libraries that were tried hold eight bytes a posting, do
not append, or read pickles.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from detector import language
from detector.article import Article
from detector.errors import InputError, SourceIndexError
from detector.trace.reading import Codes, Floats, Reading, read

FORMAT = 1
SEGMENT = 65_535
ARRAYS = ("terms", "starts", "postings", "weights", "blocks", "texts")
_BLOCK = 16  # articles compressed together
_LEVEL = 4  # of zlib: half the time of 6, for a fortieth more bytes
_LANGUAGES = 40  # articles of a segment whose language is asked
_LONGEST = 60_000  # characters of a source that are kept: ten thousand words

_K1, _B, _TYPICAL = 1.2, 0.75, 300  # words
_SCALE = 255 / (_K1 + 1)
_MAX_POSTINGS = 4_000_000  # of a query, rarest words first: what bounds its time
_QUERY_TERMS = 160


class Candidate(NamedTuple):
    """A source that a query found: its number in the index and how well it fits (a sum of weights, no probability)."""

    number: int
    score: float


@dataclass(frozen=True, slots=True)
class Document:
    """A source as it is given to an index, and kept there; `date` is what the user's data says, as it says it."""

    id: str
    text: str
    date: str | None = None


@dataclass(frozen=True, eq=False)
class _Segment:
    first: int
    size: int
    terms: Codes
    starts: npt.NDArray[np.uint32]
    postings: npt.NDArray[np.uint16]
    weights: npt.NDArray[np.uint8]
    blocks: npt.NDArray[np.uint64]
    texts: npt.NDArray[np.uint8]

    def places(self, terms: Codes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where each term's postings start and end; both 0 for a term that the segment lacks."""
        at = np.minimum(np.searchsorted(self.terms, terms), len(self.terms) - 1)
        here = self.terms[at] == terms
        return np.where(here, self.starts[at], 0).astype(np.int64), np.where(here, self.starts[at + 1], 0).astype(
            np.int64
        )


class Index:
    """Sources that can be searched; immutable, so threads may share it.

    >>> index = Index.load("sources.index")  # doctest: +SKIP
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], segments: Sequence[_Segment]) -> None:
        self.folder, self.manifest, self._segments = folder, manifest, tuple(segments)
        self.languages: Counter[str] = Counter()
        for s in manifest["segments"]:
            self.languages.update(s["languages"])

    def __len__(self) -> int:
        return sum(s.size for s in self._segments)

    @property
    def id(self) -> str:
        """The first 12 digits of its digest."""
        return str(self.manifest["digest"])[:12]

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Index:
        """The index in `folder`, every file of it checked against its manifest.

        Raises SourceIndexError if it is missing, damaged or of another format.
        """
        folder = Path(folder)
        manifest = _read_manifest(folder)
        segments, first = [], 0
        for entry in manifest["segments"]:
            for name, promised in entry["files"].items():
                if _digest(folder / name) != promised:
                    raise SourceIndexError(
                        f"{folder / name} is not the file that was indexed (its sha256 differs): build the index again"
                    )
            segments.append(_open(folder, entry["name"], first, entry["size"]))
            first += int(entry["size"])
        return cls(folder, manifest, segments)

    def search(self, queries: Sequence[Reading], wanted: int) -> list[list[Candidate]]:
        """For each query the `wanted` best sources, best first; equal scores in the order of the index."""
        vocabulary = np.unique(np.concatenate([q.vocabulary for q in queries])) if queries else np.zeros(0, np.uint32)
        if not len(vocabulary) or not len(self):
            return [[] for _ in queries]
        places = [segment.places(vocabulary) for segment in self._segments]
        df = np.sum([ends - starts for starts, ends in places], axis=0)
        rarity = np.log(1 + (len(self) - df + 0.5) / (df + 0.5))
        asked = []
        for q in queries:
            terms, counts = np.unique(q.terms, return_counts=True)
            at = np.searchsorted(vocabulary, terms)
            weight = rarity[at] * counts * (_K1 + 1) / (counts + _K1)
            order = np.lexsort((terms, -rarity[at]))[:_QUERY_TERMS]
            order = order[np.cumsum(df[at[order]]) <= _MAX_POSTINGS]
            order = order[df[at[order]] > 0]
            asked.append((at[order], weight[order]))
        found: list[tuple[npt.NDArray[np.int64], Floats]] = [(np.zeros(0, np.int64), np.zeros(0)) for _ in queries]
        for segment, (starts, ends) in zip(self._segments, places, strict=True):
            for i, (at, weight) in enumerate(asked):
                scores = _add_up(segment, starts[at], ends[at], weight)
                numbers, best = found[i]
                bar = best[wanted - 1] if len(best) >= wanted else 0.0
                over = np.flatnonzero(scores > bar)
                if len(over) > 4 * wanted:
                    over = over[np.argpartition(-scores[over], wanted)[: wanted + 1]]
                numbers = np.concatenate((numbers, over + segment.first))
                best = np.concatenate((best, scores[over]))
                order = np.lexsort((numbers, -best))[:wanted]
                found[i] = numbers[order], best[order]
        return [
            [Candidate(int(n), float(s)) for n, s in zip(numbers, scores, strict=True)] for numbers, scores in found
        ]

    def stored(self, number: int) -> Document:
        """The source with this number."""
        segment = next(s for s in reversed(self._segments) if s.first <= number)
        return Document(*_records(segment, (number - segment.first) // _BLOCK)[(number - segment.first) % _BLOCK])

    def __iter__(self) -> Iterator[Document]:
        for segment in self._segments:
            for block in range(len(segment.blocks) - 1):
                for record in _records(segment, block):
                    yield Document(*record)


def _add_up(
    segment: _Segment, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], weight: Floats
) -> npt.NDArray[np.float64]:
    """The score of every article of a segment."""
    here = np.flatnonzero(ends > starts)
    if not len(here):
        return np.zeros(segment.size)
    slices = [slice(a, b) for a, b in zip(starts[here].tolist(), ends[here].tolist(), strict=True)]
    postings = np.concatenate([segment.postings[s] for s in slices])
    weights = np.concatenate([segment.weights[s] for s in slices])
    shares = weights * np.repeat(weight[here] / _SCALE, (ends - starts)[here])
    return np.asarray(np.bincount(postings, shares, minlength=segment.size), dtype=np.float64)


def _records(segment: _Segment, block: int) -> list[list[Any]]:
    raw = zlib.decompress(segment.texts[int(segment.blocks[block]) : int(segment.blocks[block + 1])].tobytes())
    records: list[list[Any]] = json.loads(raw)
    return records


def build(sources: Iterable[Document], folder: str | os.PathLike[str]) -> Iterator[int]:
    """Writes an index of `sources` into a new `folder`; yields how many it holds, after each segment.

    A source without a word is left out. Raises SourceIndexError if the folder has something in it, InputError
    (`empty`) if no source has a word.
    """
    path = Path(folder)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SourceIndexError(
            f"{path} exists and is not an empty folder: name a new one, or append to the index in it"
        )
    yield from _write(sources, path, [])


def append(sources: Iterable[Document], folder: str | os.PathLike[str]) -> Iterator[int]:
    """Adds `sources` to the index in `folder`, as `build` does; who loads it meanwhile finds all of them or none."""
    path = Path(folder)
    yield from _write(sources, path, _read_manifest(path)["segments"])


def _write(sources: Iterable[Document], folder: Path, present: Sequence[dict[str, Any]]) -> Iterator[int]:
    entries = list(present)
    segment = _Growing()
    for source in sources:
        segment.add(source)
        if segment.size == SEGMENT:
            entries.append(segment.write(folder, len(entries)))
            yield sum(e["size"] for e in entries)
            segment = _Growing()
    if segment.size:
        entries.append(segment.write(folder, len(entries)))
        yield sum(e["size"] for e in entries)
    if not entries:
        raise InputError("there is no source with a word in it: nothing to index", "empty")
    manifest = {"format": FORMAT, "segments": entries}
    manifest["digest"] = _manifest_digest(manifest)
    partial = folder / f".manifest.{os.getpid()}.part"
    partial.write_text(json.dumps(manifest, indent=1), "utf-8")
    os.replace(partial, folder / "manifest.json")


class _Growing:
    """A segment that is being written."""

    def __init__(self) -> None:
        self.size = 0
        self.languages: Counter[str] = Counter()
        self._terms: list[Codes] = []
        self._weights: list[npt.NDArray[np.uint8]] = []
        self._waiting: list[list[str | None]] = []
        self._texts: list[bytes] = []

    def add(self, source: Document) -> None:
        article = Article(source.text[:_LONGEST])
        reading = read(article)
        terms, counts = np.unique(reading.terms, return_counts=True)
        if not len(terms):
            return
        length = 1 - _B + _B * len(reading.stems) / _TYPICAL
        self._terms.append(terms)
        self._weights.append(np.rint(_SCALE * counts * (_K1 + 1) / (counts + _K1 * length)).astype(np.uint8))
        self._waiting.append([source.id, article.text, source.date])
        if self.size < _LANGUAGES:
            self.languages[language.identify(article)] += 1
        self.size += 1
        if len(self._waiting) == _BLOCK:
            self._compress()

    def _compress(self) -> None:
        self._texts.append(zlib.compress(json.dumps(self._waiting).encode(), _LEVEL))
        self._waiting = []

    def write(self, folder: Path, number: int) -> dict[str, Any]:
        """The manifest's entry for the files written."""
        if self._waiting:
            self._compress()
        lengths = [len(t) for t in self._terms]
        terms = np.concatenate(self._terms)
        order = np.argsort(terms, kind="stable")
        unique, first = np.unique(terms[order], return_index=True)
        arrays: dict[str, npt.NDArray[Any]] = {
            "terms": unique,
            "starts": np.append(first, len(terms)).astype(np.uint32),
            "postings": np.repeat(np.arange(self.size, dtype=np.uint16), lengths)[order],
            "weights": np.concatenate(self._weights)[order],
            "blocks": np.cumsum([0, *map(len, self._texts)]).astype(np.uint64),
            "texts": np.frombuffer(b"".join(self._texts), dtype=np.uint8),
        }
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{number:06}"
        files = {}
        for kind, array in arrays.items():
            path = folder / f"{name}.{kind}.npy"
            np.save(path, array, allow_pickle=False)
            files[path.name] = _digest(path)
        return {"name": name, "size": self.size, "languages": dict(self.languages), "files": files}


def _open(folder: Path, name: str, first: int, size: int) -> _Segment:
    try:
        # plain views of the mapped files: slicing a numpy.memmap costs as much as reading a short posting list
        arrays = {
            k: np.load(folder / f"{name}.{k}.npy", mmap_mode="r", allow_pickle=False).view(np.ndarray) for k in ARRAYS
        }
    except (OSError, ValueError) as e:
        raise SourceIndexError(
            f"segment {name} of the index in {folder} cannot be read ({type(e).__name__}): build the index again"
        ) from None
    return _Segment(first, size, **arrays)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as f:
            return hashlib.file_digest(f, "sha256").hexdigest()
    except OSError:
        raise SourceIndexError(f"the index lacks {path}: build it again") from None


def _manifest_digest(manifest: dict[str, Any]) -> str:
    rest = {k: v for k, v in manifest.items() if k != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        raw = (folder / "manifest.json").read_bytes()
    except OSError:
        raise SourceIndexError(
            f"no index in {folder}: its manifest.json cannot be read; "
            "make one with `detector index SOURCES --output DIR`"
        ) from None
    try:
        manifest = json.loads(raw)
        stated, format = manifest["digest"], manifest["format"]
    except (ValueError, KeyError, TypeError):
        raise SourceIndexError(
            f"{folder / 'manifest.json'} is not an index's manifest: build the index again"
        ) from None
    if format != FORMAT:
        raise SourceIndexError(
            f"the index in {folder} has format {format!r}, this detector reads format {FORMAT}: build the index again"
        )
    if stated != _manifest_digest(manifest):
        raise SourceIndexError(f"{folder / 'manifest.json'} was edited (its digest differs): build the index again")
    return manifest  # type: ignore[no-any-return]
