"""What the figures of a run do not say: the section of limits in the report."""

from collections.abc import Iterator, Mapping
from typing import Any

from emotiw.evaluation import systems
from emotiw.report import headline, names, system_tables

Metrics = Mapping[str, Any]
LABELS = (
    "A label is what annotators or actors gave to a clip. The systems repeat such labels; they do not measure what a"
    " person feels."
)
ONE_CORPUS = (
    "Figures and intervals hold for this corpus and this protocol. Posteriors assume its classes and their frequencies."
)
INTERVALS = (
    "Intervals come from a bootstrap over groups of clips that share a subject, a film or a content. They do not"
    " contain the chance of training, such as the start of a network."
)
BEST = "The best line of a table was found on the clips that it is shown for, so its figure is optimistic."


def of(metrics: Metrics, config: Mapping[str, Any]) -> list[str]:
    """Limits of a run's figures, those that hold for every run first."""
    return [LABELS, ONE_CORPUS, INTERVALS, BEST, *_of_run(metrics, config)]


def _of_run(metrics: Metrics, config: Mapping[str, Any]) -> Iterator[str]:
    if metrics["synthetic"]:
        yield "The clips are synthetic; nothing on this page says anything about people."
    if headline.chief(metrics) == "fusion":
        yield (
            "The weights of the fusion were fitted to the validation clips, and networks were selected on them; figures"
            " on validation clips are therefore optimistic. No test clip was used."
        )
    found = [name for name in systems.shown(metrics["modalities"]) if system_tables.transductive(config, name)]
    if found:
        yield (
            f"Transductive: {names.listed(found)} standardise with the statistics of all clips of the test subject,"
            " without their labels (normalise: subject). For a person of whom there is one clip, expect less."
        )
    if metrics["firewall"].get("n_shared_films"):
        yield f"{metrics['firewall']['n_shared_films']} films have clips in more than one part."
    hidden = metrics["parts"]["test"]["n_hidden"]
    if hidden:
        yield f"The labels of {hidden} test clips are hidden; these are predicted and not scored."
