"""One self-contained page that a reviewer reads from top to bottom."""

import base64
import csv
import io
import json
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from emotiw import charts, collection, pages, systems, tables
from emotiw.emotions import HIDDEN
from emotiw.errors import StoreError
from emotiw.evaluation import MAIN
from emotiw.manifest import Manifest

TEMPLATE, STYLE, SCRIPT, DEVIATIONS = "report.html.j2", "report.css", "report.js", "deviations.json"
# accuracy in % on AFEW 2016, with its part and, where it is known, its interval (methods: Wilson, 320 of 593 clips)
PUBLISHED = {
    "audio": {"val": {"accuracy": "31 to 35 %"}},
    "fusion": {"test": {"accuracy": "53.9 %", "interval": "49.9 to 57.9"}},
}
PUBLISHED_ONLY = {"test": {"challenge baseline": "40.47 %", "challenge winner": "59.02 %"}, "val": {}}
MISSING = "n/a"
N_CHIPS, CHIP_PX, JPEG_QUALITY = 4, 48, 70
OPTIMISM = ("resubstitution", "cross_validated", "optimism")
PART_ORDER = {"test": 0, "val": 1, "train": 2}

Images = npt.NDArray[np.uint8]


def render(
    corpus: Manifest,
    metrics: Mapping[str, Any],
    predictions: Sequence[Mapping[str, str]],
    strips: Mapping[str, str],
    *,
    provenance: Mapping[str, Any],
) -> str:
    """Render the page as HTML.

    Parameters
    ----------
    corpus : Manifest
        The clips.
    metrics : mapping
        Content of `metrics.json`.
    predictions : sequence of mapping
        Rows of `predictions.csv`.
    strips : mapping of str to str
        Data URI of each clip's faces, where it has any.
    provenance : mapping
        From `provenance.determinants`; its `config` names the page.

    Raises
    ------
    StoreError
        If a clip has no row among the predictions.
    """
    environment = pages.environment()
    environment.filters |= {"percent": percent, "interval": interval, "number": number}
    part = next((name for name in ("test", "val") if metrics["parts"][name]["n_scored"]), "test")
    context = {
        "title": provenance["config"]["report"]["title"],
        "style": pages.resource(STYLE),
        "script": pages.resource(SCRIPT),
        "corpus": corpus,
        "metrics": metrics,
        "comparable": corpus.corpus.lower().startswith("afew"),
        "part": part,
        "verdict": verdict(metrics, part),
        "main": MAIN,
        "published": PUBLISHED,
        "published_only": PUBLISHED_ONLY,
        "confusions": [confusion_cells(name, metrics["parts"][part]["systems"][name]["confusion"]) for name in MAIN],
        "charts": _charts(metrics, part),
        "baselines": [systems.baseline(name) for name in systems.BASELINES],
        "tables": tables.readable(metrics, provenance["config"]["video"]),
        "classifier_names": tables.CLASSIFIER_NAMES,
        "others": other_systems(metrics),
        "optimism": optimism(metrics),
        "clips": list(clip_rows(corpus, predictions, strips)),
        "counts": class_counts(corpus),
        "subjects": dict(sorted(Counter(row.subject for row in corpus.rows).items())),
        "provenance": provenance,
        "config_text": json.dumps(provenance["config"], indent=2, sort_keys=True, ensure_ascii=False),
        "deviations": deviations(provenance["config"]),
    }
    return environment.get_template(TEMPLATE).render(context)


def read_predictions(path: Path) -> list[dict[str, str]]:
    """Read the rows of `predictions.csv`."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def face_strips(corpus: Manifest, folder: Path) -> dict[str, str]:
    """Draw a few faces of each clip that has any, as data URIs; one clip at a time is in memory."""
    strips = {}
    for row in corpus.rows:
        arrays = collection.load(corpus, folder, "faces", [row.clip])[row.clip].arrays
        if len(arrays.get("chips", ())):
            strips[row.clip] = _strip(arrays["chips"])
    return strips


def verdict(metrics: Mapping[str, Any], part: str) -> list[str]:
    """Say in three lines how good the fusion is, what it gains, and whether every clip is accounted for."""
    about = metrics["parts"][part]
    where = f"the {about['n_scored']} {part} clips" + (" (to which its weights were fitted)" if part == "val" else "")
    clips = _account(metrics, about, part)
    if not about["n_scored"]:
        return ["No label is known: nothing is scored.", "Every clip has a prediction.", clips]
    fused, constant = about["systems"]["fusion"], about["majority_class"]
    first = (
        f"Fusion is right on {percent(fused['accuracy'])} of {where}{_range(fused['accuracy_interval'])}; "
        f"always answering “{constant['label']}” would be right on {percent(constant['accuracy'])}."
    )
    best = max(("video", "audio"), key=lambda name: about["systems"][name]["accuracy"])
    gain = about["fusion_gain"][best]
    points = f"{100 * gain['accuracy']:+.1f} points{_range(gain['accuracy_interval'], signed=True)}"
    alone = percent(about["systems"][best]["accuracy"])
    second = f"Its best single modality is {best} with {alone}: a difference of {points}{_judged(gain)}."
    return [first, second, clips]


def confusion_cells(name: str, confusion: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Give the counts of a confusion matrix the colours of their cells."""
    rows = [[(count, *charts.shade(count / max(sum(row), 1))) for count in row] for row in confusion]
    return {
        "name": name,
        "rows": rows,
        "n": sum(map(sum, confusion)),
        "right": sum(row[i] for i, row in enumerate(confusion)),
    }


