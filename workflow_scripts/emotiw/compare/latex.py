r"""A comparison of runs as a table for a paper: LaTeX with booktabs, without caption."""

from collections.abc import Iterable

from emotiw.compare import wording
from emotiw.compare.wording import Content
from emotiw.report.formats import interval, points, probability
from emotiw.report.paper_tables import escaped

COLUMNS = ("run", "system", "base (%)", "run (%)", "difference", "95 % interval", "$p$")


def table(content: Content) -> str:
    """Accuracies of each run and the base, their differences with intervals, and p-values with Holm's correction."""
    if not content["paired"]:
        return "".join(f"% {line}\n" for line in [wording.UNPAIRED, *wording.verdict(content)])
    paired = content["paired"]
    about = (
        f"% {paired['n_clips']} {content['part']} clips of {paired['n_subjects']} subjects; intervals: bootstrap over"
        " subjects; p: permutation of subjects, Holm"
    )
    lines = [about, r"\begin{tabular}{llrrrrr}", r"\toprule", _row(map(_head, COLUMNS)), r"\midrule"]
    for line in paired["tests"]:
        base, now = (f"{100 * line[key] / line['n']:.1f}" for key in ("n_right_base", "n_right"))
        ends = interval(line["difference_interval"], signed=True)
        difference = points(line["difference"]).removesuffix(" points")
        cells = [line["run"], line["system"], base, now, difference, ends]
        lines.append(_row([*map(escaped, cells), f"${probability(line['permutation_holm'])}$"]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _head(text: str) -> str:
    return text if text.startswith("$") else escaped(text)


def _row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
