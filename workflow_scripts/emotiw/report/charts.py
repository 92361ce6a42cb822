"""Charts of the report: a Vega-Lite specification, the picture of it as SVG, and the table of its values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import altair as alt
import vl_convert

# palette of Okabe and Ito, which colour-blind readers can distinguish; shapes differ too. The style sheet of the page
# gives these colours other values on a dark ground.
VIDEO, AUDIO, FUSION, OTHER = "#0072B2", "#D55E00", "#000000", "#767676"
OF_SYSTEM = {
    **{"video": (VIDEO, "circle"), "audio": (AUDIO, "square"), "fusion": (FUSION, "diamond")},
    **{"baseline": (OTHER, "triangle-up"), "guessing": (OTHER, "cross")},
}
COLOURS = ("#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#882255", "#999933", "#AA4499", "#44AA99")
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down", "triangle-right", "triangle-left")
WIDTH_PX = 440  # narrow, so that its text is legible on a phone
ROW_PX, SERIES_PX = 12, 11
GRID, ZERO = "#dddddd", "#888888"
MARK = re.compile(r'<(path|line|rect)\b([^>]*?) aria-label="([^"]*)"([^>]*)/>')
ROLES = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')

Systems = Mapping[str, Mapping[str, Any]]  # metrics of systems by name


@dataclass(frozen=True)
class Chart:
    """A chart, its description for readers who cannot see it, and the table of its values.

    Attributes
    ----------
    name, title, alt : str
        Name for links and files, heading, and description for readers who cannot see the chart.
    spec : dict
        Vega-Lite specification.
    header, rows : list
        Table of the values, as text.
    """

    name: str
    title: str
    alt: str
    spec: Mapping[str, Any]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    @cached_property
    def svg(self) -> str:
        """The picture as SVG; the same values give the same bytes."""
        return str(vl_convert.vegalite_to_svg(dict(self.spec)))

    @property
    def inline(self) -> str:
        """The picture as an element of the page, whose style sheet colours it; each mark has its values as title."""
        picture = MARK.sub(r"<\1\2\4><title>\3</title></\1>", self.svg)
        return ROLES.sub("", picture).replace("<svg", f'<svg role="img" aria-label="{escape(self.alt)}"', 1)


@dataclass(frozen=True)
class Mark:
    """Value of a series in the row `label`, in percent, with the ends of its interval and its number of clips."""

    label: str
    series: str
    value: float
    ends: Sequence[float] | None = None
    n: int | None = None


@dataclass(frozen=True)
class Axis:
    """Axis of values: its title with the unit, and its ends; where `low` is below zero, zero is marked."""

    title: str
    low: float = 0
    high: float = 100

    def encoded(self, key: str) -> alt.X:
        """Encode the values `key`."""
        scaled = alt.X(f"{key}:Q", title=self.title).scale(domain=[self.low, self.high], nice=False)
        return scaled.axis(gridColor=GRID, tickCount=5)


def interval_chart(name: str, title: str, marks: Sequence[Mark], *, axis: str | Axis, alt_text: str) -> Chart:
    """Chart of several series: a row for each label, a mark for each series, a line for each interval.

    Parameters
    ----------
    marks : sequence of Mark
        Values, in the order of rows and series in the chart. The series `video`, `audio` and `fusion` have the colours
        of these systems on the whole page.
    axis : str or Axis
        The axis; a text is the title of one from 0 to 100.
    """
    axis = axis if isinstance(axis, Axis) else Axis(axis)
    labels, series = _unique(mark.label for mark in marks), _unique(mark.series for mark in marks)
    values = [_record(mark) for mark in marks]
    is_dodged = len(marks) > len(labels)
    legend: Any = alt.Undefined if is_dodged else None
    place: dict[str, Any] = (
        {"yOffset": alt.YOffset("series:N", sort=series).scale(paddingOuter=0.35)} if is_dodged else {}
    )
    colours, shapes = zip(*_styles(series), strict=True) if series else ((), ())
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y("label:N", sort=labels, title=None).axis(labelLimit=230, ticks=False, domain=False, grid=False),
        color=alt.Color("series:N", sort=series, title=None, legend=legend).scale(domain=series, range=list(colours)),
        description="text:N",
        **place,
    )
    lines = base.mark_rule(strokeWidth=1.6, opacity=0.65).encode(x="low:Q", x2="high:Q")
    shape = alt.Shape("series:N", sort=series, title=None, legend=legend).scale(domain=series, range=list(shapes))
    dots = base.mark_point(filled=True, size=55, opacity=1).encode(x=axis.encoded("value"), shape=shape)
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=ZERO).encode(x="zero:Q")
    layers = [lines, dots] if axis.low >= 0 else [zero, lines, dots]
    height = len(labels) * (ROW_PX + SERIES_PX * (len(series) if is_dodged else 1))
    return Chart(
        *(name, title, alt_text, _spec(alt.layer(*layers), height, alt_text)),
        ["", "series", axis.title, "95 % interval", "clips"],
        [[m.label, m.series, f"{m.value:.1f}", _ends(m.ends), "" if m.n is None else str(m.n)] for m in marks],
    )


def recall_chart(name: str, title: str, systems: Systems, classes: Sequence[str]) -> Chart:
    """Chart of each class's recall by each system, with its 95 % interval; classes without clips are omitted.

    Parameters
    ----------
    name, title : str
        Name and heading of the chart.
    systems : mapping of str to mapping
        By name of the system its `confusion` (rows are labels, columns predictions) and `recall_intervals`.
    classes : sequence of str
        Labels in the order of the rows.
    """
    marks = [
        Mark(
            f"{label} ({sum(row)})",
            name,
            100 * row[c] / sum(row),
            _hundredfold(system["recall_intervals"][c]),
            sum(row),
        )
        for c, label in enumerate(classes)
        for name, system in systems.items()
        for row in [system["confusion"][c]]
        if sum(row)
    ]
    names = " and ".join(systems)
    text = f"{title}: a row for each class, a mark for each system ({names}); the values are in the table below"
    return interval_chart(name, title, marks, axis="recall, %", alt_text=text)


def gain_chart(name: str, title: str, changes: Mapping[str, tuple[int, int]]) -> Chart:
    """Chart of the clips of each class that fusion wins over another system, and of those that it loses.

    Parameters
    ----------
    changes : mapping of str to (int, int)
        Number of clips won and lost, by class.
    """
    kinds = ["won by fusion", "lost by fusion"]
    values = [
        {"label": label, "kind": kind, "clips": sign * count, "text": f"{label}: {count} {kind}"}
        for label, both in changes.items()
        for kind, sign, count in zip(kinds, (1, -1), both, strict=True)
    ]
    text = f"{title}: bars to the right are clips won, bars to the left clips lost; the values are in the table below"
    colour = alt.Color("kind:N", sort=kinds, title=None).scale(domain=kinds, range=[COLOURS[0], COLOURS[3]])
    bars = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(size=13)
        .encode(
            x=alt.X("clips:Q", title="clips won (right) and lost (left)").axis(gridColor=GRID, tickMinStep=1),
            y=alt.Y("label:N", sort=list(changes), title=None).axis(labelLimit=220, ticks=False, domain=False),
            color=colour,
            description="text:N",
        )
    )
    rows = [[label, str(won), str(lost), f"{won - lost:+d}"] for label, (won, lost) in changes.items()]
    return Chart(name, title, text, _spec(bars, 26 * len(changes), text), ["class", "won", "lost", "balance"], rows)


def weight_chart(name: str, title: str, weights: Mapping[str, Sequence[float]], classes: Sequence[str]) -> Chart:
    """Chart of the audio weight of each class: a dot for each fold and a diamond for their mean.

    Parameters
    ----------
    name, title : str
        Name and heading of the chart.
    weights : mapping of str to sequence of float
        Weight of each class from 0 to 1, by fold.
    classes : sequence of str
        Labels in the order of the weights.
    """
    means = [sum(column) / len(weights) for column in zip(*weights.values(), strict=True)]
    kinds = ["a fold", "mean of the folds"]
    folds = [
        {"label": label, "kind": kinds[0], "weight": round(value, 6), "text": f"{label}, {fold}: {value:.2f}"}
        for fold, row in weights.items()
        for label, value in zip(classes, row, strict=True)
    ]
    middle = [
        {"label": label, "kind": kinds[1], "weight": round(value, 6), "text": f"{label}, mean: {value:.2f}"}
        for label, value in zip(classes, means, strict=True)
    ]
    text = f"{title}: 0 is video alone, 1 audio alone, one mark for each fold; the values are in the table below"
    dots = (
        alt.Chart(alt.InlineData(values=folds + middle))
        .mark_point(filled=True, size=70, opacity=0.75)
        .encode(
            x=alt.X("weight:Q", title="weight: 0 = video only, 1 = audio only")
            .scale(domain=[0, 1])
            .axis(gridColor=GRID, values=[0, 0.2, 0.4, 0.6, 0.8, 1]),
            y=alt.Y("label:N", sort=list(classes), title=None).axis(
                labelLimit=220, ticks=False, domain=False, grid=True
            ),
            color=alt.Color("kind:N", sort=kinds, title=None).scale(domain=kinds, range=[COLOURS[0], FUSION]),
            shape=alt.Shape("kind:N", sort=kinds, title=None).scale(domain=kinds, range=["circle", "diamond"]),
            description="text:N",
        )
    )
    rows = [[fold, *(f"{value:.2f}" for value in row)] for fold, row in weights.items()]
    rows.append(["mean", *(f"{value:.2f}" for value in means)])
    return Chart(name, title, text, _spec(dots, 26 * len(classes), text), ["fold", *classes], rows)


def _spec(chart: Any, height: int, description: str) -> dict[str, Any]:
    styled = chart.properties(
        width=WIDTH_PX, height=max(height, 24), description=description, autosize=alt.AutoSizeParams(type="fit-x")
    )
    styled = styled.configure(font="DejaVu Sans, Verdana, sans-serif", background="#ffffff")
    styled = styled.configure_view(stroke=None).configure_axis(
        labelFontSize=12, titleFontSize=12, titleFontWeight="normal"
    )
    styled = styled.configure_legend(orient="top", labelFontSize=12, symbolSize=70, symbolOpacity=1)
    spec: dict[str, Any] = styled.to_dict()
    return spec


def _record(mark: Mark) -> dict[str, Any]:
    low, high = mark.ends or (None, None)
    values = {"value": mark.value, "low": low, "high": high}
    rounded = {key: None if value is None else round(value, 3) for key, value in values.items()}
    name = mark.label if mark.series in mark.label else f"{mark.label}, {mark.series}"
    ends = f" ({_ends(mark.ends)})" if mark.ends else ""
    return {"label": mark.label, "series": mark.series, "text": f"{name}: {mark.value:.1f}{ends}", **rounded}


def _unique(values: Any) -> list[str]:
    return list(dict.fromkeys(values))


def _styles(series: Sequence[str]) -> list[tuple[str, str]]:
    """Colour and shape of each series; systems of the page have their own, the others take the rest in turn."""
    taken = {shape for name, (_, shape) in OF_SYSTEM.items() if name in series}
    rest = list(zip(COLOURS, [shape for shape in SHAPES if shape not in taken], strict=False))
    others = [name for name in series if name not in OF_SYSTEM]
    return [OF_SYSTEM.get(name) or rest[others.index(name) % len(rest)] for name in series]


def _hundredfold(ends: Sequence[float] | None) -> list[float] | None:
    return None if ends is None else [100 * end for end in ends]


def _ends(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.1f} to {ends[1]:.1f}"
