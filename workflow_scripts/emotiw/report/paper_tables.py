"""The paper's comparisons of the video system, from what `metrics.json` holds.

Tables 5 and 6 compare classifiers by feature, each the mean of its six kernels (on EmotiW 2014 and 2016: the same table
of two corpora); the single kernels make a longer one; table 7 compares combinations of features.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emotiw.evaluation import systems

PARTS = ("test", "val")
NAMES = {"cnn": "CNN", "cnn_fer2013": "CNN fine-tuned", "dense_sift": "Dense SIFT", "hog": "HOG", "lbp_top": "LBP-TOP"}
CLASSIFIER_NAMES = {"pls": "PLS", "kernel_pls": "kernel PLS", "svm": "SVM", "logistic": "logistic regression"}
LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"},
    **{"“": "``", "”": "''"},
}
SELECTED = "Parameters are selected on training folds only; all clips of a part count, pooled over its folds."

Video = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """One system of a table.

    Attributes
    ----------
    part, features, classifier, kernel : str
        Where it is scored and what it is; `kernel` is `mean` for the mean of all kernels and empty for a reference.
    n : int
        Scored clips.
    accuracy, uar : float or None
        None where no clip is scored.
    difference : float or None
        By how much the accuracy exceeds the baseline's, LBP-TOP and SVM; None where there is none.
    ..._low, ..._high : float or None
        Ends of their 95 % intervals, which draw subjects; that of the difference is paired.
    best : bool
        No other classifier is more accurate in the same row; never with a single classifier.
    in_fusion : bool
        It is the video system that enters the fusion.
    """

    part: str
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


def classifier_lines(metrics: Mapping[str, Any], video: Video) -> list[Line]:
    """Tables 5 and 6: every feature by every classifier, the mean of the six kernels; then the references."""
    return _lines(metrics, video, [(name,) for name in video["features"]], ["mean"])


def kernel_lines(metrics: Mapping[str, Any], video: Video) -> list[Line]:
    """Every single kernel of every feature by every classifier; then the references."""
    start = f"video/{video['features'][0]}/{video['classifiers'][0]}/"
    names = {name.removeprefix(start) for name in metrics["parts"]["test"]["systems"] if name.startswith(start)}
    return _lines(metrics, video, [(name,) for name in video["features"]], sorted(names - {"mean"}))


def combination_lines(metrics: Mapping[str, Any], video: Video) -> list[Line]:
    """Table 7: every feature and combination of features by every classifier; then the references."""
    return _lines(metrics, video, [*((name,) for name in video["features"]), *systems.combinations(video)], ["mean"])


def readable(metrics: Mapping[str, Any], video: Video) -> list[dict[str, Any]]:
    """Tables for a page: a heading, what the rows are, the classifiers, and by part the rows and the references.

    A row is a name and a line a classifier; a reference (the baseline, the majority class) is a name and a line.
    """
    tables = (
        ("Classifiers by feature (paper, tables 5 and 6)", "feature", classifier_lines(metrics, video), True),
        ("Combinations of features (paper, table 7)", "features", combination_lines(metrics, video), True),
        ("Single kernels", "feature, kernel", kernel_lines(metrics, video), False),
    )
    return [
        {
            "heading": heading,
            "row_header": row_header,
            "open": is_open,
            "classifiers": list(video["classifiers"]),
            "rows": {part: _rows(lines, part) for part in PARTS},
            "references": {
                part: [(title(line), line) for line in lines if line.part == part and not line.kernel] for part in PARTS
            },
        }
        for heading, row_header, lines, is_open in tables
    ]


def table_rows(lines: Iterable[Line]) -> list[list[str]]:
    """Rows of text for a CSV file, a header first; shares have four decimals, and what is absent is empty."""
    header = list(Line.__dataclass_fields__)
    return [header, *([_text(value) for value in asdict(line).values()] for line in lines)]


def markdown(metrics: Mapping[str, Any], video: Video) -> str:
    """Readable tables of every part, in Markdown; the best of each row is bold."""
    blocks = [f"# Video: {metrics['run']}, corpus {metrics['corpus']}", ""]
    if metrics["synthetic"]:
        blocks += ["**SYNTHETIC CORPUS: a self-test, never a result.**", ""]
    blocks += [f"Accuracy in % (95 % interval, drawn by subject), UAR in %. {SELECTED}", ""]
    for table in readable(metrics, video):
        for part in PARTS:
            if metrics["parts"][part]["n_scored"]:
                blocks += [f"## {table['heading']}: {part}, {metrics['parts'][part]['n_scored']} clips", ""]
                blocks += [*_markdown_table(table, part), ""]
    return "\n".join(blocks)


def latex(table: Mapping[str, Any], part: str) -> str:
    r"""One of the tables of `readable` for LaTeX with booktabs, without its caption; accuracies in %, the best bold.

    Parameters
    ----------
    table : mapping
        Of `readable`.
    part : str
        test or val.
    """
    names = [CLASSIFIER_NAMES[name] for name in table["classifiers"]]
    lines = [r"\begin{tabular}{l" + "r" * len(names) + "}", r"\toprule"]
    lines += [_latex_row([table["row_header"], *names]), r"\midrule"]
    lines += [_latex_row([name, *map(_latex_cell, of)]) for name, of in table["rows"][part]]
    lines += [r"\midrule"]
    lines += [
        _latex_row([name, _latex_cell(line), *[""] * (len(names) - 1)]) for name, line in table["references"][part]
    ]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def title(line: Line) -> str:
    """Readable name of a line's features and kernel, or of a reference."""
    name = " + ".join(NAMES.get(part, part) for part in systems.separated(line.features))
    if line.kernel:
        return name if line.kernel == "mean" else f"{name}, {line.kernel.replace('_', ' ')}"
    known = line.classifier in CLASSIFIER_NAMES
    return f"{name} + {CLASSIFIER_NAMES[line.classifier]}" if known else f"always “{line.classifier}”"


