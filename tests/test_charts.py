"""Charts: the same bytes twice, the values they were given, legible and told apart without colour."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from emotiw.report import charts, confusion_cells
from emotiw.report.charts import Mark

CONFUSIONS = {"video": [[3, 1], [0, 0]], "svm": [[2, 2], [0, 0]]}


def values_of(chart):
    (values,) = chart.spec["datasets"].values()
    return values


def recall():
    return charts.recall_chart("recall", "Recall", CONFUSIONS, ["a", "b"])


def test_a_still_is_the_same_in_another_process():
    code = "import test_charts; print(test_charts.recall().static)"
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"]
    again = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()
    assert recall().static == again
    assert again.startswith("data:image/svg+xml;base64,")


def test_a_still_holds_what_was_given_and_loads_nothing():
    svg = recall().svg
    assert "a (4)" in svg
    assert not re.search(r'(href|src)="(?!#)', svg.replace("http://www.w3.org", ""))


def test_recalls_have_wilsons_intervals_and_empty_classes_are_left_out():
    assert recall().rows == [
        ["a (4)", "video", "75.0", "30.1 to 95.4", "4"],
        ["a (4)", "svm", "50.0", "15.0 to 85.0", "4"],
    ]


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


def test_a_specification_can_stand_in_a_script_element():
    chart = charts.interval_chart("n", "t", [Mark("</script>", "x", 50)], axis="%", alt_text="<!--")
    assert "<" not in chart.json
    assert json.loads(chart.json)["description"] == "<!--"


def test_the_library_is_one_script_that_can_run_without_making_code_from_text():
    assert "expressionInterpreter" in charts.library()
    assert len(charts.library()) < 1_000_000


def test_a_library_that_would_end_its_element_is_refused(monkeypatch):
    monkeypatch.setattr(charts.vl_convert, "javascript_bundle", lambda snippet: "x = '</script>'")
    charts.library.cache_clear()
    with pytest.raises(ValueError, match="holds an HTML tag"):
        charts.library()
    charts.library.cache_clear()


def test_shades_run_from_white_to_dark_with_legible_text():
    assert confusion_cells.shade(0) == ("#ffffff", "#000000")
    assert confusion_cells.shade(1) == ("#084594", "#ffffff")


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return np.dot(linear, [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("share", np.linspace(0, 1, 41))
def test_text_on_a_shade_has_the_contrast_of_wcag_aa(share):
    low, high = sorted(luminance(colour) for colour in confusion_cells.shade(share))
    assert (high + 0.05) / (low + 0.05) >= 4.5
