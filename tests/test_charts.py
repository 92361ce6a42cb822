"""Charts: the same bytes twice, the values they were given, legible and told apart without colour."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from emotiw.report import charts, confusion_cells
from emotiw.report.charts import Mark

SYSTEMS = {
    "video": {"confusion": [[3, 1], [0, 0]], "recall_intervals": [[0.3, 0.95], None]},
    "svm": {"confusion": [[2, 2], [0, 0]], "recall_intervals": [None, None]},
}


def values_of(chart):
    (values,) = chart.spec["datasets"].values()
    return values


def recall():
    return charts.recall_chart("recall", "Recall", SYSTEMS, ["a", "b"])


def test_a_picture_is_the_same_in_another_process():
    code = "import test_charts; print(test_charts.recall().svg)"
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"]
    again = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()
    assert recall().svg == again
    assert again.startswith("<svg")


def test_a_picture_holds_what_was_given_and_loads_nothing():
    svg = recall().svg
    assert "a (4)" in svg
    assert not re.search(r'(href|src)="(?!#)', svg.replace("http://www.w3.org", ""))


def test_a_picture_in_the_page_is_xml_with_one_description_and_says_the_values_of_its_marks():
    chart = recall()
    picture = ElementTree.fromstring(chart.inline)  # noqa: S314 - our own text
    assert (picture.get("role"), picture.get("aria-label")) == ("img", chart.alt)
    assert chart.inline.count("aria-label") == 1
    titles = {it.text for it in picture.iter("{http://www.w3.org/2000/svg}title")}
    assert titles == {"a (4), video: 75.0 (30.0 to 95.0)", "a (4), svm: 50.0"}


def test_names_cannot_end_the_picture():
    chart = charts.interval_chart("n", "t", [Mark("</svg><script>", "x", 50)], axis="%", alt_text='"><script>')
    assert "<script>" not in chart.inline


def test_recalls_have_the_intervals_given_and_empty_classes_are_left_out():
    assert recall().rows == [
        ["a (4)", "video", "75.0", "30.0 to 95.0", "4"],
        ["a (4)", "svm", "50.0", "", "4"],
    ]


def test_a_system_has_its_colour_whatever_stands_beside_it():
    for others in (["fusion"], ["svm", "audio"], []):
        marks = [Mark("row", name, 50) for name in [*others, "video"]]
        scale = charts.interval_chart("n", "t", marks, axis="%", alt_text="a").spec["layer"][1]["encoding"]["color"]
        colours = dict(zip(scale["scale"]["domain"], scale["scale"]["range"], strict=True))
        assert colours["video"] == charts.VIDEO
        assert len(set(colours.values())) == len(colours)


def test_zero_is_marked_on_an_axis_of_differences():
    marks = [Mark("x - y", "difference", -3, (-9, 2))]
    layers = charts.interval_chart("n", "t", marks, axis=charts.Axis("points", -10, 10), alt_text="a").spec["layer"]
    assert len(layers) == 3
    assert layers[-1]["encoding"]["x"]["scale"]["domain"] == [-10, 10]


def test_series_differ_in_colour_and_in_shape():
    marks = [Mark("row", name, 50) for name in ("x", "y", "z")]
    spec = charts.interval_chart("n", "t", marks, axis="%", alt_text="alt").spec
    dots = spec["layer"][1]["encoding"]
    for channel in ("color", "shape"):
        assert len(set(dots[channel]["scale"]["range"])) == 3


def test_a_single_series_has_no_legend():
    spec = charts.interval_chart("n", "t", [Mark("row", "x", 50)], axis="%", alt_text="alt").spec
    assert spec["layer"][1]["encoding"]["color"]["legend"] is None


def test_a_value_without_an_interval_has_an_empty_cell():
    assert charts.interval_chart("n", "t", [Mark("r", "x", 50)], axis="%", alt_text="a").rows == [
        ["r", "x", "50.0", "", ""]
    ]


def test_wins_go_to_the_right_and_losses_to_the_left():
    chart = charts.gain_chart("gain", "Gain", {"a": (2, 1), "b": (0, 0)})
    assert chart.rows == [["a", "2", "1", "+1"], ["b", "0", "0", "+0"]]
    values = [(it["label"], it["clips"]) for it in values_of(chart)]
    assert values == [("a", 2), ("a", -1), ("b", 0), ("b", 0)]


def test_weights_of_every_fold_and_their_mean_are_drawn():
    chart = charts.weight_chart("w", "Weights", {"f": [0.1, 0.9], "g": [0.5, 0.5]}, ["a", "b"])
    assert len(values_of(chart)) == 6
    assert chart.rows[-1] == ["mean", "0.30", "0.70"]


def test_shades_grow_with_the_share():
    assert confusion_cells.shade(0) == ("0.000", False)
    assert confusion_cells.shade(1) == ("1.000", True)


def luminance(channels):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels / 255]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


def colours(root, scheme):
    """Colours of the style sheet by name."""
    text = (root / "workflow_scripts/emotiw/resources/report.css").read_text()
    light, dark = text.split("@media screen and (prefers-color-scheme: dark)", 1)
    found = re.findall(r"--(\w+): #([0-9a-f]{6})", {"light": light, "dark": dark}[scheme])
    return {name: np.array([int(value[i : i + 2], 16) for i in (0, 2, 4)], float) for name, value in found}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("share", np.linspace(0, 1, 41))
def test_text_on_a_shade_has_the_contrast_of_wcag_aa(root, share, scheme):
    known = colours(root, scheme)
    opacity, strong = confusion_cells.shade(share)
    cell = known["paper"] + float(opacity) * (known["heat"] - known["paper"])
    low, high = sorted([luminance(cell), luminance(known["strong" if strong else "weak"])])
    assert (high + 0.05) / (low + 0.05) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "faint", "blue", "rust", "green"])
@pytest.mark.parametrize("ground", ["paper", "soft"])
def test_text_has_the_contrast_of_wcag_aa(root, scheme, name, ground):
    known = colours(root, scheme)
    low, high = sorted(luminance(known[it]) for it in (name, ground))
    assert (high + 0.05) / (low + 0.05) >= 4.5
