"""The graph of stages: which settings each reads, which stages stand above it, and where its files lie.

The rules declare what is run; the plan answers what a job's identity is (`Plan.stage`) and which files it needs.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emotiw import manifest as manifests
from emotiw import settings
from emotiw.errors import WeightsError
from emotiw.files import sha256
from emotiw.manifest import Manifest
from emotiw.splits import SPLITS
from emotiw.stage import PACKAGE, Stage
from emotiw.stage import stage as identity

PROGRAMS = PACKAGE.parent
DESCRIPTORS = (*settings.FRAME_FEATURES, "lbp_top")
CLASSIFIER_SETTINGS = {"pls": "n_components", "kernel_pls": "n_components", "svm": "svm_c", "logistic": "logistic_c"}

LIMITS = ("limits.max_pixels", "limits.max_duration_s", "limits.min_decoded_fraction")

# The slice of the configuration that each stage reads: sections, or single keys.
SETTINGS: dict[str, tuple[str, ...]] = {
    "landmarks": ("weights.landmarks",),
    "alexnet": ("weights.alexnet", "cnn.layout"),
    "efficientnet_lite0": ("weights.efficientnet_lite0",),
    "audio": ("audio", "on_defect", *LIMITS),
    "egemaps": ("egemaps",),
    "functionals": ("functionals",),
    "faces": ("faces", "on_defect", *LIMITS),
    **{name: (name,) for name in DESCRIPTORS},
    "faces_film": (),
    "contact_sheet": (),
    "contact_page": (),
    "pca": ("video.pca_dimension",),
    "kernels": ("video.subspace_rank", "video.regularisation", "video.polynomial_degree"),
    "video_scores": ("video.inner_folds",),
    "video_combination": (),
    "scaler": ("blstm.normalise",),
    "audio_scores": (),
    "learning_curves": (),
    "fusion": ("fusion",),
    "evaluate": ("evaluation", "run", "seed"),
}


class Plan:
    """The stages of one run.

    Parameters
    ----------
    config : mapping
        The checked configuration.
    manifest : Manifest
        The checked corpus.
    """

    def __init__(self, config: Mapping[str, Any], manifest: Manifest) -> None:
        self.config = config
        self.manifest = manifest
        self.folder = f"results/{config['run']}"
        self.folds = manifests.folds(manifest)
        self._rows = {row.clip: row for row in manifest.rows}
        self._jobs: dict[str, list[str]] = {}
        for row in manifest.rows:
            self._jobs.setdefault(row.job, []).append(row.clip)
        self._stages: dict[tuple[str, ...], Stage] = {}

    # --- files ---------------------------------------------------------------------------------------------------

    def media(self, job: str) -> list[str]:
        """Paths of the clips of a job."""
        return [str(self._rows[clip].path) for clip in self._jobs[job]]

    def jobs(self, fold: str | None = None, parts: Sequence[str] = SPLITS) -> list[str]:
        """Jobs that hold the clips of the parts of a fold, or all jobs."""
        if fold is None:
            return sorted(self._jobs)
        return sorted({self._rows[clip].job for part in parts for clip in getattr(self.folds[fold], part)})

    def features(self, name: str, fold: str | None = None, parts: Sequence[str] = SPLITS) -> list[str]:
        """Files of a per-clip stage that hold the clips of the parts of a fold, or all its files."""
        return [f"{self.folder}/features/{name}/{job}.h5" for job in self.jobs(fold, parts)]

    def contact_sheets(self) -> list[str]:
        """Contact sheets of all jobs."""
        return [f"{self.folder}/report/contact_sheets/{job}.png" for job in self.jobs()]

    def networks(self, fold: str) -> list[str]:
        """Posterior files of every architecture and repeat."""
        return [f"{self.folder}/audio/{fold}/blstm/{name}_{repeat}.h5" for name, repeat in self._networks()]

    def combined(self, fold: str) -> list[str]:
        """Score files of the features that make the video system."""
        chosen = self.config["video"]["combination"]
        return [f"{self.folder}/video/{fold}/{feature}/{chosen['classifier']}.h5" for feature in chosen["features"]]

    def per_fold(self, pattern: str) -> list[str]:
        """`pattern` below the run's folder with `{fold}` replaced by every fold in order."""
        return [f"{self.folder}/{pattern.replace('{fold}', fold)}" for fold in self.folds]

    def all_video_scores(self) -> list[str]:
        """Score files of every fold, feature and classifier, and of the video system of every fold."""
        video = self.config["video"]
        each = [f"{feature}/{name}.h5" for feature in video["features"] for name in video["classifiers"]]
        return [path for name in [*each, "scores.h5"] for path in self.per_fold(f"video/{{fold}}/{name}")]

    def feature_files(self) -> list[str]:
        """Every per-clip file, the baselines' descriptors and the embeddings included."""
        return [path for name in (*settings.PER_CLIP, *self.config["embeddings"]) for path in self.features(name)]

    def embedding_files(self) -> list[str]:
        """ONNX files of the configured embeddings."""
        return [about["path"] for about in self.config["embeddings"].values()]

    def audio_targets(self) -> list[str]:
        """Files that the audio system alone makes."""
        scores = self.per_fold("audio/{fold}/scores.h5")
        return [*self.features("egemaps"), *scores, f"{self.folder}/report/learning_curves.svg"]

    def video_targets(self) -> list[str]:
        """Files that the video system alone makes."""
        made = [path for name in self.config["video"]["features"] for path in self.features(name)]
        return [*self.features("faces"), *made, *self.all_video_scores()]

    def targets(self) -> list[str]:
        """Everything; intermediates are named, so that a missing one is noticed."""
        pages = ("report.html", "metrics.json", "faces.mp4", "contact_sheets.html")
        report = [*(f"{self.folder}/report/{name}" for name in pages), *self.contact_sheets()]
        folds = [path for fold in self.folds for path in self.networks(fold)]
        fused = self.per_fold("fusion/{fold}/scores.h5")
        return [*report, *self.feature_files(), *self.audio_targets(), *self.video_targets(), *folds, *fused]

    # --- identities ----------------------------------------------------------------------------------------------

    def weights(self, name: str) -> str:
        """Name of a weights file, which tells its source by hash."""
        return f"{name}-{self._weights_sha256(name)[:12]}"

    def stage(self, name: str, **wildcards: str) -> Stage:
        """Identity of the job of stage `name` with these wildcards."""
        key = (name, *wildcards.values())
        if key not in self._stages:
            above = {label: stage.digest for label, stage in self._above(name, **wildcards).items()}
            chosen = settings.select(self.config, self._settings(name, wildcards))
            self._stages[key] = identity(PROGRAMS / f"{name}.py", chosen, above, **self._more(name, wildcards))
        return self._stages[key]

    def _settings(self, name: str, wildcards: Mapping[str, str]) -> Iterable[str]:
        if name == "train_blstm":
            return [f"blstm.{key}" for key in self.config["blstm"] if key not in ("architectures", "repeats")]
        if name == "embedding":
            return [f"embeddings.{wildcards['embedding']}"]
        if name == "report":
            return list(self.config)
        if name == "video_scores":
            return [*SETTINGS[name], f"video.{CLASSIFIER_SETTINGS[wildcards['classifier']]}"]
        return SETTINGS[name]

    def _above(self, name: str, **wildcards: str) -> dict[str, Stage]:
        return ABOVE[name](self, **wildcards) if name in ABOVE else {}

    def _more(self, name: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
        more: dict[str, Any] = {key: value for key, value in wildcards.items() if key != "job"}
        if name in ("audio", "faces"):
            more["clips"] = [[clip, self._rows[clip].sha256] for clip in self._jobs[wildcards["job"]]]
        if name in self.config["weights"]:
            more["sha256"] = self._weights_sha256(name)
        if "fold" in wildcards:
            more["rows"] = self._rows_digest(wildcards["fold"], ("train",) if name in ("pca", "scaler") else SPLITS)
        if name == "train_blstm":
            more |= self._network(wildcards["architecture"], int(wildcards["repeat"]))
        if name in ("evaluate", "report", "faces_film", "contact_page"):
            corpus = self.manifest
            more["corpus"] = [corpus.corpus, corpus.synthetic, corpus.scheme, list(corpus.notes)]
            more["folds"] = list(self.folds)
            more["rows"] = [self._rows_digest(fold, SPLITS) for fold in self.folds]
        return more

    def _network(self, architecture: str, repeat: int) -> dict[str, Any]:
        layers = [int(units) for units in architecture.split("-")]
        return {
            "architecture": layers,
            "repeat": repeat,
            "seed": derived_seed(self.config["seed"], architecture, repeat),
        }

    def _networks(self) -> list[tuple[str, int]]:
        blstm = self.config["blstm"]
        names = ["-".join(map(str, layers)) for layers in blstm["architectures"]]
        return [(name, repeat) for name in names for repeat in range(blstm["repeats"])]

    def _rows_digest(self, fold: str, parts: Sequence[str]) -> str:
        rows = [self._rows[clip] for part in parts for clip in getattr(self.folds[fold], part)]
        facts = [self.manifest.classes, [[row.clip, row.label, row.subject, row.sha256] for row in rows]]
        return hashlib.sha256(json.dumps([list(parts), *facts]).encode()).hexdigest()

    def _weights_sha256(self, name: str) -> str:
        about = self.config["weights"][name]
        if about["path"] is None:
            return str((about if about["url"] else about["source"])["sha256"])
        try:
            return str(about["sha256"] or sha256(Path(about["path"])))
        except OSError as error:
            raise WeightsError(f"{about['path']}: {error.strerror}; correct weights.{name}.path") from error

    def _per_job(self, name: str, fold: str | None = None, parts: Sequence[str] = SPLITS) -> dict[str, Stage]:
        of = {"embedding": name} if name in self.config["embeddings"] else {}
        stage = "embedding" if of else name
        return {name: Stage({job: self.stage(stage, **of, job=job).digest for job in self.jobs(fold, parts)})}


def derived_seed(root: int, architecture: str, repeat: int) -> int:
    """Seed of a network: 63 bits of SHA-256(root seed, architecture, repeat), so that no two runs share a stream."""
    digest = hashlib.sha256(f"{root}/{architecture}/{repeat}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _network_stages(plan: Plan, fold: str) -> dict[str, Stage]:
    return {
        f"{name}_{repeat}": plan.stage("train_blstm", fold=fold, architecture=name, repeat=str(repeat))
        for name, repeat in plan._networks()
    }


def _score_stages(plan: Plan, fold: str, features: Iterable[str], classifiers: Iterable[str]) -> dict[str, Stage]:
    return {
        f"{feature}/{name}": plan.stage("video_scores", fold=fold, feature=feature, classifier=name)
        for feature in features
        for name in classifiers
    }


def _combined_stages(plan: Plan, fold: str) -> dict[str, Stage]:
    chosen = plan.config["video"]["combination"]
    return _score_stages(plan, fold, chosen["features"], [chosen["classifier"]])


def _evaluated_stages(plan: Plan) -> dict[str, Stage]:
    video = plan.config["video"]
    above = {**plan._per_job("faces"), **plan._per_job("audio")}
    for fold in plan.folds:
        scores = _score_stages(plan, fold, video["features"], video["classifiers"])
        above |= {f"{fold}/{label}": stage for label, stage in scores.items()}
        above[f"{fold}/fusion"] = plan.stage("fusion", fold=fold)
    return above


ABOVE: dict[str, Callable[..., dict[str, Stage]]] = {
    "egemaps": lambda plan, job: {"audio": plan.stage("audio", job=job)},
    "functionals": lambda plan, job: {"audio": plan.stage("audio", job=job)},
    "faces": lambda plan, job: {"landmarks": plan.stage("landmarks")},
    "cnn": lambda plan, job: {"faces": plan.stage("faces", job=job), "alexnet": plan.stage("alexnet")},
    "dense_sift": lambda plan, job: {"faces": plan.stage("faces", job=job)},
    "hog": lambda plan, job: {"faces": plan.stage("faces", job=job)},
    "lbp_top": lambda plan, job: {"faces": plan.stage("faces", job=job)},
    "embedding": lambda plan, embedding, job: {"faces": plan.stage("faces", job=job)},
    "faces_film": lambda plan: plan._per_job("faces"),
    "contact_sheet": lambda plan, job: {"faces": plan.stage("faces", job=job)},
    "contact_page": lambda plan: plan._per_job("faces"),
    "pca": lambda plan, fold, feature: plan._per_job(feature, fold, ["train"]),
    "kernels": lambda plan, fold, feature: {
        "pca": plan.stage("pca", fold=fold, feature=feature),
        **plan._per_job(feature, fold),
    },
    "video_scores": lambda plan, fold, feature, classifier: {
        "kernels": plan.stage("kernels", fold=fold, feature=feature)
    },
    "video_combination": _combined_stages,
    "scaler": lambda plan, fold: plan._per_job("egemaps", fold, ["train"]),
    "train_blstm": lambda plan, fold, architecture, repeat: {
        "scaler": plan.stage("scaler", fold=fold),
        **plan._per_job("egemaps", fold),
    },
    "audio_scores": _network_stages,
    "learning_curves": lambda plan: {fold: plan.stage("audio_scores", fold=fold) for fold in plan.folds},
    "fusion": lambda plan, fold: {
        "audio": plan.stage("audio_scores", fold=fold),
        "video": plan.stage("video_combination", fold=fold),
    },
    "evaluate": _evaluated_stages,
    "report": lambda plan: {"evaluate": plan.stage("evaluate")},
}
