"""Tables and headings for the terminal: a manifest, the metrics of a run, the entries of a cache."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from emotiw.core.emotions import HIDDEN
from emotiw.corpora import splits
from emotiw.corpora.manifest import Manifest
from emotiw.jobs.cache_upkeep import DAY_S, Kept


def heading(manifest: Manifest) -> str:
    """Name of the corpus, number of clips, and protocol."""
    kind = f"{manifest.corpus} (synthetic)" if manifest.synthetic else manifest.corpus
    return f"{kind}: {len(manifest.rows)} clips, scheme {manifest.scheme}"


def summary(manifest: Manifest) -> Table:
    """Count the clips of a manifest by split or fold and by class."""
    counts = Counter((row.fold or row.split, row.label) for row in manifest.rows)
    labels = [*manifest.classes, *([HIDDEN] if any(row.label == HIDDEN for row in manifest.rows) else [])]
    table = Table(show_footer=True, box=SIMPLE, padding=0)
    table.add_column("fold" if any(row.fold for row in manifest.rows) else "split", footer="all")
    for label in labels:
        table.add_column(Text(label), footer=str(sum(row.label == label for row in manifest.rows)), justify="right")
    table.add_column("all", footer=str(len(manifest.rows)), justify="right")
    for part in _parts(manifest):
        numbers = [counts[part, label] for label in labels]
        table.add_row(Text(part), *map(str, numbers), str(sum(numbers)))
    return table


def n_subjects(manifest: Manifest) -> str:
    """Count the subjects, if they are known."""
    named = {row.subject for row in manifest.rows if row.subject != row.clip}
    return f"{len(named)} subjects" if named else "subjects unknown"


def run_heading(metrics: Mapping[str, Any]) -> str:
    """Name of a run, number of its clips, and corpus, with a warning if the corpus is synthetic."""
    warning = " -- SYNTHETIC: a self-test, never a result" if metrics["synthetic"] else ""
    return f"{metrics['run']}: {metrics['n_clips']} clips of {metrics['corpus']}{warning}"


def scores(metrics: Mapping[str, Any]) -> Table:
    """Accuracy and UAR of the three systems on the scored parts, in percent, with their 95 % intervals."""
    table = Table(box=SIMPLE, padding=0)
    for column in ("part", "system", "accuracy", "95 % interval", "UAR", "95 % interval", "clips"):
        table.add_column(column, justify="left" if column in ("part", "system") else "right")
    for part, values in metrics["parts"].items():
        if values["n_scored"]:
            for name in ("video", "audio", "fusion"):
                system = values["systems"][name]
                if system["accuracy"] is None:
                    table.add_row(part, name, "absent", "", "", "", "0")
                    continue
                accuracy = _percent(system["accuracy"], system["accuracy_interval"])
                recall = _percent(system["uar"], system["uar_interval"])
                table.add_row(part, name, *accuracy, *recall, str(values["n_scored"]))
            table.add_row(part, "majority class", *_percent(values["majority_class"]["accuracy"], None))
    return table


def cached(entries: Iterable[Kept]) -> Table:
    """Entries and megabytes of each stage, and the days since the least and the most recent use."""
    table = Table(box=SIMPLE, padding=0)
    for column in ("stage", "entries", "MB", "used, days ago"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    stages: dict[str, list[Kept]] = {}
    for entry in entries:
        stages.setdefault(entry.stage if entry.whole else "left by killed writers", []).append(entry)
    for stage, files in stages.items():
        ages = [(time.time() - file.used_s) / DAY_S for file in files]
        size = f"{sum(file.bytes for file in files) / 1e6:.1f}"
        table.add_row(stage, str(len(files)), size, f"{min(ages):.1f} to {max(ages):.1f}")
    return table


def _percent(value: float, interval: tuple[float, float] | None) -> tuple[str, str]:
    return f"{100 * value:.1f}", " to ".join(f"{100 * end:.1f}" for end in interval or ())


def _parts(manifest: Manifest) -> list[str]:
    names = {row.fold or row.split for row in manifest.rows}
    if not any(row.fold for row in manifest.rows):
        return [split for split in splits.SPLITS if split in names]
    return sorted(names, key=splits.natural)
