"""Size, build rate and latency of an index of sources: `python benchmarks/trace.py [N] [CORPUS_FOLDER]`, on one core.

The corpora's human originals, and from then on salted copies: sentences of several, shuffled together, with two made-up
words each. They have a text's length and word frequencies, so they do for size and time; nothing here measures quality.
Beyond one segment (65,535 sources) the segment is repeated under other names: the same work to search, built once.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from detector.article import Article
from detector.trace import Document, Index, build, trace
from detector.trace.derivation import find
from detector.trace.index import SEGMENT, _manifest_digest
from detector.trace.reading import read

DEFAULT = Path(__file__).resolve().parents[2] / "shared/data/corpus"
NAMES = ("multi_news_plus_sources", "bbc_2004", "fnc1_emergent", "gov_digitalgov", "echoes_opinions_human_pre2022")


def originals(folder: Path) -> list[str]:
    texts = []
    for name in NAMES:
        with gzip.open(folder / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            texts += [r["text"] for r in map(json.loads, lines) if 60 <= len(r["text"].split()) <= 3000]
    return texts


def sources(texts: list[str], n: int) -> Iterator[Document]:
    dice = random.Random(1)
    pieces = [t.split(". ") for t in texts]
    for i in range(n):
        if i < len(texts):
            yield Document(str(i), texts[i])
            continue
        a, b = dice.choice(pieces), dice.choice(pieces)
        mixed = a[::2] + b[1::2]
        yield Document(str(i), ". ".join([*mixed, f"salt{dice.getrandbits(40):x} salt{i:x}."]))


def repeat(folder: Path, n: int) -> None:
    """Makes the index in `folder`, of one segment, as large as `n` by naming its files again."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (first,) = manifest["segments"]
    for i in range(1, round(n / first["size"])):
        name = f"{i:06}"
        files = {}
        for file, sha256 in first["files"].items():
            files[file.replace(first["name"], name)] = sha256
            os.link(folder / file, folder / file.replace(first["name"], name))
        manifest["segments"].append({**first, "name": name, "files": files})
    manifest["digest"] = _manifest_digest(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    texts = originals(Path(sys.argv[2]) if len(sys.argv) > 2 else DEFAULT)
    random.Random(0).shuffle(texts)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "index"
        start = time.process_time()
        for done in build(sources(texts, min(n, SEGMENT)), folder):
            print(f"{done:,} indexed", file=sys.stderr)
        built = time.process_time() - start
        if n > SEGMENT:
            repeat(folder, n)
        size = sum(f.stat().st_size for f in folder.iterdir())
        start = time.perf_counter()
        index = Index.load(folder)
        loaded = time.perf_counter() - start
        searched, traced = [], []
        for text in texts[: min(n, 300) : 3]:
            start = time.process_time()
            find(read(Article(text)), index)
            searched.append(time.process_time() - start)
            start = time.process_time()
            trace(Article(text), index)
            traced.append(time.process_time() - start)
    words = statistics.mean(len(t.split()) for t in texts)
    print(f"{len(index):,} sources of {words:.0f} words on average, one core")
    print(f"bytes a source       : {size / len(index):.0f} (2,000 wanted)")
    print(f"built a second       : {min(n, SEGMENT) / built:.0f} (1,000 wanted)")
    print(f"loaded and verified  : {loaded:.2f} s")
    print(f"median search        : {statistics.median(searched) * 1e3:.1f} ms, of {len(searched)}")
    print(f"median whole trace   : {statistics.median(traced) * 1e3:.1f} ms")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory          : {peak:.0f} MB, mapped files and all")


if __name__ == "__main__":
    main()
