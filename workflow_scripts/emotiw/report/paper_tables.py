"""Tables 5, 6 and 7 of the paper for this run, from `metrics.json`, as data, CSV rows, Markdown and LaTeX.

Tables 5 and 6 compare classifiers by feature, with the mean of six kernels (one table on EmotiW 2014, one on 2016). A
longer table lists the single kernels. Table 7 compares combinations of features. The paper has them for video; the same
tables are made for audio if the run has several audio systems.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emotiw.evaluation import systems
from emotiw.jobs import stages

PARTS = ("test", "val")
NAMES = stages.titles()
CLASSIFIER_NAMES = {row.name: row.title for row in stages.CLASSIFIERS.values()}
LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"},
    **{"“": "``", "”": "''"},
}
SELECTED = "Parameters are selected on training folds only; all clips of a part count, pooled over its folds."

Config = Mapping[str, Any]  # with the sections `video` and `audio`


@dataclass(frozen=True)
class Line:
    """One system in a table.

    Attributes
    ----------
    part, modality, features, classifier, kernel : str
        Part on which it is scored, modality, features, classifier and kernel; `kernel` is `mean` for the mean of all
        kernels, and empty for a reference.
    n : int
        Number of scored clips.
    accuracy, uar : float or None
        Shares; None if no clip is scored.
    difference : float or None
        Accuracy minus that of the baseline (LBP-TOP and SVM); None without a baseline.
    ..._low, ..._high : float or None
        Ends of their 95 % intervals (bootstrap of subjects); the one of the difference is paired.
    best : bool
        Whether no classifier in the same row is more accurate; False with a single classifier.
    in_fusion : bool
        Whether it is the video system that is fused.
    """

    part: str
    modality: str
    features: str
    classifier: str
    kernel: str
    n: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    uar: float | None
    uar_low: float | None
    uar_high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    best: bool = False
    in_fusion: bool = False


def classifier_lines(metrics: Mapping[str, Any], config: Config) -> list[Line]:
    """Tables 5 and 6: each feature with each classifier, mean of its kernels or networks; then the references."""
    return [line for modality in shown(metrics, config) for line in _by_classifier(metrics, config, modality)]


def kernel_lines(metrics: Mapping[str, Any], config: Config) -> list[Line]:
    """Each single kernel of each feature with each classifier; then the references."""
    return [line for modality in shown(metrics, config) for line in _by_kernel(metrics, config, modality)]


def combination_lines(metrics: Mapping[str, Any], config: Config) -> list[Line]:
    """Table 7: each feature and combination of features with each classifier; then the references."""
    return [line for modality in shown(metrics, config) for line in _by_combination(metrics, config, modality)]


def shown(metrics: Mapping[str, Any], config: Config) -> list[str]:
    """Modalities with tables: those of the run, but audio beside video only if it has several systems."""
    if "video" not in metrics["modalities"]:
        return list(metrics["modalities"])
    of_audio = [line for line in _by_combination(metrics, config, "audio") if line.part == PARTS[0] and line.kernel]
    return ["video", "audio"] if len(of_audio) > 1 else ["video"]


def lines_of_table(metrics: Mapping[str, Any], config: Config) -> dict[str, list[Line]]:
    """Lines of the three tables, by the name of the table."""
    return {
        "classifiers": classifier_lines(metrics, config),
        "kernels": kernel_lines(metrics, config),
        "combinations": combination_lines(metrics, config),
    }


def content(metrics: Mapping[str, Any], lines: Mapping[str, Sequence[Line]]) -> dict[str, Any]:
    """Content of the tables' JSON file: facts of the run, the rule of selection, and the `lines` of each table."""
    facts = {name: metrics[name] for name in ("run", "corpus", "synthetic", "protocol", "n_clips", "n_subjects")}
    return {**facts, "selection": SELECTED, **{name: [asdict(line) for line in rows] for name, rows in lines.items()}}


def readable(metrics: Mapping[str, Any], config: Config) -> list[dict[str, Any]]:
    """Tables for display: name, heading, header of the rows, classifiers, and for each part the rows and references.

    A row is a name and a line for each classifier (None where the classifier does not take the feature); a reference
    (baseline, majority class) is a name and one line. A table without rows is left out.
    """
    made = [table for modality in shown(metrics, config) for table in _readable(metrics, config, modality)]
    return [table for table in made if any(table["rows"].values())]


