"""Paths of all files of a run.

The rules, and all code that names a file of a run, take the paths from this module.
"""

from collections.abc import Mapping

from emotiw.evaluation import systems
from emotiw.evaluation.systems import System
from emotiw.jobs import stages

RESULTS = "results"
WEIGHTS = f"{RESULTS}/weights"
TABLES = ("classifiers", "kernels", "combinations")
# part of a run: all of it, or one modality, whose files lie in a folder of their own
SCOPES: Mapping[str, tuple[str, ...]] = {
    "": ("video", "audio"),
    "audio_only/": ("audio",),
    "video_only/": ("video",),
}
FIGURES = ("systems", "classifiers", "figure4", "recall", "gains", "weights")
TABLE_FILES = {
    "classifiers": "table5_6_classifiers",
    "kernels": "table5_6_kernels",
    "combinations": "table7_combinations",
}

# suffix of the files below results/weights, by stage; others end with .safetensors
WEIGHTS_SUFFIX = {"landmarks": ".dat", "efficientnet_lite0": ".onnx"}
OF_CLASSIFIER = {
    "scores": "folds/{fold}/{feature}/{classifier}.h5",
    "model": "folds/{fold}/{feature}/{classifier}_coefficients.h5",
}
# files below the run's folder by stage and output, without the per-clip features
OUTPUTS: Mapping[str, Mapping[str, str]] = {
    "contact_sheet": {"": "report/contact_sheets/{job}.png"},
    "pca": {"": "folds/{fold}/{feature}/pca.h5"},
    "kernels": {"": "folds/{fold}/{feature}/kernels.h5"},
    "kernel_scores": OF_CLASSIFIER,
    "pooled_scores": OF_CLASSIFIER,
    "average_scores": {"scores": "folds/{fold}/{feature}/average.h5"},
    "baseline": {"": "folds/{fold}/{feature}/baseline.h5"},
    "scaler": {"": "folds/{fold}/{feature}/scaler.h5"},
    "gather_frames": {"": "folds/{fold}/{feature}/frames.h5"},
    "train_blstm": {
        "posteriors": "folds/{fold}/{feature}/blstm/{architecture}_{repeat}.h5",
        "model": "folds/{fold}/{feature}/blstm/{architecture}_{repeat}.safetensors",
    },
    "blstm_scores": {
        "scores": "folds/{fold}/{feature}/blstm.h5",
        "frames": "folds/{fold}/{feature}/blstm_frames.h5",
    },
    "combination": {"": "folds/{fold}/combined/{features}/{classifier}.h5"},
    "fusion": {"": "{scope}folds/{fold}/fusion.h5"},
    "learning_curves": {"": "{scope}report/learning_curves.svg"},
    "faces_film": {"": "report/faces.mp4"},
    "contact_page": {"": "report/contact_sheets.html"},
    "evaluate": {
        "metrics": "{scope}report/metrics.json",
        "predictions": "{scope}report/predictions.csv",
        "scores": "{scope}report/scores.csv.gz",
        "ledger": "{scope}report/ledger.json",
    },
    "tables": {
        **{name: f"{{scope}}report/tables/{TABLE_FILES[name]}.csv" for name in TABLES},
        **{f"{name}_latex": f"{{scope}}report/tables/{TABLE_FILES[name]}.tex" for name in TABLES},
        "text": "{scope}report/tables/tables.md",
        "tables": "{scope}report/tables/tables.json",
    },
    "submission": {"": "report/submission/{name}"},
    "report": {
        "page": "{scope}report/report.html",
        **{name: f"{{scope}}report/figures/{name}.svg" for name in FIGURES},
    },
    "crate": {"": "report/run_crate.zip"},
    "bundle": {"": "bundle"},
}


class Layout:
    """Paths of a run, relative to the folder that Snakemake runs in.

    Parameters
    ----------
    run : str
        Name of the run.
    """

    def __init__(self, run: str) -> None:
        self.folder = f"{RESULTS}/{run}"
        self.table = f"{self.folder}/manifest.csv"
        self.table_facts = f"{self.folder}/manifest.json"  # read together with the table

    def path(self, stage: str, output: str = "", **wildcards: str) -> str:
        """Path of an output of a stage; a wildcard without a value stays in the path, as `{name}`.

        Without a scope it is the path of the whole run.
        """
        pattern = self.pattern(stage, output)
        for name, value in {"scope": "", **wildcards}.items():
            pattern = pattern.replace(f"{{{name}}}", value)
        return pattern

    def pattern(self, stage: str, output: str = "") -> str:
        """Path of an output of a stage with its wildcards, such as `{job}`; a per-clip feature has its own folder."""
        if stage in OUTPUTS:
            return f"{self.folder}/{OUTPUTS[stage][output]}"
        own = stages.ROWS[stage].wildcards  # of a stage that computes a feature of any name
        return self.feature(f"{{{own[0]}}}" if own else stage, "{job}")

    def feature(self, name: str, job: str) -> str:
        """Path of a job's file of a signal or feature, whatever its name: an embedding may be called as a stage is."""
        return f"{self.folder}/features/{name}/{job}.h5"

    def imports(self, name: str) -> str:
        """Path of the table with the file of each clip of an imported feature."""
        return f"{self.folder}/imports/{name}.csv"

    def imports_memory(self, name: str) -> str:
        """Path of the JSON file that remembers what was read of the files of an imported feature."""
        return f"{self.folder}/logs/imports/{name}.json"

    def log(self, stage: str, *wildcards: str) -> str:
        """Path of the log of a stage's jobs, with the given wildcards and those of the stage's row."""
        row = stages.ROWS[stage]
        names = [*row.wildcards, *wildcards, *(("job",) if row.per_clip else ())]
        folder = f"{self.folder}/{{scope}}logs" if "scope" in names else f"{self.folder}/logs"
        parts = "_".join(f"{{{name}}}" for name in names if name != "scope")
        return f"{folder}/{stage}/{parts}.log" if parts else f"{folder}/{stage}.log"

    def scores(self, fold: str, system: System, output: str = "scores") -> str:
        """Path of the scores of a system, or of its classifier (`model`), in a fold."""
        if len(system.features) == 1:
            stage = stages.CLASSIFIERS[system.classifier].stage
            return self.path(stage, output, fold=fold, feature=system.features[0], classifier=system.classifier)
        names = systems.joined(system.features)
        return self.path("combination", fold=fold, features=names, classifier=system.classifier)


def weights(name: str) -> str:
    """Path of a weights file called `name`, which is a stage and a digest joined by a hyphen."""
    return f"{WEIGHTS}/{name}{WEIGHTS_SUFFIX.get(name.partition('-')[0], '.safetensors')}"


def weights_record(name: str) -> str:
    """Path of the JSON record of a weights file called `name`."""
    return f"{WEIGHTS}/{name}.json"
