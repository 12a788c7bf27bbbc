"""Speed and memory of batch runs, as ratios in one run: `python benchmarks/scale.py [--records N] [FILE ...]`.

- one process: the time of `detector batch` (reading, writing, bookkeeping) over `score_many` in memory, both within
  this process and on the same articles, by turns;
- two processes against one, as commands, by turns;
- N records against 10,000, as commands: rate, and peak memory of the parent.

Records are real articles of 250 to 3,000 words (for the long run: their first 50 words) with salt.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from speed import DEFAULT, choose, seconds

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 5
DIGITS = "zero one two three four five six seven eight nine".split()
COMMAND = [sys.executable, "-m", "detector.cli", "batch"]


def salted(texts: list[str], n: int) -> Iterator[str]:
    """`n` texts, the given ones again and again, each with a number in words: no word is new to the word memos."""
    for i in range(n):
        yield f"{texts[i % len(texts)]}\nFolio {' '.join(DIGITS[int(d)] for d in str(i))}."


def write(path: Path, texts: Iterator[str]) -> Path:
    with path.open("w", encoding="utf-8") as sink:
        for i, text in enumerate(texts):
            sink.write(json.dumps({"id": f"r{i}", "text": text}) + "\n")
    return path


def overhead(folder: Path, texts: list[str]) -> float:
    """Time of a batch run over that of `score_many`, by turns: the median of pairs."""
    from detector import Article, Detector
    from detector.batch import run

    detector = Detector.load()
    source = write(folder / "overhead.jsonl", iter(texts))
    job = run.Job((str(source),), str(folder / "overhead.out"))

    def in_memory() -> None:
        for _ in detector.score_many((Article(t) for t in texts), at_hand=True):
            pass

    def as_rows() -> None:
        for v in detector.score_many((Article(t) for t in texts), at_hand=True):
            json.dumps(v.to_dict(8))

    def batch() -> None:
        for _ in run.run(job, detector, None, None, lambda *_: None):
            pass

    pairs = [(seconds(batch), seconds(in_memory), seconds(as_rows)) for _ in range(ROUNDS + 1)][1:]
    print(
        f"one process, {len(texts)} articles: batch takes {statistics.median(b / m for b, m, _ in pairs):.3f} of "
        f"score_many's time (1.10 wanted), {statistics.median(b / r for b, _, r in pairs):.3f} of it with rows as JSON"
    )
    return statistics.median(b / m for b, m, _ in pairs)


def command(source: Path, out: Path, *options: str) -> tuple[float, float, int]:
    """Seconds that the command took by its own clock, those of CPU (its workers' too), and its peak memory in KB."""
    summary = out.with_suffix(".summary")
    # a child of a child, so that the peak is the command's alone
    code = (
        "import resource, subprocess, sys; r = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode; "
        "u = resource.getrusage(resource.RUSAGE_CHILDREN); print(u.ru_utime + u.ru_stime, u.ru_maxrss); sys.exit(r)"
    )
    arguments = [*COMMAND, str(source), "--output", str(out), "--summary", str(summary), *options]
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, cwd=ROOT, stdout=subprocess.PIPE)
    cpu, peak = done.stdout.split()
    return json.loads(summary.read_text())["seconds"], float(cpu), int(peak)


def processes(folder: Path, texts: list[str]) -> None:
    n = 10 * len(texts)  # enough that starting workers and loading their models does not decide
    source = write(folder / "jobs.jsonl", salted(texts, n))
    pairs = [(command(source, folder / "jobs.out"), command(source, folder / "jobs.out", "--jobs", "2")) for _ in "123"]
    ratio = statistics.median(one[0] / two[0] for one, two in pairs)
    by_cpu = statistics.median(2 * one[1] / two[1] for one, two in pairs)
    print(
        f"{os.cpu_count()} cores, {n:,} articles: two processes {ratio:.2f} times the speed of one (1.8 wanted); by "
        f"CPU time, were both cores free, {by_cpu:.2f} at most"
    )


def growth(folder: Path, texts: list[str], n: int) -> None:
    brief = [" ".join(t.split()[:50]) for t in texts]
    told = {}
    for records in (10_000, n):
        source = write(folder / "growth.jsonl", salted(brief, records))
        taken, cpu, peak = command(source, folder / "growth.out", "--columns", "id,label,ai_probability")
        told[records] = records / taken, records / cpu, peak
        print(f"{records:,} records of 50 words: {records / taken:.0f} a second, peak memory {peak / 1024:.0f} MB")
        source.unlink()
    rate, by_cpu, peak = (big / small for small, big in zip(*told.values(), strict=True))
    print(f"{n:,} over 10,000: rate {rate:.2f} ({by_cpu:.2f} by CPU), peak memory {peak:.2f} (within 0.10 wanted)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("overhead", "processes", "growth"))
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    texts = choose(given.files or DEFAULT)
    words = statistics.mean(len(t.split()) for t in texts)
    print(
        f"{len(texts)} articles of {words:.0f} words on average, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.only in (None, "overhead"):
            overhead(folder, texts)
        if given.only in (None, "processes"):
            processes(folder, texts)
        if given.only in (None, "growth"):
            growth(folder, texts, given.records)


if __name__ == "__main__":
    main()
