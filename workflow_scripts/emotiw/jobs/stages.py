"""Questions to the tables of the workflow's stages and classifiers (`jobs.stage_table`, `jobs.classifier_table`)."""

from collections.abc import Iterable, Mapping
from typing import Any

from emotiw.jobs import classifier_table, stage_table
from emotiw.jobs.stage_row import ClassifierRow, Kind, StageRow

TABLE, CLASSIFIERS = stage_table.TABLE, classifier_table.CLASSIFIERS
FEATURES = (Kind.FRAME_FEATURE, Kind.CLIP_FEATURE)
ROWS: Mapping[str, StageRow] = {row.name: row for row in TABLE}


def classifiers(stage: str) -> list[str]:
    """Names of the classifiers whose scores a stage computes."""
    return [row.name for row in CLASSIFIERS.values() if row.stage == stage]


def rows(*kinds: Kind) -> list[StageRow]:
    """Rows of these kinds, in the order of the table."""
    return [row for row in TABLE if row.kind in kinds]


def face_features() -> list[StageRow]:
    """Rows of the built-in features of faces that can be turned into image sets."""
    return [row for row in rows(Kind.FRAME_FEATURE) if row.source == "faces" and not row.wildcards]


def describing() -> list[StageRow]:
    """Rows of the features that one function computes without weights."""
    return [row for row in TABLE if row.describe]


def face_feature_sections() -> list[str]:
    """Sections of the configuration that the built-in features of faces read, without duplicates."""
    return list(dict.fromkeys(section for row in face_features() for section in row.settings))


def plain_features() -> list[StageRow]:
    """Rows of the features that a program computes from a clip's faces or waveform alone, without weights."""
    features = rows(Kind.FRAME_FEATURE, Kind.CLIP_FEATURE)
    return [row for row in features if row.above == (row.source,) and not row.wildcards]


def signals(modalities: Iterable[str]) -> list[StageRow]:
    """Rows of the decoded faces and waveforms of some modalities."""
    return [row for row in rows(Kind.SIGNAL) if row.modality in modalities]


def clip_features() -> list[StageRow]:
    """Rows of the features of whole clips, which the baselines are trained on."""
    return rows(Kind.CLIP_FEATURE)


def copies(feature: str, config: Mapping[str, Any]) -> StageRow | None:
    """Row of the altered copies of a feature's clips; None if none are wanted or made."""
    wanted = config["augmentation"]["copies"] > 0
    return next((row for row in rows(Kind.COPIES) if row.copies_of == feature), None) if wanted else None


def servers() -> list[list[str]]:
    """Programs of each warm interpreter.

    A fork takes longer the more modules are loaded, so programs with few imports share one.
    """
    named: dict[str, dict[str, None]] = {}
    for row in TABLE:
        if row.server:
            named.setdefault(row.server, {})[row.program or row.name] = None
    return [list(programs) for programs in named.values()]


def titles() -> dict[str, str]:
    """Title of each feature that has one."""
    return {row.name: row.title for row in rows(Kind.FRAME_FEATURE, Kind.CLIP_FEATURE) if row.title}


def configured(row: StageRow, config: Mapping[str, Any], wildcards: Mapping[str, str]) -> dict[str, Any]:
    """Part of the configuration that a stage's program reads: whole sections, or single keys of them.

    Programs of features also read `on_defect`, for clips at which they crash.
    """
    chosen: dict[str, Any] = {"on_defect": config["on_defect"]} if row.kind in FEATURES else {}
    for name in _named(row, config, wildcards):
        section, _, key = name.partition(".")
        if not key:
            chosen[section] = config[section]
        else:
            chosen.setdefault(section, {})[key] = config[section][key]
    for name in row.without:
        section, _, key = name.partition(".")
        if not key:
            del chosen[section]
        else:
            chosen[section] = {other: value for other, value in chosen[section].items() if other != key}
    return chosen


def _named(row: StageRow, config: Mapping[str, Any], wildcards: Mapping[str, str]) -> Iterable[str]:
    for name in row.settings:
        if name == "*":
            yield from config
        elif name == "{classifier}":
            yield from _classifier_settings(config["video"], CLASSIFIERS[wildcards["classifier"]])
        else:
            yield name.format(**wildcards)


def _classifier_settings(video: Mapping[str, Any], classifier: ClassifierRow) -> list[str]:
    chosen = [f"video.{classifier.setting}"]
    return [*chosen, f"video.{classifier.grid}"] if video[classifier.setting] == "auto" else chosen
