"""Charts of the report: a Vega-Lite specification, a static picture of it, and the table of its values."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt
import vl_convert

from emotiw.statistics.metrics import wilson_interval

# palette of Okabe and Ito, which colour-blind readers can distinguish; shapes differ too
COLOURS = ("#0072B2", "#D55E00", "#000000", "#009E73", "#CC79A7", "#56B4E9")
SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")
WIDTH_PX = 440  # width of the static picture; narrow, so that its text is legible on a phone
ROW_PX, SERIES_PX = 12, 11
GRID = "#dddddd"
SNIPPET = "window.vegaEmbed = vegaEmbed;"

Confusions = Mapping[str, Sequence[Sequence[int]]]


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

    @property
    def json(self) -> str:
        """The specification as JSON that is safe inside a script element."""
        return json.dumps(self.spec, sort_keys=True, separators=(",", ":")).replace("<", "\\u003c")

    @property
    def svg(self) -> str:
        """The picture as SVG; the same values give the same bytes."""
        return str(vl_convert.vegalite_to_svg(dict(self.spec)))

    @property
    def static(self) -> str:
        """The picture as a data URI."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg.encode()).decode()


@dataclass(frozen=True)
class Mark:
    """Value of a series in the row `label`, in percent, with the ends of its interval and its number of clips."""

    label: str
    series: str
    value: float
    ends: Sequence[float] | None = None
    n: int | None = None


@cache
def library() -> str:
    """Vega, Vega-Lite and vega-embed as one script that loads nothing from outside the page.

    Raises
    ------
    ValueError
        If the script contains an HTML tag, so that it cannot be put in a script element.
    """
    bundle = str(vl_convert.javascript_bundle(SNIPPET))
    if "</script" in bundle or "<!--" in bundle:
        raise ValueError(
            "the bundle of Vega holds an HTML tag, expected plain JavaScript; pin another vl-convert-python"
        )
    return bundle


def interval_chart(name: str, title: str, marks: Sequence[Mark], *, axis: str, alt_text: str) -> Chart:
    """Chart of several series: a row for each label, a mark for each series, a line for each interval.

    Parameters
    ----------
    marks : sequence of Mark
        Values, in the order of rows and series in the chart.
    axis : str
        Title of the axis, with the unit.
    """
    series, labels = _unique(mark.series for mark in marks), _unique(mark.label for mark in marks)
    values = [_record(mark) for mark in marks]
    legend: Any = alt.Undefined if len(series) > 1 else None
    base = alt.Chart(alt.InlineData(values=values)).encode(
        y=alt.Y("label:N", sort=labels, title=None).axis(labelLimit=220, ticks=False, domain=False, grid=False),
        yOffset=alt.YOffset("series:N", sort=series).scale(paddingOuter=0.35),
        color=alt.Color("series:N", sort=series, title=None, legend=legend).scale(
            domain=series, range=_cycled(COLOURS, series)
        ),
        tooltip=[
            *(alt.Tooltip(f"{key}:N", title=key) for key in ("label", "series")),
            alt.Tooltip("value:Q", title=axis, format=".1f"),
            *(alt.Tooltip(f"{key}:Q", title=key, format=".1f") for key in ("low", "high")),
            alt.Tooltip("n:Q", title="clips"),
        ],
    )
    lines = base.mark_rule(strokeWidth=1.6, opacity=0.65).encode(x="low:Q", x2="high:Q")
    shape = alt.Shape("series:N", sort=series, title=None, legend=legend).scale(
        domain=series, range=_cycled(SHAPES, series)
    )
    dots = base.mark_point(filled=True, size=55, opacity=1).encode(x=_axis("value", axis), shape=shape)
    height = len(labels) * (ROW_PX + SERIES_PX * len(series))
    return Chart(
        *(name, title, alt_text, _spec(alt.layer(lines, dots), height, alt_text)),
        ["", "series", axis, "95 % interval", "clips"],
        [[m.label, m.series, f"{m.value:.1f}", _ends(m.ends), "" if m.n is None else str(m.n)] for m in marks],
    )


def recall_chart(name: str, title: str, confusions: Confusions, classes: Sequence[str]) -> Chart:
    """Chart of each class's recall by each system, with Wilson's 95 % interval; classes without clips are omitted.

    Parameters
    ----------
    name, title : str
        Name and heading of the chart.
    confusions : mapping of str to array, shape (n_classes, n_classes)
        Counts by system; rows are labels, columns predictions.
    classes : sequence of str
        Labels in the order of the rows.
    """
    marks = [
        Mark(
            *(f"{classes[c]} ({sum(confusion[c])})", system, 100 * confusion[c][c] / sum(confusion[c])),
            *([100 * end for end in wilson_interval(confusion[c][c], sum(confusion[c]))], sum(confusion[c])),
        )
        for c in range(len(classes))
        for system, confusion in confusions.items()
        if sum(confusion[c])
    ]
    systems = " and ".join(confusions)
    text = f"{title}: a row for each class, a mark for each system ({systems}); the values are in the table below"
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
        {"label": label, "kind": kind, "clips": sign * count, "count": count}
        for label, both in changes.items()
        for kind, sign, count in zip(kinds, (1, -1), both, strict=True)
    ]
    text = f"{title}: bars to the right are clips won, bars to the left clips lost; the values are in the table below"
    colour = alt.Color("kind:N", sort=kinds, title=None).scale(domain=kinds, range=COLOURS[:2])
    bars = (
        alt.Chart(alt.InlineData(values=values))
        .mark_bar(size=13)
        .encode(
            x=alt.X("clips:Q", title="clips won (right) and lost (left)").axis(gridColor=GRID, tickMinStep=1),
            y=alt.Y("label:N", sort=list(changes), title=None).axis(labelLimit=220, ticks=False, domain=False),
            color=colour,
            tooltip=["label:N", "kind:N", alt.Tooltip("count:Q", title="clips")],
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
        {"label": label, "kind": kinds[0], "fold": fold, "weight": round(value, 6)}
        for fold, row in weights.items()
        for label, value in zip(classes, row, strict=True)
    ]
    middle = [
        {"label": label, "kind": kinds[1], "fold": "", "weight": round(value, 6)}
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
            color=alt.Color("kind:N", sort=kinds, title=None).scale(domain=kinds, range=[COLOURS[0], COLOURS[2]]),
            shape=alt.Shape("kind:N", sort=kinds, title=None).scale(domain=kinds, range=["circle", "diamond"]),
            tooltip=["label:N", "fold:N", alt.Tooltip("weight:Q", format=".2f")],
        )
    )
    rows = [[fold, *(f"{value:.2f}" for value in row)] for fold, row in weights.items()]
    rows.append(["mean", *(f"{value:.2f}" for value in means)])
    return Chart(name, title, text, _spec(dots, 26 * len(classes), text), ["fold", *classes], rows)


def _spec(chart: Any, height: int, description: str) -> dict[str, Any]:
    styled = chart.properties(
        width=WIDTH_PX, height=max(height, 40), description=description, autosize=alt.AutoSizeParams(type="fit-x")
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
    return {"label": mark.label, "series": mark.series, "n": mark.n, **rounded}


def _axis(key: str, title: str) -> alt.X:
    return alt.X(f"{key}:Q", title=title).scale(domain=[0, 100]).axis(gridColor=GRID, tickCount=5)


def _unique(values: Any) -> list[str]:
    return list(dict.fromkeys(values))


def _cycled(values: Sequence[str], series: Sequence[str]) -> list[str]:
    return [values[i % len(values)] for i in range(len(series))]


def _ends(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.1f} to {ends[1]:.1f}"
