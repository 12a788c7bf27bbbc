"""Whether work grows with the text and no faster."""

from __future__ import annotations

import time
from collections.abc import Callable


def grows_linearly(work: Callable[[str], Callable[[], object]], text: str) -> bool:
    """Whether the whole text takes little more than four times the processor time of its first quarter.

    `work(text)` prepares what is not timed, and gives what is. Linear is 4 times, quadratic 16; times under a second
    say nothing. A busy machine slows either, so what seems to fail is measured again, and the best time of each counts.
    """

    def seconds(part: str) -> float:
        best = float("inf")
        for _ in range(2):
            timed = work(part)
            started = time.process_time()
            timed()
            best = min(best, time.process_time() - started)
        return best

    seconds(text[:1000])  # what is compiled on first use is no part of it
    quarter = whole = float("inf")
    for _ in range(3):
        quarter, whole = min(quarter, seconds(text[: len(text) // 4])), min(whole, seconds(text))
        if whole < max(8 * quarter, 1.0):
            return True
    return False
