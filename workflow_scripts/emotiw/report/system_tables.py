"""Tables and charts that compare the systems of a run: modalities, fusion schemes, networks, baselines."""

import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from emotiw.evaluation import systems
from emotiw.evaluation.systems import MAIN
from emotiw.jobs import stages
from emotiw.report import charts, names, paper_tables
from emotiw.report.charts import Chart, Mark
from emotiw.report.formats import MISSING

Metrics = Mapping[str, Any]
REPEAT = re.compile(r"^(?P<system>(video|audio)/[^/]+/blstm)/(?P<architecture>\d+(-\d+)*)_\d+$")
OPTIMISM = ("resubstitution", "cross_validated", "optimism")
ENSEMBLES = {"selected": "the network best on validation, in each fold", "mean": "mean of all networks"}


def overview_chart(metrics: Metrics, part: str) -> Chart:
    """Chart of the accuracy of the main systems, the baselines and the majority class."""
    part_metrics = metrics["parts"][part]
    marks = []
    for name in [*systems.shown(metrics["modalities"]), *map(systems.baseline, systems.BASELINES)]:
        system = part_metrics["systems"].get(name)
        if system and system["accuracy"] is not None:
            ends = _percent(system["accuracy_interval"])
            marks.append(Mark(names.system(name), _series(name), 100 * system["accuracy"], ends, system["n"]))
    constant = part_metrics["majority_class"]
    if constant["accuracy"] is not None:
        always = f"always “{constant['label']}”"
        marks.append(Mark(always, "guessing", 100 * constant["accuracy"], None, part_metrics["n_scored"]))
    title = f"Accuracy, {part} clips"
    text = f"{title}: rows for the main systems, the baselines and the majority class; values in the table below"
    return charts.interval_chart("systems", title, marks, axis="accuracy, %", alt_text=text)


def pairs_chart(metrics: Metrics, part: str) -> Chart:
    """Chart of the paired differences of accuracy between systems."""
    marks = [
        Mark(pair_title(pair), "difference", 100 * pair["difference"], _percent(pair["difference_interval"]), pair["n"])
        for pair in metrics["parts"][part]["comparisons"]
        if pair["difference"] is not None
    ]
    reach = max([10.0, *(abs(value) for mark in marks for value in [mark.value, *(mark.ends or ())])])
    title = f"Differences of accuracy, {part} clips"
    text = f"{title}: a row for each pair of systems; values in the table below"
    axis = charts.Axis("difference, points", -1.05 * reach, 1.05 * reach)
    return charts.interval_chart("pairs", title, marks, axis=axis, alt_text=text)


def pair_title(pair: Mapping[str, Any]) -> str:
    """Readable name of a comparison."""
    return f"{names.system(pair['a'])} - {names.system(pair['b'])}"


def transductive(config: Mapping[str, Any], name: str) -> bool:
    """Whether a system standardises by the clips of the test subject, without their labels (`normalise: subject`)."""
    if name in systems.COVERED_BY:
        return _by_subject(config, config[name]["combination"]["classifier"])
    if names.modality(name):
        return _by_subject(config, (name.split("/") + [""] * 3)[2])
    return any(transductive(config, modality) for modality in systems.COVERED_BY)


def _by_subject(config: Mapping[str, Any], classifier: str) -> bool:
    row = stages.CLASSIFIERS.get(classifier)
    section = {"pooled_scores": "pooled", "blstm_scores": "blstm"}.get(row.stage, "") if row else ""
    return bool(section) and config[section]["normalise"] == "subject"


def _series(name: str) -> str:
    return name if name in MAIN else "baseline"


def figure_4(metrics: Metrics, part: str) -> Chart:
    """Figure 4 of the paper: recall of each class by the audio networks and by the audio baseline.

    A run without sound has the same figure of its video system and baseline.
    """
    of_system = metrics["parts"][part]["systems"]
    modality = "audio" if "audio" in metrics["modalities"] else "video"
    feature = next(name for name, of in systems.BASELINES.items() if of == modality)
    titles = {names.system(systems.baseline(feature)): systems.baseline(feature), modality: modality}
    shown = {title: of_system[name] for title, name in titles.items() if of_system[name]["n_covered"]}
    source = "sound" if modality == "audio" else "faces"
    title = f"Recall of each class from {source}, {part} clips"
    return charts.recall_chart("figure4", title, shown, metrics["classes"])


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
        for architecture, members in architectures.items():
            restarts = {part: mean_deviation(_accuracies(parts[part], members)) for part in parts}
            ensemble = {part: parts[part]["systems"].get(f"{system}/{architecture}", {}) for part in parts}
            lines.append({"name": of + architecture, "n": len(members), "restarts": restarts, "ensemble": ensemble})
        for name, title in ENSEMBLES.items():
            ensemble = {part: parts[part]["systems"].get(f"{system}/{name}", {}) for part in parts}
            lines.append({"name": of + title, "n": None, "restarts": None, "ensemble": ensemble})
    return lines


def schemes(metrics: Metrics) -> list[dict[str, Any]]:
    """Fusion schemes: accuracy on both parts, and mean optimism of the folds in which it could be estimated."""
    folds = metrics["fusion"]["folds"].values()
    parts = metrics["parts"]
    known = list(dict.fromkeys(name for fold in folds for name in [*fold["weights"], *(fold["optimism"] or ())]))
    lines = []
    for name in known:
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
        {
            "name": names.system(name),
            "modality": names.modality(name),
            **{part: parts[part]["systems"][name]["accuracy"] for part in parts},
        }
        for name in parts["test"]["systems"]
        if name not in MAIN and (len(metrics["modalities"]) > 1 or names.modality(name))
    ]


def mean_deviation(values: Sequence[float | None]) -> str:
    """Mean and standard deviation of accuracies, in percent; None values are ignored."""
    known = [value for value in values if value is not None]
    if not known:
        return MISSING
    spread = f" ± {100 * statistics.stdev(known):.1f}" if len(known) > 1 else ""
    return f"{100 * statistics.fmean(known):.1f}{spread} %"


def _accuracies(part_metrics: Mapping[str, Any], members: Sequence[str]) -> list[float | None]:
    return [part_metrics["systems"][name]["accuracy"] for name in members]


def _percent(ends: Sequence[float] | None) -> list[float] | None:
    return None if ends is None else [100 * end for end in ends]


def _ends(line: paper_tables.Line) -> list[float] | None:
    return None if line.accuracy_low is None or line.accuracy_high is None else [line.accuracy_low, line.accuracy_high]
