"""The table of the workflow's stages: one row each, with all that the workflow needs to know.

A row holds names and numbers, never functions: editing a feature's function changes the identity of that feature's
stage alone. Programs of single clips and of folds do not import this table, so a new row does not re-run them.
How to add a stage: docs/extending.md.
"""

from typing import Any

from emotiw.jobs.stage_row import DECODING, Cost, Kind, StageRow


def frame_feature(name: str, title: str, **more: Any) -> StageRow:
    """Row of a feature of each face; its settings are the section of its name."""
    return StageRow(name, Kind.FRAME_FEATURE, title, **{"settings": (name,), "source": "faces", **more})


# settings that name the systems of a run
SYSTEMS = tuple(
    f"{modality}.{key}"
    for modality in ("video", "audio")
    for key in ("features", "classifiers", "combination", "combinations")
)
# fields of the stages that read one feature of a fold; the wildcard `feature` names it
OF_FEATURE: dict[str, Any] = {"wildcards": ("fold", "feature"), "facts": ("modality",)}
# fields of the stages that also have the wildcard `classifier`
BY_CLASSIFIER: dict[str, Any] = OF_FEATURE | {"wildcards": ("fold", "feature", "classifier")}

# settings of the section `expression` that its training does not read
EXPRESSION_FEATURE = (
    *("expression.chip_share", "expression.chip_shift", "expression.mirror"),
    *("expression.chips_per_batch", "expression.storage"),
)
USE_OF_EXPRESSION = (*EXPRESSION_FEATURE, "expression.head")

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
    StageRow("face_resnet", Kind.WEIGHTS, settings=("weights.face_resnet",), facts=("sha256",)),
    StageRow("ready_expression", Kind.WEIGHTS, settings=("weights.expression",), facts=("ready_expression",)),
    StageRow(
        "train_expression",
        Kind.WEIGHTS,
        settings=("expression",),
        without=("expression.faces", "expression.votes", *USE_OF_EXPRESSION),
        above=("face_resnet",),
        facts=("expression_data", "seed"),
        cost=Cost((2000, 0), (7500, 0)),
    ),
    StageRow("whisper_base", Kind.WEIGHTS, settings=("weights.whisper_base",), facts=("sha256",)),
    # --- single clips ------------------------------------------------------------------------------------------------
    StageRow(
        "audio",
        Kind.SIGNAL,
        "waveform",
        settings=("audio.rate_hz", "audio.silence_peak", "audio.min_duration_s", "on_defect", *DECODING),
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
        describe="emotiw.audio.egemaps:frames",
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
        weights="whisper_base",
        n_values=512,
        on_demand=True,
        cost=Cost((500, 1), (3, 0.1), clip_kb=61),
    ),
    StageRow(
        "augmented_whisper",
        Kind.COPIES,
        settings=("whisper", "augmentation"),
        without=("whisper.storage",),
        above=("audio", "whisper_base"),
        source="audio",
        server="torch",
        weights="whisper_base",
        copies_of="whisper",
        on_demand=True,
        cost=Cost((500, 1), (3, 0.5), clip_kb=25),
    ),
    StageRow(  # each configured network is a feature of its own name: of each frame, or of the whole clip
        "sound_embedding",
        Kind.FRAME_FEATURE,
        settings=("sound_embeddings.{sound_embedding}",),
        above=("audio",),
        wildcards=("sound_embedding",),
        source="audio",
        cost=Cost((215, 0.5), (1, 0.05), clip_kb=56),
    ),
    StageRow(
        "faces",
        Kind.SIGNAL,
        "faces",
        settings=("faces", "on_defect", *DECODING),
        above=("landmarks",),
        server="light",
        cost=Cost((110, 8), (2, 0.8), clip_kb=1350),
    ),
    frame_feature(
        "cnn",
        "CNN",
        n_values=9216,
        above=("faces", "alexnet"),
        server="torch",
        weights="alexnet",
        cost=Cost((440, 12), (4, 0.7), clip_kb=300),
    ),
    frame_feature(
        "cnn_fer2013",
        "CNN fine-tuned",
        n_values=9216,
        settings=("cnn",),
        above=("faces", "tuned_network"),
        program="cnn",
        server="torch",
        weights="alexnet_fer2013",
        on_demand=True,
        cost=Cost((440, 12), (4, 0.7), clip_kb=300),
    ),
    frame_feature(
        "expression",
        "expression network",
        settings=EXPRESSION_FEATURE,
        above=("faces", "expression_network"),
        server="torch",
        weights="expression",
        on_demand=True,
        cost=Cost((350, 1), (3, 0.6), clip_kb=40),
    ),
    frame_feature(
        "expression_posteriors",
        "posteriors of the expression network",
        settings=("expression.head",),
        above=("expression", "expression_network"),
        server="light",
        weights="expression",
        posteriors=True,
        on_demand=True,
        cost=Cost((95, 0.5), (0.5, 0.01), clip_kb=9),
    ),
    frame_feature(
        "dense_sift",
        "Dense SIFT",
        n_values=6272,
        above=("faces",),
        server="light",
        describe="emotiw.video.dense_sift:face_sift",
        cost=Cost((100, 7.5), (1, 0.11), clip_kb=1160),
    ),
    frame_feature(
        "hog",
        "HOG",
        n_values=1764,
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
    StageRow(  # each entry of `imports` is a feature of its own name, of either modality and kind
        "imported",
        Kind.FRAME_FEATURE,
        wildcards=("imported",),
        facts=("reading",),
        server="light",
        cost=Cost((55, 0.25), (1, 0.04), clip_kb=560),
    ),
    StageRow(
        "contact_sheet",
        Kind.PICTURE,
        above=("faces",),
        source="faces",
        server="light",
        cost=Cost((60, 8), (1, 0.1), clip_kb=127),
    ),
    # --- folds: image sets and kernels -------------------------------------------------------------------------------
    StageRow(
        "pca",
        Kind.MODEL,
        settings=("video.pca_dimension",),
        above=("{feature}",),
        parts=("train",),
        cost=Cost((1700, 0.02), (2, 0.06)),
        **OF_FEATURE,
    ),
    StageRow(
        "kernels",
        Kind.MODEL,
        settings=(
            *("video.subspace_rank", "video.regularisation", "video.polynomial_degree"),
            *("video.exact_clips", "video.landmarks"),
        ),
        above=("pca", "{feature}"),
        cost=Cost((200, 0.25), (2, 0.06), pair_bytes=8 * 8, low_rank=True),
        **OF_FEATURE,
    ),
    StageRow(
        "kernel_scores",
        Kind.SCORES,
        settings=("video.inner_folds", "video.inner_repeats", "video.choice", "video.class_weights", "{classifier}"),
        above=("kernels",),
        reads_films=True,
        cost=Cost((260, 0.05), (4, 0.03), pair_bytes=8 * 8, low_rank=True),
        **BY_CLASSIFIER,
    ),
    # --- folds: pooled statistics and posteriors of frames -----------------------------------------------------------
    StageRow(
        "pooled_scores",
        Kind.SCORES,
        settings=("pooled",),
        above=("{feature}", "copies"),
        reads_films=True,
        cost=Cost((200, 0.1), (3, 0.05)),
        **BY_CLASSIFIER | {"facts": ("modality", "feature_kind", "copies")},
    ),
    StageRow("average_scores", Kind.SCORES, above=("{feature}",), cost=Cost((150, 0.1), (2, 0.01)), **OF_FEATURE),
    StageRow(
        "baseline",
        Kind.SCORES,
        settings=("baseline",),
        above=("{feature}",),
        reads_films=True,
        cost=Cost((220, 0.02), (2, 0.02), pair_bytes=2 * 8),
        **OF_FEATURE,
    ),
    # --- folds: recurrent networks on the frames ---------------------------------------------------------------------
    StageRow(
        "scaler",
        Kind.MODEL,
        settings=("blstm.normalise",),
        above=("{feature}",),
        parts=("train",),
        cost=Cost((100, 0.1), (1, 0.01), scales_with_frames=True),
        **OF_FEATURE,
    ),
    StageRow(
        "gather_frames",
        Kind.MODEL,
        above=("{feature}",),
        cost=Cost((100, 0.1), (1, 0.01), scales_with_frames=True),
        **OF_FEATURE,
    ),
    StageRow(
        "train_blstm",
        Kind.MODEL,
        settings=("blstm",),
        without=("blstm.architectures", "blstm.repeats"),
        above=("scaler", "gather_frames"),
        wildcards=("fold", "feature", "architecture", "repeat"),
        facts=("modality", "network"),
        cost=Cost((490, 0.1), (10, 6), scales_with_frames=True),
    ),
    StageRow("blstm_scores", Kind.SCORES, above=("train_blstm",), cost=Cost((200, 0.2), (4, 0.05)), **OF_FEATURE),
    # --- folds: several features -------------------------------------------------------------------------------------
    StageRow(
        "combination",
        Kind.SCORES,
        above=("combined_features",),
        wildcards=("fold", "features", "classifier"),
        facts=("modality",),
        cost=Cost((120, 0.01), (1, 0)),
    ),
    # --- folds: fusion -----------------------------------------------------------------------------------------------
    StageRow(
        "fusion",
        Kind.SCORES,
        settings=("fusion",),
        above=("systems", "inner_systems"),
        wildcards=("scope", "fold"),
        facts=("modalities",),
        reads_films=True,
        cost=Cost((200, 0.1), (2, 0.1)),
    ),
    # --- the run -----------------------------------------------------------------------------------------------------
    StageRow("learning_curves", Kind.RUN, wildcards=("scope",), above=("networks",), cost=Cost((300, 0), (10, 0))),
    StageRow("faces_film", Kind.RUN, above=("faces",), facts=("corpus",), cost=Cost((300, 8), (60, 0.5), held_clips=1)),
    StageRow("contact_page", Kind.RUN, above=("faces",), facts=("corpus",), cost=Cost((150, 0.1), (2, 0.05))),
    StageRow(
        "evaluate",
        Kind.RUN,
        settings=("evaluation", "run", "seed", "corpus.shared_films"),
        above=("signals", "scored_systems", "fusion"),
        wildcards=("scope",),
        facts=("corpus", "modalities"),
        reads_films=True,
        cost=Cost((250, 0.3), (5, 0.1)),
    ),
    StageRow("submission", Kind.RUN, above=("evaluate",), cost=Cost((120, 0), (1, 0))),
    StageRow(
        "tables",
        Kind.RUN,
        settings=SYSTEMS,
        above=("evaluate",),
        wildcards=("scope",),
        cost=Cost((120, 0), (1, 0)),
    ),
    StageRow(
        "report",
        Kind.RUN,
        settings=("*",),
        without=("cache", "sweep", "loggers"),
        above=("evaluate",),
        wildcards=("scope",),
        facts=("corpus",),
        cost=Cost((300, 0.25), (5, 0.05)),
    ),
    StageRow(
        "crate",
        Kind.RUN,
        settings=("*",),
        without=("cache", "sweep", "loggers"),
        above=("evaluate", "tables", "report"),
        facts=("workflow",),
        cost=Cost((250, 0.1), (5, 0.05)),
    ),
    StageRow(
        "bundle",
        Kind.RUN,
        settings=("*",),
        without=("cache", "sweep", "loggers"),
        above=("evaluate",),
        facts=("corpus",),
        cost=Cost((700, 0.5), (10, 0.1)),
    ),
)
