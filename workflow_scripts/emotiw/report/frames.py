"""Results of a finished run as data frames, for notebooks: ``frames.load("results/demo").systems``."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from emotiw.core.errors import StoreError
from emotiw.report import names

SHARES = ("accuracy", "uar", "macro_f1")
OTHERS = ("n", "n_covered", "accuracy_covered", "log_loss", "brier", "ece")  # the last three of the main systems alone
FILES = ("metrics.json", "predictions.csv", "scores.csv.gz")
TEXTS = ("clip", "fold", "part", "label", "subject", "system", "class")  # a clip called 007 stays a text


@dataclass(frozen=True)
class Frames:
    """Results of a run.

    Attributes
    ----------
    metrics : dict
        Content of `metrics.json`.
    predictions : DataFrame
        A row for each clip, fold and part: label, statuses, predictions and fused posteriors.
    scores : DataFrame
        A row for each clip, system and class.
    systems : DataFrame
        A row for each part and system: title, accuracy, UAR and macro F1 with the ends of their intervals, and more.
    recalls : DataFrame
        A row for each part, system and class: recall with the ends of its interval, and the number of clips.
    confusions : DataFrame
        A row for each part, system, true class and predicted class: the number of clips.
    subjects, folds : DataFrame
        A row for each part, main system and subject or fold: clips, and how many are judged and right.
    """

    metrics: dict[str, Any]
    predictions: pd.DataFrame
    scores: pd.DataFrame
    systems: pd.DataFrame
    recalls: pd.DataFrame
    confusions: pd.DataFrame
    subjects: pd.DataFrame
    folds: pd.DataFrame


def load(run: str | Path) -> Frames:
    """Read the results of a run.

    Parameters
    ----------
    run : str or Path
        Folder of the run, such as `results/demo`, or its folder `report`.

    Raises
    ------
    StoreError
        If a file is missing or cannot be read.
    """
    folder = Path(run)
    folder = folder / "report" if (folder / "report").is_dir() else folder
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise StoreError(f"{folder}: {', '.join(missing)} missing; expected the folder of a finished run")
    try:
        metrics = json.loads((folder / FILES[0]).read_bytes())
        tables = [pd.read_csv(folder / name, dtype=dict.fromkeys(TEXTS, "str")) for name in FILES[1:]]
    except (OSError, ValueError) as error:
        raise StoreError(f"{folder}: unreadable ({error}); run the workflow again") from error
    return Frames(
        metrics,
        *tables,
        *(pd.DataFrame(list(rows(metrics))) for rows in (_systems, _recalls, _confusions)),
        *(pd.DataFrame(list(_divided(metrics, key))) for key in ("subjects", "folds")),
    )


def _each(metrics: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], Mapping[str, Any]]]:
    """Part and name of each system, and its metrics."""
    for part, about in metrics["parts"].items():
        for name, system in about["systems"].items():
            yield {"part": part, "system": name, "title": names.system(name)}, system


def _systems(metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for which, system in _each(metrics):
        shares = {key: value for name in SHARES for key, value in _with_ends(name, system).items()}
        yield which | shares | {name: system.get(name) for name in OTHERS}


def _recalls(metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for which, system in _each(metrics):
        for c, label in enumerate(metrics["classes"]):
            low, high = system["recall_intervals"][c] or (None, None)
            recall = {"recall": system["recalls"][c], "recall_low": low, "recall_high": high}
            yield which | {"class": label} | recall | {"n": sum(system["confusion"][c])}


def _confusions(metrics: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for which, system in _each(metrics):
        for truth, row in zip(metrics["classes"], system["confusion"], strict=True):
            for predicted, n in zip(metrics["classes"], row, strict=True):
                yield which | {"truth": truth, "predicted": predicted, "n": n}


def _divided(metrics: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    for part, about in metrics["parts"].items():
        for line in about[key]:
            for name, counts in line["systems"].items():
                yield {"part": part, key[:-1]: line["name"], "system": name, "n": line["n"]} | counts


def _with_ends(name: str, system: Mapping[str, Any]) -> dict[str, float | None]:
    low, high = system[f"{name}_interval"] or (None, None)
    return {name: system[name], f"{name}_low": low, f"{name}_high": high}
