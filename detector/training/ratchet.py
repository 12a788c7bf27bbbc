"""Ratchet: floors and ceilings for figures, pinned with their data; tightened freely, relaxed with a reason."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detector.errors import UsageError
from detector.training.figures import Figure

# Where a figure stands in figures.json. A floor may not be undercut, a ceiling not be passed.
FLOORS = (
    *(f"ai/bands/{b}/model/{k}/value" for b in ("50", "100", "300", "full") for k in ("auroc", "tpr_at_1", "tpr_at_5")),
    "ai/bands/full/model/macro_f1/value",
    "origin/summary/aggregators called aggregated/value",
    "origin/summary/rewritten called rewritten or aggregated/value",
    "origin/summary/originals called original/value",
    "origin/summary/originals called original or abstained/value",
    "origin/names/model/auroc/value",
    "origin/names/model/tpr_at_2/value",
    "origin/names/model/macro_f1/value",
)
CEILINGS = (
    "origin/summary/originals called aggregated/value",
    "origin/summary/originals called rewritten/value",
    "origin/summary/hard originals called aggregated/value",
    "origin/summary/pooled originals from before November 2022 called rewritten or aggregated/value",
    *(f"ai/bands/{b}/model/ece" for b in ("50", "100", "300", "full")),
)
_STEP = 0.005  # libraries of another version move a figure by less


def look_up(figures: Figure, path: str) -> float | None:
    """The figure at a path; None if there is none."""
    value: Any = figures
    for key in path.split("/"):
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return None if value is None else float(value)


def read(path: Path) -> dict[str, Any]:
    """A file of floors. Raises UsageError if it is none."""
    try:
        pinned = json.loads(path.read_text("utf-8"))
        numbers = [*pinned["floors"].values(), *pinned["ceilings"].values()]
        if not all(isinstance(x, int | float) for x in numbers) or not isinstance(pinned["corpus"], str):
            raise ValueError
    except OSError as e:
        raise UsageError(f"{path} cannot be read ({e.strerror}): name the file of floors, or pin one") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{path} is not a file of floors: pin a new one") from None
    return dict(pinned)


def breaches(figures: Figure, pinned: Mapping[str, Any]) -> list[str]:
    """A sentence for each floor that the figures undercut and each ceiling that they pass; none if all hold."""
    found = []
    if figures["about"]["corpus"] != pinned["corpus"]:
        found.append(
            f"the data differs (digest {figures['about']['corpus'][:12]}, pinned {pinned['corpus'][:12]}): "
            "its figures cannot be compared"
        )
        return found
    for what, bound, worse in (("floors", "floor", -1), ("ceilings", "ceiling", 1)):
        for path, limit in pinned[what].items():
            value = look_up(figures, path)
            if value is None:
                found.append(f"{path} is no longer measured; its {bound} is {limit}")
            elif (value - limit) * worse > 0:
                found.append(f"{path} is {value}, {'under' if worse < 0 else 'over'} its {bound} of {limit}")
    return found


def pin(figures: Figure, path: Path, reason: str | None) -> list[str]:
    """What was relaxed, one sentence each, after writing the floors and ceilings of these figures to a file.

    Raises UsageError if a floor would fall, a ceiling rise, a figure vanish or the data change, and no reason is given.
    """
    new: dict[str, Any] = {
        "about": "Floors and ceilings of figures.json on this corpus; `detector evaluate --check` compares, `--pin` "
        "tightens, and relaxes only with a `--reason`, which is kept here.",
        "corpus": figures["about"]["corpus"],
        "model": figures["about"]["model"],
        "floors": {},
        "ceilings": {},
        "reasons": [],
    }
    for key in FLOORS:
        if (value := look_up(figures, key)) is not None:
            new["floors"][key] = round(math.floor(value / _STEP + 1e-9) * _STEP, 4)
    for key in CEILINGS:
        if (value := look_up(figures, key)) is not None:
            new["ceilings"][key] = round(math.ceil(value / _STEP - 1e-9) * _STEP, 4)
    relaxed = []
    if path.exists():
        old = read(path)
        new["reasons"] = list(old.get("reasons", []))
        if old["corpus"] != new["corpus"]:
            relaxed.append(f"the data changed from {old['corpus'][:12]} to {new['corpus'][:12]}")
        for what, worse in (("floors", -1), ("ceilings", 1)):
            for key, limit in old[what].items():
                value = new[what].get(key)
                if value is None:
                    relaxed.append(f"{key} was pinned at {limit} and is no longer measured")
                elif (value - limit) * worse > 1e-9:
                    relaxed.append(f"{key} from {limit} to {value}")
        if relaxed and not (reason and reason.strip()):
            raise UsageError(
                f"{path} would be relaxed ({'; '.join(relaxed[:3])}{' and more' if len(relaxed) > 3 else ''}): "
                "say why with --reason"
            )
        if relaxed and reason:
            new["reasons"].append({"reason": reason.strip(), "relaxed": relaxed})
    path.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return relaxed
