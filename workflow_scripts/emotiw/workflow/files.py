"""Input files of the jobs of a run, and the files that each target of the workflow consists of."""

from collections.abc import Sequence

from emotiw.corpora import splits
from emotiw.corpora.splits import SPLITS
from emotiw.evaluation import submission, systems
from emotiw.evaluation.systems import System
from emotiw.jobs import features, stages
from emotiw.prediction.bundle_contents import Contents
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
        self.contents = Contents(plan.config, tuple(plan.modalities()))

    # --- inputs of jobs ----------------------------------------------------------------------------------------------

    def features(self, name: str, fold: str | None = None, parts: Sequence[str] = SPLITS) -> list[str]:
        """Files of a signal or feature: those with clips of some parts of a fold, or all if `fold` is None.

        A job whose clips lack the stream that they are computed from has no file.
        """
        jobs = self.protocol.jobs(self.plan.stream(name), fold, parts)
        return [self.layout.feature(name, job) for job in jobs]

    def copies(self, feature: str, fold: str) -> list[str]:
        """Files of the altered copies of a feature's training clips; none if none are wanted."""
        row = stages.copies(feature, self.config)
        return self.features(row.name, fold, ["train"]) if row else []

    def networks(self, fold: str, feature: str, output: str = "posteriors") -> list[str]:
        """Files of one output (`posteriors` or `model`) of every architecture and repeat of a feature in a fold."""
        chosen = {"fold": fold, "feature": feature}
        return [
            self.layout.path("train_blstm", output, architecture=architecture, repeat=repeat, **chosen)
            for architecture in self.plan.architectures()
            for repeat in self.plan.repeats()
        ]

    def combined(self, fold: str, names: str, classifier: str) -> list[str]:
        """Score file of each feature of the combination `names`, such as `cnn+dense_sift`."""
        separate = systems.separated(names)
        return [
            self.layout.scores(fold, System(self.plan.features[name].modality, (name,), classifier))
            for name in separate
        ]

    def fused(self, fold: str, modality: str, scope: str) -> list[str]:
        """Score file of the system of a modality that enters the fusion; none if the scope lacks the modality."""
        present = modality in self.plan.modalities(scope)
        return [self.layout.scores(fold, systems.fused(self.config, modality))] if present else []

    def inner_scores(self, fold: str, modality: str, scope: str = "") -> list[str]:
        """Score files of the inner folds' networks, used for out-of-fold calibration of the fusion."""
        system = systems.fused(self.config, modality)
        is_needed = system.is_network and modality in self.plan.modalities(scope)
        return [self.layout.scores(name, system) for name in (self.protocol.inner_folds(fold) if is_needed else ())]

    def per_fold(self, stage: str, output: str = "", **wildcards: str) -> list[str]:
        """One output of a stage for every fold of the protocol, in order."""
        return [self.layout.path(stage, output, fold=fold, **wildcards) for fold in self.protocol.folds]

    def scores(self, modality: str, scope: str = "") -> list[str]:
        """Score files of every fold of every system of a modality, and of its baselines; none if the scope lacks it."""
        if modality not in self.plan.modalities(scope):
            return []
        scored = systems.scored(self.config, modality)
        files = [self.layout.scores(fold, system) for system in scored for fold in self.protocol.folds]
        return [*files, *self.baselines(modality)]

    def of_networks(self, output: str, scope: str = "") -> list[str]:
        """One output (`scores` or `frames`) of the networks of every feature that has networks, for every fold."""
        names = self.plan.networks(scope)
        return [path for name in names for path in self.per_fold("blstm_scores", output, feature=name)]

    def baselines(self, modality: str) -> list[str]:
        """Score files of every fold of a modality's baselines."""
        names = [row.name for row in self.plan.baselines() if row.modality == modality]
        return [path for name in names for path in self.per_fold("baseline", feature=name)]

    def courses(self, scope: str) -> list[str]:
        """Frame posteriors of the audio system that is fused, for every fold; none if it has no networks."""
        system = systems.fused(self.config, "audio")
        if not system.is_network or "audio" not in self.plan.modalities(scope):
            return []
        return self.per_fold("blstm_scores", "frames", feature=system.features[0])

    def signal(self, name: str, scope: str) -> list[str]:
        """Files of a signal; none if the scope lacks its modality."""
        return self.features(name) if stages.ROWS[name].modality in self.plan.modalities(scope) else []

    def contact_page(self, scope: str) -> list[str]:
        """Page of the faces, which the report of a run with pictures links to."""
        return [self.layout.path("contact_page")] if "video" in self.plan.modalities(scope) else []

    def embeddings(self) -> list[str]:
        """ONNX files of the configured embeddings of faces."""
        return [settings["path"] for settings in self.config["embeddings"].values()]

    def imported(self, name: str, job: str) -> list[str]:
        """Files of an imported feature that hold the clips of a job."""
        files = self.plan.imports[name]
        paths = [files[clip][0] for clip in self.protocol.clips_of_job[job]]
        return [path for path in dict.fromkeys(paths) if path]

    def weights_records(self, scope: str = "") -> list[str]:
        """List the records of the weights files that a scope of this run depends on."""
        records = [layout.weights_record(name) for name in self.plan.models(scope)]
        lite = self.plan.weights("efficientnet_lite0")
        is_used = "video" in self.plan.modalities(scope) and layout.weights(lite) in self.embeddings()
        return [*records, *([layout.weights_record(lite)] if is_used else [])]

    def bundled(self) -> dict[str, list[str]]:
        """List the inputs of the bundle by kind: fusion and models of its folds, features, weights, embeddings."""
        contents, folds = self.contents, splits.members(self.protocol.folds, self.config["bundle"]["members"])
        names = [(name, system.classifier) for system in contents.systems() for name in system.features]
        landmarks = map(self.plan.weights, contents.landmarks())
        models = [*landmarks, *map(self.plan.model, contents.weights().values())]
        left_out = splits.tested(self.protocol.folds) if splits.EVERYTHING in folds else {}
        pooled = [(name, of) for name, of in names if stages.CLASSIFIERS[of].stage == "pooled_scores"]
        return {
            "fusion": [self.layout.path("fusion", fold=fold) for fold in folds],
            "strangers": [self.layout.path("fusion", fold=fold) for fold in left_out],
            "models": [
                *(path for fold in folds for name in names for path in self.models(fold, *name)),
                *(path for fold in left_out for name in pooled for path in self.models(fold, *name)),
            ],
            "features": [path for name, _ in names for path in self.features(name)],
            "weights": list(map(layout.weights, models)),
            "records": list(map(layout.weights_record, models)),
            "embeddings": [settings["path"] for settings in contents.embeddings().values()],
        }

    def models(self, fold: str, feature: str, classifier: str) -> list[str]:
        """Files of what a classifier of a feature has learnt in a fold."""
        chosen = {"fold": fold, "feature": feature, "classifier": classifier}
        stage = stages.CLASSIFIERS[classifier].stage
        if stage == "blstm_scores":
            return self.networks(fold, feature, "model")
        below = ("pca", "kernels") if stage == "kernel_scores" else ()
        learnt = ((stage, "model"),) if "model" in layout.OUTPUTS[stage] else ()
        return [self.layout.path(*output, **chosen) for output in (*((name, "") for name in below), *learnt)]

    # --- targets -----------------------------------------------------------------------------------------------------

    def feature_names(self) -> list[str]:
        """Names of the signals of this run, and of its features: those named, and those of the baselines."""
        present = self.plan.modalities()
        signals = [row.name for row in stages.signals(present)]
        used = [name for name, feature in features.named(self.config).items() if feature.modality in present]
        return list(dict.fromkeys([*signals, *used, *(row.name for row in self.plan.baselines())]))

    def all_features(self) -> list[str]:
        """Files of all signals and features of the run (`feature_names`)."""
        return [path for name in self.feature_names() for path in self.features(name)]

    def contact_sheets(self) -> list[str]:
        """Contact sheets of all jobs."""
        return [self.layout.path("contact_sheet", job=job) for job in self.protocol.jobs("video")]

    def targets(self, scope: str) -> list[str]:
        """Files that the systems of a scope consist of, and their metrics and report."""
        made = [path for modality in self.plan.modalities(scope) for path in self._made(modality)]
        outputs = (("evaluate", "metrics"), ("tables", "tables"), ("report", "page"), ("learning_curves", ""))
        reported = [self.layout.path(*output, scope=scope) for output in outputs]
        return [*made, *self.of_networks("frames", scope), *self.per_fold("fusion", scope=scope), *reported]

    def _made(self, modality: str) -> list[str]:
        """Files of the signal, of the features and of the scores of a modality."""
        names = [*(row.name for row in stages.signals([modality])), *self.config[modality]["features"]]
        return [*(path for name in names for path in self.features(name)), *self.scores(modality)]

    def submission(self) -> list[str]:
        """Files for the challenge, one for each clip whose label is hidden."""
        hidden = submission.hidden(self.plan.manifest)
        return [self.layout.path("submission", name=submission.name(row)) for row in hidden]

    def report_targets(self) -> list[str]:
        """List the pages, tables and packed results of the run."""
        outputs = [("report", "page"), ("crate", ""), ("evaluate", "metrics"), ("tables", "tables")]
        outputs += [("faces_film", ""), ("contact_page", "")] if "video" in self.plan.modalities() else []
        return [*(self.layout.path(*output) for output in outputs), *self.contact_sheets(), *self.submission()]

    def all(self) -> list[str]:
        """All files of the run; intermediate files are listed too, so that Snakemake makes a missing one again."""
        inner = [name for fold in self.protocol.folds for name in self.protocol.inner_folds(fold)]
        present = self.plan.modalities()
        fused = [systems.fused(self.config, modality) for modality in present]
        inner_networks = [name for system in fused if system.is_network for name in system.features]
        networks = [
            path
            for names, folds in ((self.plan.networks(), self.protocol.folds), (inner_networks, inner))
            for name in names
            for fold in folds
            for path in self.networks(fold, name)
        ]
        inner_scores = [
            path for fold in self.protocol.folds for modality in present for path in self.inner_scores(fold, modality)
        ]
        made = [*self.all_features(), *self.targets(""), *networks, *inner_scores]
        bundle = [] if self.contents.obstacles() else [self.layout.path("bundle")]
        return [*self.report_targets(), *made, *bundle]