def _lines(
    metrics: Mapping[str, Any], video: Video, features: Iterable[tuple[str, ...]], kernels: Iterable[str]
) -> list[Line]:
    lines = []
    keys = [(systems.joined(names), kernel) for names in features for kernel in kernels]
    in_fusion = systems.joined(systems.video_system(video)), "mean", video["combination"]["classifier"]
    for part in PARTS:
        part_metrics = metrics["parts"][part]
        for names, kernel in keys:
            scored = {name: part_metrics["systems"][f"video/{names}/{name}/{kernel}"] for name in video["classifiers"]}
            best = max((system["accuracy"] or 0.0 for system in scored.values()), default=0.0)
            for name, system in scored.items():
                marks = {
                    "best": len(scored) > 1 and system["accuracy"] == best,
                    "in_fusion": (names, kernel, name) == in_fusion,
                }
                lines.append(
                    _line(system, {"part": part, "features": names, "classifier": name, "kernel": kernel}, marks)
                )
        lines += _reference_lines(part, part_metrics)
    return lines


def _reference_lines(part: str, part_metrics: Mapping[str, Any]) -> list[Line]:
    constant = part_metrics["majority_class"]
    present = part_metrics["systems"]["fusion"]["n_classes_present"]
    share = {"n": part_metrics["n_scored"], "accuracy": constant["accuracy"], "uar": 1 / present if present else None}
    absent = {"part": part, "features": "majority class", "classifier": constant["label"], "kernel": ""}
    lines = [_line(share, absent, {})]
    if baseline := part_metrics["systems"].get(systems.baseline("lbp_top")):
        lines.insert(0, _line(baseline, {**absent, "features": "lbp_top", "classifier": "svm"}, {}))
    return lines


def _line(system: Mapping[str, Any], labels: Mapping[str, str], marks: Mapping[str, bool]) -> Line:
    over = system.get("over_baseline") or {}
    values: dict[str, Any] = {**labels, **marks, "n": system["n"], "accuracy": system["accuracy"], "uar": system["uar"]}
    values["difference"] = over.get("accuracy")
    for name, ends in (
        ("accuracy", system.get("accuracy_interval")),
        ("uar", system.get("uar_interval")),
        ("difference", over.get("accuracy_interval")),
    ):
        values[f"{name}_low"], values[f"{name}_high"] = ends or (None, None)
    return Line(**values)


def _rows(lines: Sequence[Line], part: str) -> list[tuple[str, list[Line]]]:
    lines_of_row: dict[str, list[Line]] = {}
    for line in lines:
        if line.part == part and line.kernel:
            lines_of_row.setdefault(title(line), []).append(line)
    return list(lines_of_row.items())


def _markdown_table(table: Mapping[str, Any], part: str) -> list[str]:
    names = [CLASSIFIER_NAMES[name] for name in table["classifiers"]]
    text = [f"| {table['row_header']} | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    text += [f"| {name} | {' | '.join(map(_cell, lines))} |" for name, lines in table["rows"][part]]
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
    """Text with LaTeX's special characters as what they look like."""
    return "".join(LATEX.get(character, character) for character in text)


def _percent(share: float | None) -> str:
    return "n/a" if share is None else f"{100 * share:.1f}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
