"""Figure of the learning curves of a run's networks, a row for each architecture."""

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from emotiw.core import figure_style

TRAINING, VALIDATION = "#56B4E9", "#000000"
WIDTH_IN, ROW_IN = 7.2, 1.9


def render(networks: Sequence[Mapping[str, Any]], n_classes: int) -> bytes:
    """Draw the cross-entropy of a frame and the accuracy of the validation clips by epoch, as SVG.

    The same networks give the same bytes. The dotted lines are the values of uniform posteriors (chance).

    Parameters
    ----------
    networks : sequence of mapping
        `architecture` (units of each layer), `history` (for each epoch `train_loss`, `val_loss` and `val_accuracy`) and
        `best_epoch` of each network; the history is empty in a fold without an audio system.
    n_classes : int
        Number of labels.
    """
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for network in networks:
        rows.setdefault("-".join(map(str, network["architecture"])), []).append(network)
    if not rows:
        return _without_networks()
    with mpl.rc_context(figure_style.RC):
        figure = Figure(figsize=(WIDTH_IN, 0.6 + ROW_IN * len(rows)), layout="constrained")
        axes = figure.subplots(len(rows), 2, squeeze=False, sharex="row", sharey="col")
        for (losses, accuracies), (name, group) in zip(axes, rows.items(), strict=True):
            _row(losses, accuracies, [network for network in group if network["history"]], n_classes)
            losses.set_ylabel(f"{name}\n({len(group)} networks)")
        for chart, title in zip(axes[0], ("cross-entropy of a frame, nats", "accuracy of a clip"), strict=True):
            chart.set_title(title, fontsize="medium")
        for chart in axes[-1]:
            chart.set_xlabel("epoch")
        figure.legend(handles=_legend(), loc="outside lower center", ncols=4, frameon=False)
        return _svg(figure)


def _without_networks() -> bytes:
    with mpl.rc_context(figure_style.RC):
        figure = Figure(figsize=(WIDTH_IN, ROW_IN / 2))
        figure.text(0.5, 0.5, "This run trains no recurrent network.", ha="center", va="center")
        return _svg(figure)


def _svg(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def _row(losses: Axes, accuracies: Axes, group: Sequence[Mapping[str, Any]], n_classes: int) -> None:
    for network in group:
        epochs = range(1, len(network["history"]) + 1)
        train, val, accuracy = (
            [epoch[key] for epoch in network["history"]] for key in ("train_loss", "val_loss", "val_accuracy")
        )
        losses.plot(epochs, train, color=TRAINING, linewidth=0.7, alpha=0.6)
        for chart, values in ((losses, val), (accuracies, accuracy)):
            chart.plot(epochs, values, color=VALIDATION, linewidth=0.7, alpha=0.4)
            if best := network["best_epoch"]:
                chart.plot(best, values[best - 1], "o", color=VALIDATION, markersize=3)
    losses.axhline(math.log(n_classes), color="#777777", linewidth=0.8, linestyle=":")
    accuracies.axhline(1 / n_classes, color="#777777", linewidth=0.8, linestyle=":")
    for chart in (losses, accuracies):
        chart.spines[["top", "right"]].set_visible(False)
        chart.grid(color="#dddddd", linewidth=0.6)


def _legend() -> list[Line2D]:
    return [
        Line2D([], [], color=TRAINING, label="training"),
        Line2D([], [], color=VALIDATION, label="validation"),
        Line2D([], [], color=VALIDATION, marker="o", linestyle="", markersize=3, label="weights that are kept"),
        Line2D([], [], color="#777777", linestyle=":", label="no knowledge"),
    ]
