"""Speed, as ratios in one run on one core: `python benchmarks/speed.py [ARTICLES.jsonl[.gz] ...]`.

- end-to-end scoring against textstat's ten readability measures on the same articles;
- `import detector` against `import sklearn`;
- a cold `detector score FILE` against a cold `import sklearn.linear_model`;
- scoring against the peer is-it-slop, on long and on short articles, where it is installed: run
  `../shared/peers/setup.sh DIR` and set PEER_PYTHON and PEER_PRELOAD to what it prints.

Each pair is timed in turn, several times, and the medians are divided. Articles are distinct (textstat caches by text)
and, but for the peer's short ones, of 250 words at least; without files named, the corpora beside the project are used.
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
PEER_LENGTHS, PEER_WANTED = {"long": (1000, 2200), "short": (200, 350)}, 40  # words, and articles a round
PEER = """
import json, sys, time
from is_it_slop import is_this_slop, is_this_slop_batch
for line in sys.stdin:
    texts = json.loads(line)
    start = time.process_time()
    for text in texts:
        is_this_slop(text)
    middle = time.process_time()
    is_this_slop_batch(texts)
    print(json.dumps([middle - start, time.process_time() - middle]), flush=True)
"""


def read(files: list[Path]) -> Iterator[str]:
    """The texts of JSONL files."""
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["text"]


def choose(files: list[Path], least: int = 250, most: int = 3000, wanted: int = WANTED) -> list[str]:
    """So many distinct articles of `least` to `most` words, evenly over the files."""
    texts = list(dict.fromkeys(t for t in read(files) if least <= len(t.split()) <= most))
    if len(texts) < 0.8 * wanted:
        sys.exit(f"{len(texts)} distinct articles of {least} to {most} words in {[str(f) for f in files]}: too few")
    return texts[:: max(1, len(texts) // wanted)][:wanted]


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Processor time, so that what else runs here takes no part; for work in other processes, name another clock."""
    start = clock()
    work()
    return clock() - start


def ratio(a: Callable[[], object], b: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median time of `a` over median time of `b`, run in turn after one round that is not counted."""
    clock = time.perf_counter  # processes of their own
    pairs = [(seconds(a, clock), seconds(b, clock)) for _ in range(rounds + 1)][1:]
    return statistics.median(x for x, _ in pairs) / statistics.median(y for _, y in pairs)


def run(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def beside_peer(texts: list[str], score: Callable[[list[str]], object], python: str) -> tuple[float, float, float]:
    """Articles a second: ours, the peer's one by one, and the peer's in batch; medians of rounds of distinct texts."""
    environment = {**os.environ, "RAYON_NUM_THREADS": "1", "LD_PRELOAD": os.environ.get("PEER_PRELOAD", "")}
    rounds = []
    with subprocess.Popen(
        (python, "-c", PEER), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as peer:
        assert peer.stdin is not None
        assert peer.stdout is not None
        for i in range(0, len(texts), PEER_WANTED):
            part = texts[i : i + PEER_WANTED]
            peer.stdin.write(json.dumps(part) + "\n")
            peer.stdin.flush()
            theirs = json.loads(peer.stdout.readline())
            rounds.append([len(part) / t for t in (seconds(lambda part=part: score(part)), *theirs)])
    ours, singly, batch = map(statistics.median, zip(*rounds[1:], strict=True))
    return ours, singly, batch


def main() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["OMP_NUM_THREADS"] = "1"
    files = [Path(a) for a in sys.argv[1:]] or DEFAULT
    articles = choose(files)
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

    def score(texts: list[str]) -> object:
        return [v.to_dict() for v in detector.score_many(texts)]

    # textstat caches by text, so each round has its own articles, in halves scored by turns
    share = len(articles) // (ROUNDS + 1)
    ours, theirs = [], []
    for i in range(ROUNDS + 1):
        part = articles[i * share : (i + 1) * share]
        theirs.append(seconds(lambda part=part: [m(t) for t in part for m in measures]))
        ours.append(seconds(lambda part=part: score(part)))
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
    if peer := os.environ.get("PEER_PYTHON"):
        for name, (least, most) in PEER_LENGTHS.items():
            texts = choose(files, least, most, PEER_WANTED * (ROUNDS + 1))
            rate, singly, batch = beside_peer(texts, score, peer)
            words = statistics.mean(len(t.split()) for t in texts)
            print(
                f"{name} articles, {words:5.0f} words        : {rate / singly:.2f} times is-it-slop one by one, "
                f"{rate / batch:.2f} times in batch (3 wanted); {rate:.0f}, {singly:.0f} and {batch:.0f} a second"
            )


if __name__ == "__main__":
    main()