def _readable(metrics: Mapping[str, Any], config: Config, modality: str) -> Iterator[dict[str, Any]]:
    of = "" if modality == "video" else f", {modality}"
    tables = (
        ("classifiers", f"Classifiers by feature (paper, tables 5 and 6){of}", "feature", _by_classifier, True),
        ("combinations", f"Combinations of features (paper, table 7){of}", "features", _by_combination, True),
        ("kernels", f"Single kernels{of}", "feature, kernel", _by_kernel, False),
    )
    classifiers = list(config[modality]["classifiers"])
    for name, heading, row_header, lines_of, is_open in tables:
        lines = lines_of(metrics, config, modality)
        yield {
            "name": name,
            "heading": heading,
            "row_header": row_header,
            "open": is_open,
            "classifiers": classifiers,
            "rows": {part: _rows(lines, part, classifiers) for part in PARTS},
            "references": {
                part: [(title(line), line) for line in lines if line.part == part and not line.kernel] for part in PARTS
            },
        }


def table_rows(lines: Iterable[Line]) -> list[list[str]]:
    """Rows of text for a CSV file, with a header; shares have four decimals, missing values are empty."""
    header = list(Line.__dataclass_fields__)
    return [header, *([_text(value) for value in asdict(line).values()] for line in lines)]


def markdown(metrics: Mapping[str, Any], config: Config) -> str:
    """All tables of each part in Markdown; the best of each row is bold."""
    blocks = [f"# Systems: {metrics['run']}, corpus {metrics['corpus']}", ""]
    if metrics["synthetic"]:
        blocks += ["**SYNTHETIC CORPUS: a self-test, never a result.**", ""]
    blocks += [f"Accuracy in % (95 % interval, drawn by subject), UAR in %. {SELECTED}", ""]
    for table in readable(metrics, config):
        for part in PARTS:
            if metrics["parts"][part]["n_scored"]:
                blocks += [f"## {table['heading']}: {part}, {metrics['parts'][part]['n_scored']} clips", ""]
                blocks += [*_markdown_table(table, part), ""]
    return "\n".join(blocks)


def latex_tables(metrics: Mapping[str, Any], config: Config) -> dict[str, str]:
    """LaTeX of the tables of `readable` by name, on the test clips, or on the validation clips if no label is known."""
    part = "test" if metrics["parts"]["test"]["n_scored"] else "val"
    made: dict[str, list[str]] = {name: [] for name in ("classifiers", "combinations", "kernels")}
    for table in readable(metrics, config):
        made[table["name"]].append(latex(table, part))
    return {name: "\n".join(blocks) for name, blocks in made.items()}


def latex(table: Mapping[str, Any], part: str) -> str:
    r"""LaTeX (booktabs) of one table of `readable`, without caption; accuracies in %, the best of each row bold.

    Parameters
    ----------
    table : mapping
        One of the tables that `readable` returns.
    part : str
        test or val.
    """
    names = [CLASSIFIER_NAMES[name] for name in table["classifiers"]]
    lines = [r"\begin{tabular}{l" + "r" * len(names) + "}", r"\toprule"]
    lines += [_latex_row([table["row_header"], *names]), r"\midrule"]
    lines += [
        _latex_row([name, *(_latex_cell(cell) if cell else "" for cell in cells)])
        for name, cells in table["rows"][part]
    ]
    lines += [r"\midrule"]
    lines += [
        _latex_row([name, _latex_cell(line), *[""] * (len(names) - 1)]) for name, line in table["references"][part]
    ]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def feature_title(name: str) -> str:
    """Title of a feature; a feature that a section of the configuration adds has its name as title."""
    return NAMES.get(name, name)


def title(line: Line) -> str:
    """Readable name of a line's features and kernel, or of a reference."""
    name = " + ".join(map(feature_title, systems.separated(line.features)))
    if line.kernel:
        return name if line.kernel == "mean" else f"{name}, {line.kernel.replace('_', ' ')}"
    known = line.classifier in CLASSIFIER_NAMES
    return f"{name} + {CLASSIFIER_NAMES[line.classifier]}" if known else f"always “{line.classifier}”"


def _by_classifier(metrics: Mapping[str, Any], config: Config, modality: str) -> list[Line]:
    return _lines(metrics, config, modality, [(name, "mean") for name in config[modality]["features"]])


def _by_kernel(metrics: Mapping[str, Any], config: Config, modality: str) -> list[Line]:
    classifiers = [row.name for row in stages.CLASSIFIERS.values() if row.stage == "kernel_scores"]
    named = [name.split("/") for name in metrics["parts"][PARTS[0]]["systems"] if name.startswith(f"{modality}/")]
    kernels = {parts[3] for parts in named if len(parts) == 4 and parts[2] in classifiers}
    keys = [(name, kernel) for name in config[modality]["features"] for kernel in sorted(kernels - {"mean"})]
    return _lines(metrics, config, modality, keys)


