"""Speed, as ratios in one run on one core: `python benchmarks/speed.py [ARTICLES.jsonl[.gz] ...]`.

- end-to-end scoring against textstat's ten readability measures on the same articles;
- `import detector` against `import sklearn`;
- a cold `detector score FILE` against a cold `import sklearn.linear_model`.

Each pair is timed in turn, several times, and the medians are divided. Articles are distinct (textstat caches by text)
and of 250 words at least; without files named, the corpora beside the project are used.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = [
    ROOT.parent / "shared/data/corpus" / f"{name}.jsonl.gz" for name in ("gov_18f_blog", "gov_digitalgov", "bbc_2004")
]
WANTED, ROUNDS = 600, 5


def read(files: list[Path]) -> Iterator[str]:
    """The texts of JSONL files."""
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["text"]


def choose(files: list[Path]) -> list[str]:
    """WANTED distinct articles of real length, evenly over the files."""
    texts = list(dict.fromkeys(t for t in read(files) if 250 <= len(t.split()) <= 3000))
    if len(texts) < 500:
        sys.exit(
            f"{len(texts)} distinct articles of 250 to 3,000 words in {[str(f) for f in files]}: at least 500 are "
            f"needed"
        )
    return texts[:: max(1, len(texts) // WANTED)][:WANTED]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratio(a: Callable[[], object], b: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median time of `a` over median time of `b`, run in turn after one round that is not counted."""
    pairs = [(seconds(a), seconds(b)) for _ in range(rounds + 1)][1:]
    return statistics.median(x for x, _ in pairs) / statistics.median(y for _, y in pairs)


def run(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["OMP_NUM_THREADS"] = "1"
    articles = choose([Path(a) for a in sys.argv[1:]] or DEFAULT)
    import textstat

    from detector import Detector

    measures = [
        getattr(textstat, name)
        for name in (
            "flesch_reading_ease flesch_kincaid_grade gunning_fog smog_index automated_readability_index "
            "coleman_liau_index "
            "dale_chall_readability_score linsear_write_formula lexicon_count difficult_words"
        ).split()
    ]
    detector = Detector.load()
    # textstat caches by text, so each round has its own articles, in halves scored by turns
    share = len(articles) // (ROUNDS + 1)
    ours, theirs = [], []
    for i in range(ROUNDS + 1):
        part = articles[i * share : (i + 1) * share]
        theirs.append(seconds(lambda part=part: [m(t) for t in part for m in measures]))
        ours.append(seconds(lambda part=part: [v.to_dict() for v in detector.score_many(part)]))
    words = statistics.mean(len(t.split()) for t in articles)
    speed = statistics.median(b / a for a, b in zip(ours[1:], theirs[1:], strict=True))
    python = sys.executable
    tool = str(Path(python).with_name("detector"))
    imports = ratio(run(python, "-c", "import detector"), run(python, "-c", "import sklearn"), 9)
    bare = ratio(run(python, "-c", "pass"), run(python, "-c", "import sklearn"), 9)
    cold = ratio(
        run(tool, "score", str(ROOT / "seeds/signal-box.txt")), run(python, "-c", "import sklearn.linear_model"), 9
    )
    print(f"one core, {len(articles)} distinct articles, {words:.0f} words on average, medians of pairs in one run")
    print(f"scoring, as verdicts in wire format : {speed:.2f} times the speed of textstat's ten measures (3 wanted)")
    print(
        f"import detector                     : {imports:.2f} of import sklearn (0.15 wanted; a bare python is "
        f"{bare:.2f})"
    )
    print(f"cold detector score of one file     : {cold:.2f} of import sklearn.linear_model (1.5 wanted)")
    print(f"articles a second here              : {share / statistics.median(ours[1:]):.0f} (noisy; only ratios count)")


if __name__ == "__main__":
    main()
