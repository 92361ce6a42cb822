"""A prediction over time as a picture: sample faces, and the posteriors of windows, fused and for each modality."""

import io
import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from emotiw.core.figure_style import RC
from emotiw.prediction.prediction import NAMES, STEP_S, UNCERTAIN, WINDOW_S, Floats, Prediction
from emotiw.prediction.records import shown

# Okabe and Ito's palette, told apart by colour-blind readers, then lighter shades of it
COLOURS = ("#D55E00", "#009E73", "#7A4B94", "#F0E442", "#BBBBBB", "#0072B2", "#56B4E9", "#E69F00", "#CC79A7", "#444444")
SIZE_IN, DPI = (9.0, 6.2), 110
MARGINS = {"left": 0.075, "right": 0.79, "top": 0.945, "bottom": 0.135, "hspace": 0.14}
LINE, NAME = 170, 70  # characters of a line below the picture, and of the clip's name above it
COLUMNS = 400  # most columns of a picture; for a longer clip, each is the mean of several windows
FACE_PX = 58
TITLES = {"fusion": "fused", "video": "face", "audio": "voice"}


def pictures(prediction: Prediction, line: str) -> dict[str, bytes]:
    """Draw the picture as `png` and `svg`, with a line on the bundle; the same prediction gives the same bytes."""
    with mpl.rc_context(RC):
        figure = _draw(prediction)
        figure.text(0.01, 0.012, textwrap.fill(line, LINE), fontsize=7, color="#595959", parse_math=False)
        encoded = {}
        for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
            stream = io.BytesIO()
            figure.savefig(stream, format=kind, dpi=DPI, metadata=metadata)
            encoded[kind] = stream.getvalue()
    return encoded


def colour(index: int) -> str:
    """Colour of a class."""
    return COLOURS[index % len(COLOURS)]


def thinned(time_s: Floats, values: Floats, columns: int = COLUMNS) -> tuple[Floats, Floats]:
    """Edges (n + 1,) and means (n, n_classes) of at most `columns` groups of windows; NaN if a whole group is NaN."""
    size = max(1, -(-len(time_s) // columns))
    starts = np.arange(0, len(time_s), size)
    known = ~np.isnan(values)
    n = np.add.reduceat(known, starts, axis=0, dtype=np.int64)
    sums = np.add.reduceat(np.where(known, values, 0.0), starts, axis=0)
    means = np.where(n > 0, sums / np.maximum(n, 1), np.nan)
    ends = np.append(time_s[starts], time_s[-1] + STEP_S) - STEP_S / 2
    return ends, means


def _draw(prediction: Prediction) -> Figure:
    # no automatic layout: its last digits depend on where objects lie in memory
    figure = Figure(figsize=SIZE_IN)
    strip, *panels = figure.subplots(4, 1, sharex=True, height_ratios=[0.62, 1, 1, 1], gridspec_kw=MARGINS)
    end_s = max(prediction.duration_s, STEP_S)
    strip.set_xlim(0, end_s)
    _faces(strip, prediction)
    for axes, name in zip(panels, NAMES, strict=True):
        _panel(axes, prediction, name)
    panels[-1].set_xlabel(f"time (s); posteriors of windows of {WINDOW_S:g} s")
    labels = [_label(prediction, c) for c in range(len(prediction.classes))]
    handles = [mpl.patches.Patch(color=colour(c)) for c in range(len(labels))]
    figure.text(MARGINS["left"], 0.962, _title(prediction), fontsize=11, weight="bold", parse_math=False)
    style: dict[str, Any] = {"title": "whole clip", "frameon": False, "fontsize": 9}
    figure.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(0.8, 0.42), **style)
    return figure


def _title(prediction: Prediction) -> str:
    """Name of the clip, and the answer."""
    name = shown(Path(prediction.name))
    short = name if len(name) <= NAME else f"{name[: NAME // 2]}…{name[-NAME // 2 :]}"
    if prediction.confidence is None:
        return f"{short}: not judged"
    best = f"{prediction.best('fusion')} {prediction.confidence:.0%}"
    return f"{short}: {UNCERTAIN} ({best})" if prediction.is_uncertain else f"{short}: {best}"


def _label(prediction: Prediction, c: int) -> str:
    values = prediction.posteriors["fusion"]
    return prediction.classes[c] if values is None else f"{prediction.classes[c]}  {values[c]:.0%}"


def _faces(axes: Axes, prediction: Prediction) -> None:
    axes.axis("off")
    axes.set_ylim(0, 1)
    if not prediction.strip:
        axes.text(0.5, 0.5, prediction.status["video"].replace("_", " "), ha="center", transform=axes.transAxes)
    for time_s, chip in prediction.strip:
        size = FACE_PX / chip.shape[0] * 72 / DPI
        axes.add_artist(AnnotationBbox(OffsetImage(chip, zoom=size), (time_s, 0.5), frameon=False, pad=0))


def _panel(axes: Axes, prediction: Prediction, name: str) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel(TITLES[name])
    axes.set_facecolor("#f4f4f4")
    axes.spines[["top", "right"]].set_visible(False)
    values = prediction.timeline.posteriors.get(name)
    if values is None or np.isnan(values).all():
        messages = {"video": "no face in sight", "audio": "no voice", "fusion": "nothing to judge"}
        axes.text(0.5, 0.5, messages[name], ha="center", va="center", transform=axes.transAxes, color="#595959")
        return
    edges, means = thinned(prediction.timeline.time_s, values)
    below = np.zeros(len(means))
    for c in range(means.shape[1]):
        above = below + means[:, c]
        axes.stairs(above, edges, baseline=below, fill=True, color=colour(c), linewidth=0)
        below = above
