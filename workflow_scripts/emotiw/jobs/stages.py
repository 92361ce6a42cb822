"""The table of the workflow's stages: one row per stage, with everything that the workflow needs to know about it.

A row holds names and numbers, never functions: editing a feature's function changes the identity of that feature's
stage alone. Programs of single clips and of folds do not import this table, so a new row does not
re-run them.
How to add a stage: docs/extending.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from emotiw.jobs.stage_row import LIMITS, Cost, Kind, StageRow


def frame_feature(name: str, title: str, **more: Any) -> StageRow:
    """Row of a feature of each face; its settings are the section of its name."""
    return StageRow(name, Kind.FRAME_FEATURE, title, **{"settings": (name,), "source": "faces", **more})


IMPORTED = Cost((55, 0.25), (1, 0.04), clip_kb=560)  # each entry of `imports` is a feature of its own name
# fields of the stages that read one feature of a fold; the wildcard `feature` names it
OF_FEATURE: dict[str, Any] = {"wildcards": ("fold", "feature"), "features": Kind.FRAME_FEATURE}

TABLE: tuple[StageRow, ...] = (
    # --- weights -----------------------------------------------------------------------------------------------------
    StageRow("landmarks", Kind.WEIGHTS, settings=("weights.landmarks",), facts=("sha256",)),
    StageRow("alexnet", Kind.WEIGHTS, settings=("weights.alexnet", "cnn.layout"), facts=("sha256",)),
    StageRow(
        "alexnet_fer2013",
        Kind.WEIGHTS,
        settings=("weights.alexnet_fer2013", "cnn.layout"),
        facts=("sha256",),
        program="alexnet",
    ),
    StageRow(
        "fine_tune",
        Kind.WEIGHTS,
        settings=("fine_tuning", "cnn.layout", "cnn.crop"),
        without=("fine_tuning.faces",),
        above=("alexnet",),
        facts=("fer2013", "seed"),
        cost=Cost((3600, 0), (20000, 0)),
    ),
    StageRow("efficientnet_lite0", Kind.WEIGHTS, settings=("weights.efficientnet_lite0",), facts=("sha256",)),
    StageRow("whisper_base", Kind.WEIGHTS, settings=("weights.whisper_base",), facts=("sha256",)),
    # --- single clips ------------------------------------------------------------------------------------------------
    StageRow(
        "audio",
        Kind.SIGNAL,
        "waveform",
        settings=("audio", "on_defect", *LIMITS),
        server="light",
        cost=Cost((80, 0.5), (2, 0.04), clip_kb=126),
    ),
    StageRow(
        "egemaps",
        Kind.FRAME_FEATURE,
        "eGeMAPS",
        settings=("egemaps",),
        above=("audio",),
        source="audio",
        server="opensmile",
        cost=Cost((160, 0.2), (1, 0.06), clip_kb=16),
    ),
    StageRow(
        "functionals",
        Kind.CLIP_FEATURE,
        "openSMILE",
        settings=("functionals",),
        above=("audio",),
        source="audio",
        server="opensmile",
        cost=Cost((165, 0.9), (1, 0.03), clip_kb=14),
    ),
    StageRow(
        "whisper",
        Kind.FRAME_FEATURE,
        "Whisper",
        settings=("whisper",),
        above=("audio", "whisper_base"),
        source="audio",
        server="torch",
        on_demand=True,
        cost=Cost((500, 1), (3, 0.1), clip_kb=61),
    ),
    StageRow(
        "faces",
        Kind.SIGNAL,
        "faces",
        settings=("faces", "on_defect", *LIMITS),
        above=("landmarks",),
        server="light",
        cost=Cost((110, 8), (2, 0.8), clip_kb=2015),
    ),
    frame_feature(
        "cnn",
        "CNN",
        above=("faces", "alexnet"),
        server="torch",
        weights="alexnet",
        cost=Cost((440, 12), (4, 1.1), clip_kb=300),
    ),
    frame_feature(
        "cnn_fer2013",
        "CNN fine-tuned",
        settings=("cnn",),
        above=("faces", "tuned_network"),
        program="cnn",
        server="torch",
        weights="alexnet_fer2013",
        on_demand=True,
        cost=Cost((440, 12), (4, 1.1), clip_kb=300),
    ),
    frame_feature(
        "dense_sift",
        "Dense SIFT",
        above=("faces",),
        server="light",
        describe="emotiw.video.dense_sift:face_sift",
        cost=Cost((100, 7.5), (1, 0.11), clip_kb=1160),
    ),
    frame_feature(
        "hog",
        "HOG",
        above=("faces",),
        server="light",
        describe="emotiw.video.hog:face_hog",
        cost=Cost((95, 5), (1, 0.07), clip_kb=304),
    ),
    StageRow(
        "lbp_top",
        Kind.CLIP_FEATURE,
        "LBP-TOP",
        settings=("lbp_top",),
        above=("faces",),
        source="faces",
        server="light",
        cost=Cost((95, 5), (1, 0.08), clip_kb=10),
    ),
    StageRow(  # each configured network is a frame feature of its own name
        "embedding",
        Kind.FRAME_FEATURE,
        settings=("embeddings.{embedding}",),
        above=("faces",),
        wildcards=("embedding",),
        source="faces",
        cost=Cost((440, 12), (4, 2), clip_kb=300),
    ),
    StageRow(
        "imported", Kind.FRAME_FEATURE, wildcards=("imported",), facts=("reading",), server="light", cost=IMPORTED
    ),
    StageRow(
        "contact_sheet",
        Kind.PICTURE,
        above=("faces",),
        source="faces",
        server="light",
        cost=Cost((60, 8), (1, 0.1), clip_kb=127),
    ),
    # --- folds: video ------------------------------------------------------------------------------------------------
    StageRow(
        "pca",
        Kind.MODEL,
        settings=("video.pca_dimension",),
        above=("{feature}",),
        parts=("train",),
        cost=Cost((180, 2.8), (2, 0.06)),
        **OF_FEATURE,
    ),
    StageRow(
        "kernels",
        Kind.MODEL,
        settings=("video.subspace_rank", "video.regularisation", "video.polynomial_degree"),
        above=("pca", "{feature}"),
        cost=Cost((190, 0.1), (2, 0.06), pair_bytes=12 * 8),
        **OF_FEATURE,
    ),
    StageRow(
        "video_scores",
        Kind.SCORES,
        settings=("video.inner_folds", "{classifier}"),
        above=("kernels",),
        wildcards=("fold", "feature", "classifier"),
        features=Kind.FRAME_FEATURE,
        reads_films=True,
        cost=Cost((200, 0), (4, 0.03), pair_bytes=12 * 8),
    ),
    StageRow(
        "video_combination",
        Kind.SCORES,
        above=("video_scores",),
        wildcards=("fold", "features", "classifier"),
        cost=Cost((120, 0.01), (1, 0)),
    ),
    StageRow(
        "baseline",
        Kind.SCORES,
        settings=("baseline",),
        above=("{feature}",),
        wildcards=("fold", "feature"),
        features=Kind.CLIP_FEATURE,
        facts=("modality",),
        reads_films=True,
        cost=Cost((220, 0), (2, 0.02), pair_bytes=12 * 8),
    ),
    # --- folds: audio ------------------------------------------------------------------------------------------------
    StageRow(
        "scaler",
        Kind.MODEL,
        settings=("blstm.normalise",),
        above=("egemaps",),
        wildcards=("fold",),
        parts=("train",),
        cost=Cost((100, 0.1), (1, 0.01), scales_with_egemaps=True),
    ),
    StageRow(
        "gather_egemaps",
        Kind.MODEL,
        above=("egemaps",),
        wildcards=("fold",),
        cost=Cost((100, 0.1), (1, 0.01), scales_with_egemaps=True),
    ),
    StageRow(
        "train_blstm",
        Kind.MODEL,
        settings=("blstm",),
        without=("blstm.architectures", "blstm.repeats"),
        above=("scaler", "gather_egemaps"),
        wildcards=("fold", "architecture", "repeat"),
        facts=("network",),
        cost=Cost((490, 0.1), (10, 6), scales_with_egemaps=True),
    ),
    StageRow(
        "audio_scores", Kind.SCORES, above=("train_blstm",), wildcards=("fold",), cost=Cost((200, 0.2), (4, 0.05))
    ),
    # --- folds: fusion -----------------------------------------------------------------------------------------------
    StageRow(
        "fusion",
        Kind.SCORES,
        settings=("fusion",),
        above=("audio_scores", "video_system", "inner_audio_scores"),
        wildcards=("fold",),
        reads_films=True,
        cost=Cost((200, 0.1), (2, 0.1)),
    ),
    # --- the run -----------------------------------------------------------------------------------------------------
    StageRow("learning_curves", Kind.RUN, above=("audio_scores",), cost=Cost((300, 0), (10, 0))),
    StageRow("faces_film", Kind.RUN, above=("faces",), facts=("corpus",), cost=Cost((300, 8), (60, 0.5), held_clips=1)),
    StageRow("contact_page", Kind.RUN, above=("faces",), facts=("corpus",), cost=Cost((150, 0.1), (2, 0.05))),
    StageRow(
        "evaluate",
        Kind.RUN,
        settings=("evaluation", "run", "seed", "corpus.shared_films"),
        above=("faces", "audio", "video_scores", "video_combination", "baseline", "fusion"),
        facts=("corpus",),
        reads_films=True,
        cost=Cost((250, 0.3), (5, 0.1)),
    ),
    StageRow("submission", Kind.RUN, above=("evaluate",), cost=Cost((120, 0), (1, 0))),
    StageRow(
        "tables",
        Kind.RUN,
        settings=("video.features", "video.classifiers", "video.combination", "video.combinations"),
        above=("evaluate",),
        cost=Cost((120, 0), (1, 0)),
    ),
    StageRow(
        "report",
        Kind.RUN,
        settings=("*",),
        without=("cache",),
        above=("evaluate",),
        facts=("corpus",),
        cost=Cost((300, 0.25), (5, 0.05)),
    ),
    StageRow(
        "crate",
        Kind.RUN,
        settings=("*",),
        without=("cache",),
        above=("evaluate", "tables", "report"),
        facts=("workflow",),
        cost=Cost((250, 0.1), (5, 0.05)),
    ),
    StageRow(
        "bundle",
        Kind.RUN,
        settings=("*",),
        without=("cache",),
        above=("evaluate",),
        facts=("corpus",),
        cost=Cost((700, 0.5), (10, 0.1)),
    ),
)

ROWS: Mapping[str, StageRow] = {row.name: row for row in TABLE}


@dataclass(frozen=True)
class ClassifierRow:
    """A classifier of the video system: its hyperparameter, and the setting with the values that `auto` tries."""

    name: str
    title: str
    setting: str
    grid: str


CLASSIFIERS: Mapping[str, ClassifierRow] = {
    row.name: row
    for row in (
        ClassifierRow("pls", "PLS", "n_components", "n_components_max"),
        ClassifierRow("kernel_pls", "kernel PLS", "n_components", "n_components_max"),
        ClassifierRow("svm", "SVM", "svm_c", "c_grid"),
        ClassifierRow("logistic", "logistic regression", "logistic_c", "c_grid"),
    )
}


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
    return [
        row for row in rows(Kind.FRAME_FEATURE, Kind.CLIP_FEATURE) if row.above == (row.source,) and not row.wildcards
    ]


def clip_features() -> list[StageRow]:
    """Rows of the features of whole clips, which the baselines are trained on."""
    return rows(Kind.CLIP_FEATURE)


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
    """Part of the configuration that a stage's program reads: whole sections, or single keys of them."""
    chosen: dict[str, Any] = {}
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
