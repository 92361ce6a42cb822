"""Tables of the report: counts of the corpus, deviations from the paper, seeds and selections."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emotiw.core import html
from emotiw.core.emotions import HIDDEN
from emotiw.core.seeds import derived_seed
from emotiw.corpora.manifest import Manifest

DEVIATIONS = "deviations.json"


def class_counts(corpus: Manifest) -> list[tuple[str, list[int]]]:
    """Count the clips of each class and with a hidden label, by split or fold, and in total."""
    counts: dict[str, Counter[str]] = {}
    for row in corpus.rows:
        counts.setdefault(row.fold or row.split, Counter())[row.label] += 1
    counts = dict(sorted(counts.items())) | {"all": sum(counts.values(), Counter())}
    return [
        (name, [clips_of_label[label] for label in (*corpus.classes, HIDDEN)])
        for name, clips_of_label in counts.items()
    ]


def status_counts(
    corpus: Manifest, rows: Mapping[str, Mapping[str, str]], modalities: Sequence[str] = ("video", "audio")
) -> list[tuple[str, str, list[int]]]:
    """Modality, status and number of clips with it in each split or fold, and in total."""
    places = {row.clip: row.fold or row.split for row in corpus.rows}
    names = sorted(set(places.values()))
    table = []
    for modality in modalities:
        counts = Counter((rows[clip][f"status_{modality}"], place) for clip, place in places.items())
        for status in sorted({status for status, _ in counts}, key=lambda status: (status != "ok", status)):
            row = [counts[status, name] for name in names]
            table.append((modality, status, [*row, sum(row)]))
    return table


def subject_counts(corpus: Manifest) -> list[tuple[str, str, list[int]]]:
    """Each subject, the splits or folds of its clips, and its number of clips of each class and with a hidden label."""
    counts: dict[str, Counter[str]] = {}
    places: dict[str, set[str]] = {}
    for row in corpus.rows:
        counts.setdefault(row.subject, Counter())[row.label] += 1
        places.setdefault(row.subject, set()).add(row.fold or row.split)
    return [
        (name, ", ".join(sorted(places[name])), [counts[name][label] for label in (*corpus.classes, HIDDEN)])
        for name in sorted(counts)
    ]


def places(corpus: Manifest) -> list[str]:
    """Names of the splits or folds of a corpus."""
    return sorted({row.fold or row.split for row in corpus.rows})


def deviations(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Choices that the paper does not settle: its value as far as known (`paper`), the reason (`text`), ours."""
    listed = json.loads(html.resource(DEVIATIONS))
    return [
        {
            "paper": item.get("paper", "not given"),
            "text": item["text"],
            "values": {key: setting(config, key) for key in item["keys"]},
        }
        for item in listed
    ]


def setting(config: Mapping[str, Any], key: str) -> str:
    """Value of a dotted key such as `video.pca_dimension`, as JSON."""
    value: Any = config
    for name in key.split("."):
        value = value[name]
    return json.dumps(value, sort_keys=True)


def seeds(config: Mapping[str, Any]) -> list[tuple[str, list[int]]]:
    """Seeds of the repeats of each architecture."""
    names: Iterable[str] = ("-".join(map(str, layers)) for layers in config["blstm"]["architectures"])
    return [
        (name, [derived_seed(config["seed"], name, i) for i in range(config["blstm"]["repeats"])]) for name in names
    ]


def choices_made(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Summary of the selection ledger: one line for each kind of choice, with its criterion and the clips it saw."""
    line_of_choice: dict[str, dict[str, Any]] = {}
    for entry in entries:
        line = line_of_choice.setdefault(entry["choice"], {"choice": entry["choice"], "folds": 0, "parts": Counter()})
        line |= {key: entry[key] for key in ("kind", "criterion", "candidates")}
        line["folds"] += 1
        line["parts"].update(entry["parts"])
    return [line_of_choice[name] | {"parts": _parts(line_of_choice[name]["parts"])} for name in sorted(line_of_choice)]


def _parts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
