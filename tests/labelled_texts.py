"""Labelled texts for tests, put together from the seeds' sentences: enough to run on, too little to mean anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SEEDS = Path(__file__).parents[1] / "seeds"
TRUTH = json.loads((SEEDS / "labels.json").read_text("utf-8"))["articles"]


def make(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """`n` records of each origin; the rewritten ones are machine-written."""
    rng = np.random.default_rng(seed)
    records: list[dict[str, Any]] = []
    for origin in ("original", "rewritten", "aggregated"):
        names = [name for name, t in TRUTH.items() if t["origin"] == origin]
        lines = [x for name in names for x in (SEEDS / name).read_text("utf-8").split("\n") if len(x) > 60]
        for i in range(n):
            text = "\n".join(lines[j] for j in rng.choice(len(lines), 8, replace=False))
            records.append(
                {"id": f"{origin}-{i}", "text": f"Item {origin[:2]}{i}. {text}", "origin": origin}
                | {"ai": origin == "rewritten", "dataset": f"set {i % 6}"}
            )
    return records


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    """The records as JSONL."""
    path.write_text("".join(json.dumps(r) + "\n" for r in records), "utf-8")
    return path
