"""Tables and charts that compare the systems of a run: modalities, fusion schemes, networks, baselines."""

import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from emotiw.evaluation import systems
from emotiw.evaluation.systems import MAIN
from emotiw.report import charts, paper_tables
from emotiw.report.charts import Chart, Mark
from emotiw.report.formats import MISSING

Metrics = Mapping[str, Any]
REPEAT = re.compile(r"^(?P<system>(video|audio)/[^/]+/blstm)/(?P<architecture>\d+(-\d+)*)_\d+$")
OPTIMISM = ("resubstitution", "cross_validated", "optimism")
ENSEMBLES = {"selected": "the network best on validation, in each fold", "mean": "mean of all networks"}


def best_modality(metrics: Metrics, part: str) -> str:
    """Name of the most accurate modality of those that have judged a clip of a part; the first if nothing is scored."""
    of_system = metrics["parts"][part]["systems"]
    judging: list[str] = judged_by(metrics, part) or metrics["modalities"]
    return max(judging, key=lambda name: of_system[name]["accuracy"] or 0)


def judged_by(metrics: Metrics, part: str) -> list[str]:
    """Modalities of the run that have judged a scored clip of a part."""
    of_system = metrics["parts"][part]["systems"]
    return [name for name in metrics["modalities"] if of_system[name].get("n_covered")]


def overview_chart(metrics: Metrics, part: str) -> Chart:
    """Chart of the accuracy of the main systems, the baselines and the majority class."""
    part_metrics = metrics["parts"][part]
    label_of_system = {name: name for name in systems.shown(metrics["modalities"])} | {
        systems.baseline(name): f"baseline: {paper_tables.NAMES[name]} + SVM" for name in systems.BASELINES
    }
    marks = []
    for name, label in label_of_system.items():
        system = part_metrics["systems"].get(name)
        if system and system["accuracy"] is not None:
            marks.append(
                Mark(label, "accuracy", 100 * system["accuracy"], _percent(system["accuracy_interval"]), system["n"])
            )
    constant = part_metrics["majority_class"]
    if constant["accuracy"] is not None:
        always = f"always “{constant['label']}”"
        marks.append(Mark(always, "accuracy", 100 * constant["accuracy"], None, part_metrics["n_scored"]))
    title = f"Accuracy, {part} clips"
    text = f"{title}: rows for video, audio, fusion, the baselines and the majority class; values in the table below"
    return charts.interval_chart("systems", title, marks, axis="accuracy, %", alt_text=text)


def figure_4(metrics: Metrics, part: str) -> Chart:
    """Figure 4 of the paper: recall of each class by the audio networks and by the audio baseline.

    A run without sound has the same figure of its video system and baseline.
    """
    of_system = metrics["parts"][part]["systems"]
    modality = "audio" if "audio" in metrics["modalities"] else "video"
    feature = next(name for name, of in systems.BASELINES.items() if of == modality)
    names = {f"baseline: {paper_tables.feature_title(feature)} + SVM": systems.baseline(feature), modality: modality}
    confusions = {title: of_system[name]["confusion"] for title, name in names.items()}
    source = "sound" if modality == "audio" else "faces"
    title = f"Recall of each class from {source}, {part} clips"
    return charts.recall_chart("figure4", title, confusions, metrics["classes"])


def classifier_chart(metrics: Metrics, part: str, config: Mapping[str, Any]) -> Chart:
    """Chart of tables 5 to 7: accuracy of each feature and combination with each classifier."""
    marks = [
        Mark(
            *(paper_tables.title(line), paper_tables.CLASSIFIER_NAMES[line.classifier], 100 * line.accuracy),
            *(_percent(_ends(line)), line.n),
        )
        for line in paper_tables.combination_lines(metrics, config)
        if line.part == part and line.kernel and line.accuracy is not None
    ]
    title = f"Accuracy by feature and classifier, {part} clips"
    text = f"{title}: a row for each feature or combination, a mark for each classifier; values in the table below"
    return charts.interval_chart("classifiers", title, marks, axis="accuracy, %", alt_text=text)


def networks(metrics: Metrics) -> list[dict[str, Any]]:
    """Accuracy of each feature's architectures: mean and deviation of single networks, and of their mean scores."""
    parts = metrics["parts"]
    groups: dict[str, dict[str, list[str]]] = {}
    for name in parts["test"]["systems"]:
        if match := REPEAT.match(name):
            groups.setdefault(match["system"], {}).setdefault(match["architecture"], []).append(name)
    lines = []
    for system, architectures in groups.items():
        feature = paper_tables.feature_title(system.split("/")[1])
        of = f"{feature}, " if len(groups) > 1 else ""
        for architecture, names in architectures.items():
            restarts = {part: mean_deviation(_accuracies(parts[part], names)) for part in parts}
            ensemble = {part: parts[part]["systems"].get(f"{system}/{architecture}", {}) for part in parts}
            lines.append({"name": of + architecture, "n": len(names), "restarts": restarts, "ensemble": ensemble})
        for name, title in ENSEMBLES.items():
            ensemble = {part: parts[part]["systems"].get(f"{system}/{name}", {}) for part in parts}
            lines.append({"name": of + title, "n": None, "restarts": None, "ensemble": ensemble})
    return lines


def schemes(metrics: Metrics) -> list[dict[str, Any]]:
    """Fusion schemes: accuracy on both parts, and mean optimism of the folds in which it could be estimated."""
    folds = metrics["fusion"]["folds"].values()
    parts = metrics["parts"]
    names = list(dict.fromkeys(name for fold in folds for name in [*fold["weights"], *(fold["optimism"] or ())]))
    lines = []
    for name in names:
        estimates = [fold["optimism"][name] for fold in folds if fold["optimism"] and name in fold["optimism"]]
        means = {key: statistics.fmean(fold[key] for fold in estimates) for key in OPTIMISM} if estimates else None
        metrics_of_part = {part: parts[part]["systems"].get(name, {}) for part in parts}
        lines.append(
            {"name": name, "parts": metrics_of_part, "optimism": means, "used": name == metrics["fusion"]["scheme"]}
        )
    return lines


def others(metrics: Metrics) -> list[dict[str, Any]]:
    """Accuracy on both parts of all systems but the main ones, such as single kernels."""
    parts = metrics["parts"]
    return [
        {"name": name, **{part: parts[part]["systems"][name]["accuracy"] for part in parts}}
        for name in parts["test"]["systems"]
        if name not in MAIN
    ]


def mean_deviation(values: Sequence[float | None]) -> str:
    """Mean and standard deviation of accuracies, in percent; None values are ignored."""
    known = [value for value in values if value is not None]
    if not known:
        return MISSING
    spread = f" ± {100 * statistics.stdev(known):.1f}" if len(known) > 1 else ""
    return f"{100 * statistics.fmean(known):.1f}{spread} %"


def _accuracies(part_metrics: Mapping[str, Any], names: Sequence[str]) -> list[float | None]:
    return [part_metrics["systems"][name]["accuracy"] for name in names]


def _percent(ends: Sequence[float] | None) -> list[float] | None:
    return None if ends is None else [100 * end for end in ends]


def _ends(line: paper_tables.Line) -> list[float] | None:
    return None if line.accuracy_low is None or line.accuracy_high is None else [line.accuracy_low, line.accuracy_high]
