"""Input files of the jobs of a run, and the files that each target of the workflow consists of."""

from collections.abc import Sequence
from typing import Any

from emotiw.corpora.splits import SPLITS
from emotiw.evaluation import submission, systems
from emotiw.jobs import stages
from emotiw.jobs.stage_row import Kind
from emotiw.workflow import layout
from emotiw.workflow.plan import Plan


class Files:
    """Files of one run.

    Parameters
    ----------
    plan : Plan
        Plan of the run, with its protocol and layout.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan, self.config = plan, plan.config
        self.layout, self.protocol = plan.layout, plan.protocol

    # --- inputs of jobs ----------------------------------------------------------------------------------------------

    def features(self, name: str, fold: str | None = None, parts: Sequence[str] = SPLITS) -> list[str]:
        """Files of a signal or feature: those with clips of some parts of a fold, or all if `fold` is None."""
        return [self.layout.feature(name, job) for job in self.protocol.jobs(fold, parts)]

    def networks(self, fold: str, output: str = "posteriors") -> list[str]:
        """Files of one output (`posteriors` or `model`) of every architecture and repeat of a fold."""
        return [
            self.layout.path("train_blstm", output, fold=fold, architecture=architecture, repeat=repeat)
            for architecture in self.plan.architectures()
            for repeat in self.plan.repeats()
        ]

    def combined(self, fold: str, features: str, classifier: str) -> list[str]:
        """Score file of each feature of the combination `features`, such as `cnn+dense_sift`."""
        return [self.layout.video_scores(fold, (name,), classifier) for name in systems.separated(features)]

    def video_system(self, fold: str) -> str:
        """Score file of the video system that enters the fusion."""
        return self.layout.video_scores(fold, *self.plan.video_combination())

    def inner_audio_scores(self, fold: str) -> list[str]:
        """Score files of the inner folds' networks, used for out-of-fold calibration of the fusion."""
        return [self.layout.path("audio_scores", "scores", fold=name) for name in self.protocol.inner_folds(fold)]

    def per_fold(self, stage: str, output: str = "", **wildcards: str) -> list[str]:
        """One output of a stage for every fold of the protocol, in order."""
        return [self.layout.path(stage, output, fold=fold, **wildcards) for fold in self.protocol.folds]

    def all_video_scores(self) -> list[str]:
        """Score files of every fold of every feature and combination by every classifier, and of the baseline."""
        video = self.config["video"]
        names = [*((name,) for name in video["features"]), *systems.combinations(video)]
        scored = [
            self.layout.video_scores(fold, features, classifier)
            for features in names
            for classifier in video["classifiers"]
            for fold in self.protocol.folds
        ]
        return [*scored, *self.baselines("video")]

    def all_audio_scores(self) -> list[str]:
        """Score files of every fold of the networks, and of the baseline."""
        return [*self.per_fold("audio_scores", "scores"), *self.baselines("audio")]

    def baselines(self, modality: str) -> list[str]:
        """Score files of every fold of a modality's baselines."""
        names = [row.name for row in stages.clip_features() if row.modality == modality]
        return [path for name in names for path in self.per_fold("baseline", feature=name)]

    def embeddings(self) -> list[str]:
        """ONNX files of the configured embeddings."""
        return [settings["path"] for settings in self.config["embeddings"].values()]

    def imported(self, name: str, job: str) -> list[str]:
        """Files of an imported feature that hold the clips of a job."""
        files = self.plan.imports[name]
        paths = [files[clip][0] for clip in self.protocol.clips_of_job[job]]
        return [path for path in dict.fromkeys(paths) if path]

    def weights_records(self) -> list[str]:
        """List the records of the weights files that this run depends on."""
        records = [layout.weights_record(name) for name in self.plan.models()]
        lite = self.plan.weights("efficientnet_lite0")
        return [*records, *([layout.weights_record(lite)] if layout.weights(lite) in self.embeddings() else [])]

    def bundled(self) -> dict[str, list[str]]:
        """List the inputs of the bundle by kind: artefacts of every fold, networks, weights, embeddings."""
        features, classifier = self.plan.video_combination()
        rows = [stages.ROWS[name] for name in features if name in stages.ROWS]
        models = [self.plan.weights("landmarks"), *(self.plan.model(row.name) for row in rows if row.weights)]
        embeddings: dict[str, Any] = self.config["embeddings"]
        return {
            "pca": [path for name in features for path in self.per_fold("pca", feature=name)],
            "kernels": [path for name in features for path in self.per_fold("kernels", feature=name)],
            "classifiers": [
                path
                for name in features
                for path in self.per_fold("video_scores", "model", feature=name, classifier=classifier)
            ],
            "features": [path for name in features for path in self.features(name)],
            "networks": [path for fold in self.protocol.folds for path in self.networks(fold, "model")],
            "weights": list(map(layout.weights, models)),
            "records": list(map(layout.weights_record, models)),
            "embeddings": [settings["path"] for name, settings in embeddings.items() if name in features],
        }

    # --- targets -----------------------------------------------------------------------------------------------------

    def feature_names(self) -> list[str]:
        """Names of all signals and features of this run: built-in, of the baselines, embeddings and imports."""
        used = self.config["video"]["features"]
        kinds = (Kind.SIGNAL, Kind.FRAME_FEATURE, Kind.CLIP_FEATURE)
        rows = [row for row in stages.rows(*kinds) if not row.wildcards]
        names = [row.name for row in rows if not row.on_demand or row.name in used]
        return [*names, *self.config["embeddings"], *self.config["imports"]]

    def all_features(self) -> list[str]:
        """Files of all signals and features of the run (`feature_names`)."""
        return [path for name in self.feature_names() for path in self.features(name)]

    def contact_sheets(self) -> list[str]:
        """Contact sheets of all jobs."""
        return [self.layout.path("contact_sheet", job=job) for job in self.protocol.jobs()]

    def audio_targets(self) -> list[str]:
        """Files that the audio system consists of."""
        frames = self.per_fold("audio_scores", "frames")
        curves = self.layout.path("learning_curves")
        return [*self.features("egemaps"), *self.all_audio_scores(), *frames, curves]

    def video_targets(self) -> list[str]:
        """Files that the video system consists of."""
        features = [path for name in self.config["video"]["features"] for path in self.features(name)]
        return [*self.features("faces"), *features, *self.all_video_scores()]

    def submission(self) -> list[str]:
        """Files for the challenge, one for each clip whose label is hidden."""
        hidden = submission.hidden(self.plan.manifest)
        return [self.layout.path("submission", name=submission.name(row)) for row in hidden]

    def report_targets(self) -> list[str]:
        """List the pages, tables and packed results of the run."""
        outputs = (
            *(("report", "page"), ("crate", ""), ("evaluate", "metrics"), ("tables", "tables")),
            *(("faces_film", ""), ("contact_page", "")),
        )
        return [*(self.layout.path(*output) for output in outputs), *self.contact_sheets(), *self.submission()]

    def all(self) -> list[str]:
        """All files of the run; intermediate files are listed too, so that Snakemake makes a missing one again."""
        inner = [name for fold in self.protocol.folds for name in self.protocol.inner_folds(fold)]
        networks = [path for fold in [*self.protocol.folds, *inner] for path in self.networks(fold)]
        inner_scores = [path for fold in self.protocol.folds for path in self.inner_audio_scores(fold)]
        systems_made = [*self.all_features(), *self.audio_targets(), *self.video_targets()]
        folds_made = [*networks, *inner_scores, *self.per_fold("fusion")]
        return [*self.report_targets(), *systems_made, *folds_made, self.layout.path("bundle")]
