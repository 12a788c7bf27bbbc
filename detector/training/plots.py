"""Plots: figures -> SVG files, the same bytes for the same figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.errors import UsageError
from detector.training.figures import Figure
from detector.verdict import LABELS

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

COLOURS = {"model": "#1b4f72", "base": "#7d3c98", "n-grams": "#b9770e", "signals": "#7d8f3a", "length": "#909497"}
LABEL_COLOURS: dict[str, str] = dict(zip(LABELS, ("#1b7837", "#2166ac", "#b35806"), strict=True))


def draw(figures: Figure, folder: Path) -> list[str]:
    """The names of the plots that the figures allow, written to `folder` as NAME.svg.

    Raises UsageError if matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure as Drawing
    except ImportError:
        raise UsageError("plots need matplotlib: install detector[plots]") from None
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    # text stays text, ids depend on nothing but the drawing, and no date is written
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "detector", "font.size": 9}):
        for name, (size, paint) in PAINTERS.items():
            drawing = Drawing(figsize=size, layout="constrained")
            if paint(drawing, figures):
                drawing.savefig(folder / f"{name}.svg", metadata={"Date": None})
                drawn.append(name)
    return drawn


def paint_roc(drawing: Drawing, figures: Figure) -> bool:
    """TPR against FPR on a logarithmic axis, for the model and each baseline."""
    roc = {band: lines for band, lines in figures.get("ai", {}).get("roc", {}).items() if any(lines.values())}
    for i, (band, lines) in enumerate(roc.items()):
        axes = drawing.add_subplot(1, len(roc), i + 1)
        for name, line in lines.items():
            axes.plot(figures["ai"]["roc_fpr"][1:], line[1:], color=COLOURS[name], label=name)
        axes.axvline(0.01, color="#cccccc", linewidth=0.8)
        axes.set(
            xscale="log", xlim=(0.001, 1), ylim=(0, 1), xlabel="false-positive rate on human originals",
            ylabel="machine texts found", title="whole texts" if band == "full" else f"first {band} words",
        )  # fmt: skip
        axes.legend(loc="upper left", frameon=False)
    return bool(roc)


def paint_length(drawing: Drawing, figures: Figure) -> bool:
    """TPR at 1% FPR by length with its interval."""
    bands = figures.get("ai", {}).get("bands", {})
    if not any(b["model"]["tpr_at_1"]["value"] is not None for b in bands.values()):
        return False
    axes = drawing.add_subplot()
    for name in (n for n in COLOURS if all(n in b for b in bands.values())):
        points = [b[name]["tpr_at_1"] for b in bands.values()]
        y = [p["value"] if p["value"] is not None else float("nan") for p in points]
        low = [v - p["low"] if p["value"] is not None else 0 for v, p in zip(y, points, strict=True)]
        high = [p["high"] - v if p["value"] is not None else 0 for v, p in zip(y, points, strict=True)]
        axes.errorbar(range(len(y)), y, yerr=[low, high], color=COLOURS[name], label=name, capsize=3, marker="o")
    axes.set_xticks(range(len(bands)), list(bands))
    axes.set(ylim=(0, 1), xlabel="first words", ylabel="machine texts found at 1% FPR")
    axes.legend(frameon=False)
    return True


def paint_reliability(drawing: Drawing, figures: Figure) -> bool:
    """The share that is so against the probability given."""
    by_band = {b: f["model"].get("reliability", []) for b, f in figures.get("ai", {}).get("bands", {}).items()}
    whole = figures.get("origin", {}).get("bands", {}).get("full", {})
    by_label: dict[str, Any] = {label: whole[label]["reliability"] for label in LABELS if label in whole}
    panels: list[tuple[str, dict[str, Any], dict[str, str]]] = []
    if any(by_band.values()):
        greys = dict(zip(by_band, ("#c39bd3", "#7fb3d5", "#2e86c1", "#1b4f72"), strict=False))
        panels.append(("ai, by words", by_band, greys))
    if any(by_label.values()):
        panels.append(("origin, whole texts", by_label, LABEL_COLOURS))
    for i, (title, lines, colours) in enumerate(panels):
        axes = drawing.add_subplot(1, len(panels), i + 1)
        axes.plot([0, 1], [0, 1], color="#cccccc", linewidth=0.8)
        for name, points in lines.items():
            axes.plot([p["probability"] for p in points], [p["share"] for p in points], "o-", label=name,
                      color=colours[name], markersize=3)  # fmt: skip
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability given", ylabel="share that is so", title=title)
        axes.legend(frameon=False)
    return bool(panels)


def paint_aggregators(drawing: Drawing, figures: Figure) -> bool:
    """Each aggregator's recall, the worst on top."""
    lines = sorted(figures.get("origin", {}).get("aggregators", []), key=lambda a: (-a["aggregated"], a["aggregator"]))
    if not lines:
        return False
    drawing.set_size_inches(6.5, 1 + 0.17 * len(lines))
    axes = drawing.add_subplot()
    left = [0.0] * len(lines)
    for what, colour in (*((x, LABEL_COLOURS[x]) for x in ("aggregated", "rewritten")), ("abstained", "#d5d8dc"),
                         ("original", LABEL_COLOURS["original"])):  # fmt: skip
        values = [a[what] for a in lines]
        axes.barh([f"{a['aggregator']} ({a['n']})" for a in lines], values, left=left, color=colour, label=what)
        left = [x + v for x, v in zip(left, values, strict=True)]
    axes.set(xlim=(0, 1), xlabel="share called")
    axes.tick_params(axis="y", labelsize=7)
    axes.margins(y=0.01)
    axes.legend(ncols=4, frameon=False, loc="lower center", bbox_to_anchor=(0.4, 1))
    return True


PAINTERS = {
    "roc": ((8.0, 3.6), paint_roc),
    "length": ((5.0, 3.4), paint_length),
    "reliability": ((8.0, 3.8), paint_reliability),
    "aggregators": ((6.5, 6.0), paint_aggregators),
}