def other_systems(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Accuracy on both parts of each system that is not one of the main three, restarts of a network as one line."""
    parts = metrics["parts"]
    groups: dict[str, list[str]] = {}
    for name in parts["test"]["systems"]:
        stem, underscore, repeat = name.rpartition("_")
        groups.setdefault(stem if underscore and repeat.isdigit() else name, []).append(name)
    lines = []
    for stem, names in groups.items():
        if stem not in MAIN:
            of = {part: [parts[part]["systems"][name]["accuracy"] for name in names] for part in parts}
            restarts = len(names) if names != [stem] else None
            lines.append(
                {"name": stem, "restarts": restarts} | {part: _mean_deviation(found) for part, found in of.items()}
            )
    return lines


def optimism(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Resubstitution, cross-validated and test accuracy of each scheme, the mean of the folds that have an estimate."""
    found = [fold["optimism"] for fold in metrics["fusion"]["folds"].values() if fold["optimism"]]
    lines = []
    for scheme in found[0] if found else ():
        means = {key: statistics.fmean(fold[scheme][key] for fold in found) for key in OPTIMISM}
        lines.append({"scheme": scheme, **means, "test": metrics["parts"]["test"]["systems"][scheme]["accuracy"]})
    return lines


def clip_rows(
    corpus: Manifest, predictions: Sequence[Mapping[str, str]], strips: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Yield what the page shows of each clip: its test row, else its validation row, else its training row."""
    chosen: dict[str, Mapping[str, str]] = {}
    for row in sorted(predictions, key=lambda row: (row["clip"], PART_ORDER[row["part"]])):
        chosen.setdefault(row["clip"], row)
    if lost := sorted({row.clip for row in corpus.rows} - set(chosen)):
        raise StoreError(
            f"predictions: {len(lost)} of {len(corpus.rows)} clips are missing: {', '.join(lost[:5])}; run again"
        )
    for clip, row in chosen.items():
        posteriors = [float(row[f"p_{label}"]) for label in corpus.classes]
        right = row["predicted_fusion"] == row["label"]
        outcome = "hidden" if row["label"] == HIDDEN else "right" if right else "wrong"
        yield {
            **row,
            "outcome": outcome,
            "posteriors": posteriors,
            "confidence": max(posteriors),
            "strip": strips.get(clip),
        }


def class_counts(corpus: Manifest) -> list[tuple[str, list[int]]]:
    """Clips of each class and with a hidden label, for each split or fold and in all."""
    counts: dict[str, Counter[str]] = {}
    for row in corpus.rows:
        counts.setdefault(row.fold or row.split, Counter())[row.label] += 1
    counts = dict(sorted(counts.items())) | {"all": sum(counts.values(), Counter())}
    return [(name, [found[label] for label in (*corpus.classes, HIDDEN)]) for name, found in counts.items()]


def deviations(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List what was chosen where the paper is silent or lost, with the values in use."""
    listed = json.loads(pages.resource(DEVIATIONS))
    return [{"text": item["text"], "values": {key: setting(config, key) for key in item["keys"]}} for item in listed]


def setting(config: Mapping[str, Any], key: str) -> str:
    """Value of a dotted key such as `video.pca_dimension`, as JSON."""
    value: Any = config
    for name in key.split("."):
        value = value[name]
    return json.dumps(value, sort_keys=True)


def percent(value: float | None) -> str:
    """Write a share in percent."""
    return MISSING if value is None else f"{100 * value:.1f} %"


def number(value: float | None) -> str:
    """Write a share with two decimals."""
    return MISSING if value is None else f"{value:.2f}"


def interval(ends: Sequence[float] | None, signed: bool = False) -> str:
    """Write the ends of an interval in percent; nothing where there is none."""
    return "" if ends is None else " to ".join(f"{100 * end:{'+' if signed else ''}.1f}" for end in ends)


def _range(ends: Sequence[float] | None, signed: bool = False) -> str:
    return f" (95 % interval {interval(ends, signed)})" if ends else ""


def _judged(gain: Mapping[str, Any]) -> str:
    ends = gain["accuracy_interval"]
    if not ends:
        return ""
    return "" if ends[0] > 0 or ends[1] < 0 else ", which the interval cannot tell from none"


def _account(metrics: Mapping[str, Any], about: Mapping[str, Any], part: str) -> str:
    sources = about["sources"]
    return (
        f"All {metrics['n_clips']} clips are accounted for. Of the {about['n']} {part} clips, {sources['fusion']} were "
        f"judged by both modalities, {sources['video']} by video alone, {sources['audio']} by audio alone and "
        f"{sources['prior']} by the class prior."
    )


def _charts(metrics: Mapping[str, Any], part: str) -> dict[str, str]:
    systems, scheme = metrics["parts"][part]["systems"], metrics["fusion"]["scheme"]
    weights = {name: fold["weights"][scheme] for name, fold in metrics["fusion"]["folds"].items()}
    return {
        "recall": charts.recall_chart({name: systems[name]["confusion"] for name in MAIN}, metrics["classes"]),
        "weights": charts.weight_chart(weights, metrics["classes"]),
    }


def _mean_deviation(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return MISSING
    spread = f" ± {100 * statistics.stdev(known):.1f}" if len(known) > 1 else ""
    return f"{100 * statistics.fmean(known):.1f}{spread} %"


def _strip(chips: Images) -> str:
    """Row of a few evenly spaced chips as a small JPEG."""
    chosen = np.linspace(0, len(chips) - 1, N_CHIPS).round().astype(int)
    picture = Image.new("RGB", (N_CHIPS * CHIP_PX, CHIP_PX))
    for i, index in enumerate(chosen):
        picture.paste(Image.fromarray(chips[index]).resize((CHIP_PX, CHIP_PX), Image.Resampling.BOX), (i * CHIP_PX, 0))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()