def _by_combination(metrics: Mapping[str, Any], config: Config, modality: str) -> list[Line]:
    names = [*config[modality]["features"], *map(systems.joined, systems.combinations(config[modality]))]
    return _lines(metrics, config, modality, [(name, "mean") for name in names])


def _lines(metrics: Mapping[str, Any], config: Config, modality: str, keys: Sequence[tuple[str, str]]) -> list[Line]:
    lines = []
    fused = systems.fused(config, modality)
    in_fusion = systems.joined(fused.features), "mean", fused.classifier
    for part in PARTS:
        part_metrics = metrics["parts"][part]
        for names, kernel in keys:
            ids = {name: f"{modality}/{names}/{name}/{kernel}" for name in config[modality]["classifiers"]}
            scored = {name: part_metrics["systems"][key] for name, key in ids.items() if key in part_metrics["systems"]}
            best = max((system["accuracy"] or 0.0 for system in scored.values()), default=0.0)
            for name, system in scored.items():
                labels = {"part": part, "modality": modality, "features": names, "classifier": name, "kernel": kernel}
                marks = {
                    "best": len(scored) > 1 and system["accuracy"] == best,
                    "in_fusion": (names, kernel, name) == in_fusion,
                }
                lines.append(_line(system, labels, marks))
        lines += _reference_lines(part, modality, part_metrics)
    return lines


def _reference_lines(part: str, modality: str, part_metrics: Mapping[str, Any]) -> list[Line]:
    constant = part_metrics["majority_class"]
    present = part_metrics["systems"]["fusion"]["n_classes_present"]
    share = {"n": part_metrics["n_scored"], "accuracy": constant["accuracy"], "uar": 1 / present if present else None}
    labels = {"part": part, "modality": modality, "kernel": ""}
    lines = [_line(share, {**labels, "features": "majority class", "classifier": constant["label"]}, {})]
    feature = next(name for name, of in systems.BASELINES.items() if of == modality)
    if baseline := part_metrics["systems"].get(systems.baseline(feature)):
        lines.insert(0, _line(baseline, {**labels, "features": feature, "classifier": "svm"}, {}))
    return lines


def _line(system: Mapping[str, Any], labels: Mapping[str, str], marks: Mapping[str, bool]) -> Line:
    gain = system.get("over_baseline") or {}
    values: dict[str, Any] = {**labels, **marks, "n": system["n"], "accuracy": system["accuracy"], "uar": system["uar"]}
    values["difference"] = gain.get("accuracy")
    for name, ends in (
        ("accuracy", system.get("accuracy_interval")),
        ("uar", system.get("uar_interval")),
        ("difference", gain.get("accuracy_interval")),
    ):
        values[f"{name}_low"], values[f"{name}_high"] = ends or (None, None)
    return Line(**values)


def _rows(lines: Sequence[Line], part: str, classifiers: Sequence[str]) -> list[tuple[str, list[Line | None]]]:
    lines_of_row: dict[str, dict[str, Line]] = {}
    for line in lines:
        if line.part == part and line.kernel:
            lines_of_row.setdefault(title(line), {})[line.classifier] = line
    return [(name, [row.get(classifier) for classifier in classifiers]) for name, row in lines_of_row.items()]


def _markdown_table(table: Mapping[str, Any], part: str) -> list[str]:
    names = [CLASSIFIER_NAMES[name] for name in table["classifiers"]]
    text = [f"| {table['row_header']} | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for name, lines in table["rows"][part]:
        text.append(f"| {name} | {' | '.join(_cell(line) if line else '' for line in lines)} |")
    empty = " |" * (len(names) - 1)
    return [*text, *(f"| {name} | {_cell(line)} |{empty}" for name, line in table["references"][part])]


def _cell(line: Line) -> str:
    mark = "**" if line.best else ""
    ends = (line.accuracy_low, line.accuracy_high)
    interval = "" if None in ends else f" ({_percent(ends[0])} to {_percent(ends[1])})"
    marked = " (in the fusion)" if line.in_fusion else ""
    return f"{mark}{_percent(line.accuracy)}{mark}{interval}; UAR {_percent(line.uar)}{marked}"


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cell if cell.startswith("\\") else escaped(cell) for cell in cells) + r" \\"


def _latex_cell(line: Line) -> str:
    ends = (line.accuracy_low, line.accuracy_high)
    interval = "" if None in ends else f" ({_percent(ends[0])} to {_percent(ends[1])})"
    return rf"\textbf{{{_percent(line.accuracy)}}}{interval}" if line.best else f"{_percent(line.accuracy)}{interval}"


def escaped(text: str) -> str:
    """Text with the special characters of LaTeX escaped."""
    return "".join(LATEX.get(character, character) for character in text)


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{100 * share:.1f}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
