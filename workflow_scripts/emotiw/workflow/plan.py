"""The plan of a run: what a job's identity is (`Plan.stage`), which files it needs, and where these lie.

The rules declare what is run; `emotiw.workflow.graph` tells what stands above what.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from emotiw.core.errors import WeightsError
from emotiw.core.files import content_sha256, sha256
from emotiw.core.resources import PACKAGE
from emotiw.core.seeds import derived_seed
from emotiw.corpora import manifest as manifests
from emotiw.corpora import splits
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.evaluation import submission, systems
from emotiw.jobs import settings
from emotiw.jobs.identity import Stage
from emotiw.jobs.identity import stage as identity
from emotiw.workflow import graph

PROGRAMS = PACKAGE.parent


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
        self._rows = manifest.row_of_clip
        self._held_out: dict[str, dict[str, Fold]] = {}
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
        return sorted({self._rows[clip].job for part in parts for clip in getattr(self._fold(fold), part)})

    def features(self, name: str, fold: str | None = None, parts: Sequence[str] = SPLITS) -> list[str]:
        """Files of a per-clip stage that hold the clips of the parts of a fold, or all its files."""
        return [f"{self.folder}/features/{name}/{job}.h5" for job in self.jobs(fold, parts)]

    def contact_sheets(self) -> list[str]:
        """Contact sheets of all jobs."""
        return [f"{self.folder}/report/contact_sheets/{job}.png" for job in self.jobs()]

    def networks(self, fold: str) -> list[str]:
        """Posterior files of every architecture and repeat."""
        return [f"{self.folder}/audio/{fold}/blstm/{name}_{repeat}.h5" for name, repeat in self.network_names()]

    def combined(self, fold: str, features: str, classifier: str) -> list[str]:
        """Score files of the features of a combination, whose name joins theirs."""
        return [f"{self.folder}/video/{fold}/{name}/{classifier}.h5" for name in systems.separated(features)]

    def video_system(self, fold: str) -> str:
        """Score file of the video system that enters the fusion."""
        features, classifier = self.video_combination()
        return f"{self.folder}/video/{fold}/{_place(features)}/{classifier}.h5"

    def bundled(self) -> dict[str, list[str]]:
        """Name the inputs of the bundle: artefacts and networks of every fold, weights, embeddings."""
        features, classifier = self.video_combination()
        names = {"pca": "pca.h5", "kernels": "kernels.h5", "classifiers": f"{classifier}_coefficients.h5"}
        embeddings = self.config["embeddings"].items()
        alexnet = [name for name in features if name in ("cnn", settings.FINE_TUNED)]
        made = {
            kind: [path for feature in features for path in self.per_fold(f"video/{{fold}}/{feature}/{name}")]
            for kind, name in names.items()
        }
        return {
            **made,
            "features": [path for name in features for path in self.features(name)],
            "networks": [path[:-3] + ".safetensors" for fold in self.folds for path in self.networks(fold)],
            "models": [self.weights("landmarks"), *map(self.model, alexnet)],
            "embeddings": [about["path"] for name, about in embeddings if name in features],
        }

    def held_out(self, fold: str) -> list[str]:
        """Score files of the networks of the folds inside a fold, where the fusion is calibrated by these."""
        return [f"{self.folder}/audio/{name}/scores.h5" for name in self.held_out_folds(fold)]

    def per_fold(self, pattern: str) -> list[str]:
        """`pattern` below the run's folder with `{fold}` replaced by every fold in order."""
        return [f"{self.folder}/{pattern.replace('{fold}', fold)}" for fold in self.folds]

    def all_video_scores(self) -> list[str]:
        """Score files of every fold of every feature and combination by every classifier, and of the baseline."""
        names = [f"{_place(features)}/{name}.h5" for features, name in self.video_systems()]
        made = [path for name in names for path in self.per_fold(f"video/{{fold}}/{name}")]
        return [*made, *self.baselines("video")]

    def all_audio_scores(self) -> list[str]:
        """Score files of every fold of the networks, and of the baseline."""
        return [*self.per_fold("audio/{fold}/scores.h5"), *self.baselines("audio")]

    def baselines(self, modality: str) -> list[str]:
        """Score files of every fold of a modality's baselines."""
        names = [name for name, about in systems.BASELINES.items() if about == modality]
        return [path for name in names for path in self.per_fold(f"baseline/{{fold}}/{name}.h5")]

    def feature_files(self) -> list[str]:
        """Every per-clip file, the baselines' descriptors and the embeddings included.

        That of the fine-tuned network only where a system uses it, for it takes FER2013 and hours.
        """
        names = [*settings.PER_CLIP, *self.config["embeddings"]]
        if settings.FINE_TUNED not in self.config["video"]["features"]:
            names.remove(settings.FINE_TUNED)
        return [path for name in names for path in self.features(name)]

    @staticmethod
    def workflow_files() -> list[str]:
        """Files that say how the workflow runs: rules, default configuration, versions of the packages."""
        root = PROGRAMS.parent
        names = [
            "Snakefile",
            "config.yaml",
            "requirements.lock",
            *sorted(p.name for p in (root / "rules").glob("*.smk")),
        ]
        return [str(root / "rules" / name if name.endswith(".smk") else root / name) for name in names]

    def embedding_files(self) -> list[str]:
        """ONNX files of the configured embeddings."""
        return [about["path"] for about in self.config["embeddings"].values()]

    def audio_targets(self) -> list[str]:
        """Files that the audio system alone makes."""
        curves = f"{self.folder}/report/learning_curves.svg"
        frames = self.per_fold("audio/{fold}/frames.h5")
        return [*self.features("egemaps"), *self.all_audio_scores(), *frames, curves]

    def video_targets(self) -> list[str]:
        """Files that the video system alone makes."""
        made = [path for name in self.config["video"]["features"] for path in self.features(name)]
        return [*self.features("faces"), *made, *self.all_video_scores()]

    def submission(self) -> list[str]:
        """Files for the challenge, one for each clip whose label is hidden."""
        return [f"{self.folder}/report/submission/{submission.name(row)}" for row in submission.hidden(self.manifest)]

    def targets(self) -> list[str]:
        """Everything; intermediates are named, so that a missing one is noticed."""
        pages = (
            "report.html",
            "run_crate.zip",
            "metrics.json",
            "tables/tables.json",
            "faces.mp4",
            "contact_sheets.html",
        )
        report = [*(f"{self.folder}/report/{name}" for name in pages), *self.contact_sheets(), *self.submission()]
        inside = [name for fold in self.folds for name in self.held_out_folds(fold)]
        folds = [path for fold in [*self.folds, *inside] for path in self.networks(fold)]
        held_out = [path for fold in self.folds for path in self.held_out(fold)]
        fused = self.per_fold("fusion/{fold}/scores.h5")
        made = [*self.feature_files(), *self.audio_targets(), *self.video_targets(), *folds, *held_out, *fused]
        return [*report, *made, f"{self.folder}/bundle"]

    # --- identities ----------------------------------------------------------------------------------------------

    def weights(self, name: str) -> str:
        """Name of a weights file, which tells its source by hash."""
        return f"{name}-{self._weights_sha256(name)[:12]}"

    def model(self, name: str) -> str:
        """Name of the weights that the feature `name` is made with."""
        if name != settings.FINE_TUNED:
            return self.weights("alexnet")
        given = self.given_weights()
        return self.weights(given) if given else f"fine_tuned-{self.stage('fine_tune').digest[:12]}"

    def models(self) -> list[str]:
        """Names of the weights that this run depends on, but for embeddings."""
        tuned = [self.model(settings.FINE_TUNED)] if settings.FINE_TUNED in self.config["video"]["features"] else []
        return [self.weights("landmarks"), self.weights("alexnet"), *tuned]

    def stage(self, name: str, **wildcards: str) -> Stage:
        """Identity of the job of stage `name` with these wildcards.

        That of single clips is what the jobs of its stage have in common (to which alone the stages below refer) and
        the clips: so the identity of one clip's features does not depend on the batch that the clip is in.
        """
        key = (name, *wildcards.values())
        if key not in self._stages:
            self._stages[key] = self._made_stage(name, **wildcards)
        return self._stages[key]

    def _made_stage(self, name: str, job: str | None = None, **wildcards: str) -> Stage:
        if job:
            return Stage(
                self.stage(name, **wildcards), clips=[[clip, self._rows[clip].sha256] for clip in self._jobs[job]]
            )
        above = {label: stage.digest for label, stage in self._above(name, **wildcards).items()}
        chosen = settings.select(self.config, self._settings(name, wildcards))
        return identity(PROGRAMS / f"{graph.PROGRAM.get(name, name)}.py", chosen, above, **self._more(name, wildcards))

    def _settings(self, name: str, wildcards: Mapping[str, str]) -> Iterable[str]:
        if name == "train_blstm":
            return [f"blstm.{key}" for key in self.config["blstm"] if key not in ("architectures", "repeats")]
        if name == "fine_tune":
            recipe = [f"fine_tuning.{key}" for key in self.config["fine_tuning"] if key != "faces"]
            return [*recipe, "cnn.layout", "cnn.crop"]
        if name == "embedding":
            return [f"embeddings.{wildcards['embedding']}"]
        if name in ("report", "crate", "bundle"):
            return [key for key in self.config if key != "cache"]  # where results came from changes none
        if name == "video_scores":
            chosen = graph.CLASSIFIER_SETTINGS[wildcards["classifier"]]
            auto = self.config["video"][chosen] == "auto"
            return [
                *graph.SETTINGS[name],
                f"video.{chosen}",
                *([f"video.{graph.GRID_SETTINGS[chosen]}"] if auto else []),
            ]
        return graph.SETTINGS[name]

    def _above(self, name: str, **wildcards: str) -> dict[str, Stage]:
        return graph.ABOVE[name](self, **wildcards) if name in graph.ABOVE else {}

    def _more(self, name: str, wildcards: Mapping[str, str]) -> dict[str, Any]:
        more: dict[str, Any] = dict(wildcards)
        films = name in graph.READ_FILMS
        if name in self.config["weights"]:
            more["sha256"] = self._weights_sha256(name)
        if name == "fine_tune":
            more["faces"] = self._identity("fine_tuning.faces", self.config["fine_tuning"]["faces"])
            more["seed"] = derived_seed(self.config["seed"], name, 0)
        if "fold" in wildcards:
            parts = ("train",) if name in ("pca", "scaler") else SPLITS
            more["rows"] = self._rows_digest(wildcards["fold"], parts, films=films)
        if name == "crate":
            more["workflow"] = [sha256(Path(path)) for path in self.workflow_files()]
        if name == "train_blstm":
            more |= self._network(wildcards["architecture"], int(wildcards["repeat"]))
        if name in ("evaluate", "report", "bundle", "faces_film", "contact_page"):
            corpus = self.manifest
            more["corpus"] = [corpus.corpus, corpus.synthetic, corpus.scheme, list(corpus.notes)]
            more["folds"] = list(self.folds)
            more["rows"] = [self._rows_digest(fold, SPLITS, films=films) for fold in self.folds]
        return more

    def held_out_folds(self, fold: str) -> dict[str, Fold]:
        """Folds inside a fold, of which the fusion is calibrated, by name."""
        if self.config["fusion"]["calibration"] != "training":
            return {}
        if fold not in self._held_out:
            n_parts = self.config["video"]["inner_folds"]
            self._held_out[fold] = manifests.held_out(self.manifest, self.folds[fold], n_parts)
        return self._held_out[fold]

    def _fold(self, name: str) -> Fold:
        outer, part, _ = splits.split_inner_name(name)
        return self.held_out_folds(outer)[name] if part else self.folds[name]

    def _network(self, architecture: str, repeat: int) -> dict[str, Any]:
        layers = [int(units) for units in architecture.split("-")]
        return {
            "architecture": layers,
            "repeat": repeat,
            "seed": derived_seed(self.config["seed"], architecture, repeat),
        }

    def network_names(self) -> list[tuple[str, int]]:
        """Name of the architecture and number of the repeat of every network of a fold."""
        blstm = self.config["blstm"]
        names = ["-".join(map(str, layers)) for layers in blstm["architectures"]]
        return [(name, repeat) for name in names for repeat in range(blstm["repeats"])]

    def video_combination(self) -> tuple[tuple[str, ...], str]:
        """Features and classifier of the video system that enters the fusion."""
        video = self.config["video"]
        return systems.video_system(video), video["combination"]["classifier"]

    def video_systems(self) -> list[tuple[tuple[str, ...], str]]:
        """Features and classifier of every video system that is scored."""
        video = self.config["video"]
        features = [*((name,) for name in video["features"]), *systems.combinations(video)]
        return [(names, classifier) for names in features for classifier in video["classifiers"]]

    def _rows_digest(self, fold: str, parts: Sequence[str], *, films: bool) -> str:
        columns = attrgetter("clip", "label", "subject", "sha256", *(("film",) if films else ()))
        rows = {part: [columns(self._rows[clip]) for clip in getattr(self._fold(fold), part)] for part in parts}
        return hashlib.sha256(json.dumps([self.manifest.classes, rows]).encode()).hexdigest()

    def _weights_sha256(self, name: str) -> str:
        about = self.config["weights"][name]
        if about["path"] is None:
            return str((about if about["url"] else about["source"])["sha256"])
        return self._identity(f"weights.{name}", about)

    @staticmethod
    def _identity(key: str, about: Mapping[str, Any]) -> str:
        """SHA-256 that the configuration demands of a file or folder, else that of what is there."""
        if not about["path"]:
            raise WeightsError(f"{key}.path: is null, expected a file or folder; set it in the configuration")
        try:
            return str(about["sha256"] or content_sha256(Path(about["path"])))
        except OSError as error:
            raise WeightsError(f"{about['path']}: {error.strerror}; correct {key}.path") from error

    def given_weights(self) -> str:
        """Name of the stage that acquires fine-tuned weights, or nothing where they are made here."""
        about = self.config["weights"][settings.OPTIONAL_WEIGHTS]
        return settings.OPTIONAL_WEIGHTS if about["path"] or about["url"] else ""

    def per_job(self, name: str, fold: str | None = None, parts: Sequence[str] = SPLITS) -> dict[str, Stage]:
        """Stand for the per-clip stage `name` of the parts of a fold, or of all clips, by one stage of its name."""
        of = {"embedding": name} if name in self.config["embeddings"] else {}
        stage = "embedding" if of else name
        return {name: Stage({job: self.stage(stage, **of, job=job).digest for job in self.jobs(fold, parts)})}


def _place(features: tuple[str, ...]) -> str:
    return features[0] if len(features) == 1 else f"combined/{systems.joined(features)}"
