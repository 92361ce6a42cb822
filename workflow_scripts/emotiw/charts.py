"""Charts as self-contained SVG pictures, the same bytes for the same values."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emotiw import metrics

# Okabe and Ito's palette, told apart by colour-blind readers; markers differ too
STYLE = {"video": ("#0072B2", "o"), "audio": ("#D55E00", "s"), "fusion": ("#000000", "D")}
FALLBACK = ("#009E73", "^")
RC: dict[Any, Any] = {
    "svg.hashsalt": "emotiw",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial"],
}
WIDTH_IN = 4.6  # narrow, so that its text stays legible on a phone
LOW, HIGH = (255, 255, 255), (8, 69, 148)  # ends of the colour scale of a confusion matrix
INK, LIGHT_TEXT = "#000000", 0.71  # the share above which white text has the better contrast


def recall_chart(confusions: Mapping[str, Sequence[Sequence[int]]], classes: Sequence[str]) -> str:
    """Recall of each class by each system with Wilson's 95 % interval, as a data URI; labels tell the clips."""
    n_clips = [sum(row) for row in next(iter(confusions.values()))]

    def draw(axes: Axes) -> None:
        offsets = [0.24 * (i - (len(confusions) - 1) / 2) for i in range(len(confusions))]
        for offset, (name, confusion) in zip(offsets, confusions.items(), strict=True):
            colour, marker = STYLE.get(name, FALLBACK)
            for c, row in enumerate(confusion):
                if sum(row):
                    low, high = metrics.wilson_interval(row[c], sum(row))
                    axes.plot([low, high], [c + offset] * 2, color=colour, linewidth=1.2, alpha=0.6)
            found = [(row[c] / sum(row), c + offset) for c, row in enumerate(confusion) if sum(row)]
            axes.plot(*zip(*found, strict=True), marker, color=colour, markersize=5, label=name) if found else None
        axes.set_xlabel("recall")

    return _chart(draw, [f"{name} ({n})" for name, n in zip(classes, n_clips, strict=True)])


def weight_chart(weights: Mapping[str, Sequence[float]], classes: Sequence[str]) -> str:
    """Audio weight of each class, a dot a fold and a diamond for their mean, as a data URI."""

    def draw(axes: Axes) -> None:
        means = [sum(column) / len(weights) for column in zip(*weights.values(), strict=True)]
        axes.axvline(0.5, color="#777777", linewidth=0.8, linestyle=":")
        for fold, values in enumerate(weights.values()):
            y = [c + 0.4 * ((fold + 1) / (len(weights) + 1) - 0.5) for c in range(len(classes))]
            axes.plot(values, y, "o", color="#0072B2", markersize=4, alpha=0.7, markeredgewidth=0)
        axes.plot(
            means, range(len(classes)), "D", color="#000000", markersize=6, fillstyle="none", label="mean of the folds"
        )
        axes.set_xlabel("weight:  0 = video only,  1 = audio only")

    return _chart(draw, list(classes))


def shade(share: float) -> tuple[str, str]:
    """Fill and text colour of a confusion matrix's cell that holds `share` of its row."""
    rgb = [round(low + (high - low) * share) for low, high in zip(LOW, HIGH, strict=True)]
    return "#" + "".join(f"{value:02x}" for value in rgb), "#ffffff" if share > LIGHT_TEXT else INK


def _chart(draw: Callable[[Axes], None], labels: Sequence[str]) -> str:
    with mpl.rc_context(RC):
        figure = Figure(figsize=(WIDTH_IN, 0.9 + 0.42 * len(labels)), layout="constrained")
        axes = figure.subplots()
        draw(axes)
        axes.set_xlim(-0.03, 1.03)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue()).decode()
