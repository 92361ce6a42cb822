"""The graph of stages: which settings each reads, and which stages stand above it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from emotiw.evaluation import systems
from emotiw.jobs import settings
from emotiw.jobs.identity import Stage

if TYPE_CHECKING:
    from emotiw.workflow.plan import Plan

PROGRAM = {settings.FINE_TUNED: "cnn", settings.OPTIONAL_WEIGHTS: "alexnet"}  # where it is not called as the stage
DESCRIPTORS = (*settings.FRAME_FEATURES, "lbp_top")
CLASSIFIER_SETTINGS = {"pls": "n_components", "kernel_pls": "n_components", "svm": "svm_c", "logistic": "logistic_c"}
GRID_SETTINGS = {"n_components": "n_components_max", "svm_c": "c_grid", "logistic_c": "c_grid"}

# stages that read films: to make folds inside a fold's parts (`manifest.groups`), or to check the splits
READ_FILMS = ("video_scores", "baseline", "fusion", "evaluate")

LIMITS = ("limits.max_pixels", "limits.max_duration_s", "limits.min_decoded_fraction")

# The slice of the configuration that each stage reads: sections, or single keys.
SETTINGS: dict[str, tuple[str, ...]] = {
    "landmarks": ("weights.landmarks",),
    "alexnet": ("weights.alexnet", "cnn.layout"),
    "alexnet_fer2013": ("weights.alexnet_fer2013", "cnn.layout"),
    "efficientnet_lite0": ("weights.efficientnet_lite0",),
    "audio": ("audio", "on_defect", *LIMITS),
    "egemaps": ("egemaps",),
    "functionals": ("functionals",),
    "faces": ("faces", "on_defect", *LIMITS),
    **{name: (name,) for name in DESCRIPTORS},
    settings.FINE_TUNED: ("cnn",),
    "faces_film": (),
    "contact_sheet": (),
    "contact_page": (),
    "pca": ("video.pca_dimension",),
    "kernels": ("video.subspace_rank", "video.regularisation", "video.polynomial_degree"),
    "video_scores": ("video.inner_folds",),
    "video_combination": (),
    "baseline": ("baseline",),
    "scaler": ("blstm.normalise",),
    "gather_egemaps": (),
    "audio_scores": (),
    "learning_curves": (),
    "fusion": ("fusion",),
    "evaluate": ("evaluation", "run", "seed", "corpus.shared_films"),
    "submission": (),
    "tables": ("video.features", "video.classifiers", "video.combination", "video.combinations"),
}


def _network_stages(plan: "Plan", fold: str) -> dict[str, Stage]:
    return {
        f"{name}_{repeat}": plan.stage("train_blstm", fold=fold, architecture=name, repeat=str(repeat))
        for name, repeat in plan.network_names()
    }


def _video_stage(plan: "Plan", fold: str, features: tuple[str, ...], classifier: str) -> Stage:
    if len(features) == 1:
        return plan.stage("video_scores", fold=fold, feature=features[0], classifier=classifier)
    return plan.stage("video_combination", fold=fold, features=systems.joined(features), classifier=classifier)


def _evaluated_stages(plan: "Plan") -> dict[str, Stage]:
    above = {**plan.per_job("faces"), **plan.per_job("audio")}
    for fold in plan.folds:
        for features, classifier in plan.video_systems():
            label = f"{fold}/{systems.joined(features)}/{classifier}"
            above[label] = _video_stage(plan, fold, features, classifier)
        for name in systems.BASELINES:
            above[f"{fold}/{name}"] = plan.stage("baseline", fold=fold, feature=name)
        above[f"{fold}/fusion"] = plan.stage("fusion", fold=fold)
    return above


ABOVE: dict[str, Callable[..., dict[str, Stage]]] = {
    "egemaps": lambda plan: {"audio": plan.stage("audio")},
    "functionals": lambda plan: {"audio": plan.stage("audio")},
    "faces": lambda plan: {"landmarks": plan.stage("landmarks")},
    "cnn": lambda plan: {"faces": plan.stage("faces"), "alexnet": plan.stage("alexnet")},
    "fine_tune": lambda plan: {"alexnet": plan.stage("alexnet")},
    settings.FINE_TUNED: lambda plan: {
        "faces": plan.stage("faces"),
        "alexnet": plan.stage(plan.given_weights() or "fine_tune"),
    },
    "dense_sift": lambda plan: {"faces": plan.stage("faces")},
    "hog": lambda plan: {"faces": plan.stage("faces")},
    "lbp_top": lambda plan: {"faces": plan.stage("faces")},
    "embedding": lambda plan, embedding: {"faces": plan.stage("faces")},
    "faces_film": lambda plan: plan.per_job("faces"),
    "contact_sheet": lambda plan: {"faces": plan.stage("faces")},
    "contact_page": lambda plan: plan.per_job("faces"),
    "pca": lambda plan, fold, feature: plan.per_job(feature, fold, ["train"]),
    "kernels": lambda plan, fold, feature: {
        "pca": plan.stage("pca", fold=fold, feature=feature),
        **plan.per_job(feature, fold),
    },
    "video_scores": lambda plan, fold, feature, classifier: {
        "kernels": plan.stage("kernels", fold=fold, feature=feature)
    },
    "video_combination": lambda plan, fold, features, classifier: {
        name: _video_stage(plan, fold, (name,), classifier) for name in systems.separated(features)
    },
    "baseline": lambda plan, fold, feature: plan.per_job(feature, fold),
    "gather_egemaps": lambda plan, fold: plan.per_job("egemaps", fold),
    "scaler": lambda plan, fold: plan.per_job("egemaps", fold, ["train"]),
    "train_blstm": lambda plan, fold, architecture, repeat: {
        "scaler": plan.stage("scaler", fold=fold),
        "egemaps": plan.stage("gather_egemaps", fold=fold),
    },
    "audio_scores": _network_stages,
    "learning_curves": lambda plan: {fold: plan.stage("audio_scores", fold=fold) for fold in plan.folds},
    "fusion": lambda plan, fold: {
        "audio": plan.stage("audio_scores", fold=fold),
        "video": _video_stage(plan, fold, *plan.video_combination()),
        **{name: plan.stage("audio_scores", fold=name) for name in plan.held_out_folds(fold)},
    },
    "evaluate": _evaluated_stages,
    "submission": lambda plan: {"evaluate": plan.stage("evaluate")},
    "tables": lambda plan: {"evaluate": plan.stage("evaluate")},
    "report": lambda plan: {"evaluate": plan.stage("evaluate")},
    "crate": lambda plan: {name: plan.stage(name) for name in ("evaluate", "tables", "report")},
    "bundle": lambda plan: {"evaluate": plan.stage("evaluate")},
}
