"""Paths of all files of a run.

The rules, and all code that names a file of a run, take the paths from this module.
"""

from collections.abc import Mapping

from emotiw.evaluation import systems
from emotiw.jobs import stages

RESULTS = "results"
WEIGHTS = f"{RESULTS}/weights"
# sections of the configuration, each entry of which is a feature of its name; stage that makes these, and its wildcard
CONFIGURED = {"embeddings": "embedding", "imports": "imported"}
TABLES = ("classifiers", "kernels", "combinations")
FIGURES = ("systems", "classifiers", "figure4", "recall", "gains", "weights")
TABLE_FILES = {
    "classifiers": "table5_6_classifiers",
    "kernels": "table5_6_kernels",
    "combinations": "table7_combinations",
}

# suffix of the files below results/weights, by stage; others end with .safetensors
WEIGHTS_SUFFIX = {"landmarks": ".dat", "efficientnet_lite0": ".onnx"}
# files below the run's folder by stage and output, without the per-clip features
OUTPUTS: Mapping[str, Mapping[str, str]] = {
    "contact_sheet": {"": "report/contact_sheets/{job}.png"},
    "pca": {"": "video/{fold}/{feature}/pca.h5"},
    "kernels": {"": "video/{fold}/{feature}/kernels.h5"},
    "video_scores": {
        "scores": "video/{fold}/{feature}/{classifier}.h5",
        "model": "video/{fold}/{feature}/{classifier}_coefficients.h5",
    },
    "video_combination": {"": "video/{fold}/combined/{features}/{classifier}.h5"},
    "baseline": {"": "baseline/{fold}/{feature}.h5"},
    "scaler": {"": "audio/{fold}/scaler.h5"},
    "gather_egemaps": {"": "audio/{fold}/egemaps.h5"},
    "train_blstm": {
        "posteriors": "audio/{fold}/blstm/{architecture}_{repeat}.h5",
        "model": "audio/{fold}/blstm/{architecture}_{repeat}.safetensors",
    },
    "audio_scores": {"scores": "audio/{fold}/scores.h5", "frames": "audio/{fold}/frames.h5"},
    "fusion": {"": "fusion/{fold}/scores.h5"},
    "learning_curves": {"": "report/learning_curves.svg"},
    "faces_film": {"": "report/faces.mp4"},
    "contact_page": {"": "report/contact_sheets.html"},
    "evaluate": {
        "metrics": "report/metrics.json",
        "predictions": "report/predictions.csv",
        "scores": "report/scores.csv.gz",
        "ledger": "report/ledger.json",
    },
    "tables": {
        **{name: f"report/tables/{TABLE_FILES[name]}.csv" for name in TABLES},
        **{f"{name}_latex": f"report/tables/{TABLE_FILES[name]}.tex" for name in TABLES},
        "text": "report/tables/tables.md",
        "tables": "report/tables/tables.json",
    },
    "submission": {"": "report/submission/{name}"},
    "report": {"page": "report/report.html", **{name: f"report/figures/{name}.svg" for name in FIGURES}},
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
        """Path of an output of a stage; a wildcard without a value stays in the path, as `{name}`."""
        pattern = self.pattern(stage, output)
        for name, value in wildcards.items():
            pattern = pattern.replace(f"{{{name}}}", value)
        return pattern

    def pattern(self, stage: str, output: str = "") -> str:
        """Path of an output of a stage with its wildcards, such as `{job}`; a per-clip feature has its own folder."""
        if stage in OUTPUTS:
            return f"{self.folder}/{OUTPUTS[stage][output]}"
        return self.feature(f"{{{stage}}}" if stage in CONFIGURED.values() else stage, "{job}")

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
        if not names:
            return f"{self.folder}/logs/{stage}.log"
        return f"{self.folder}/logs/{stage}/{'_'.join(f'{{{name}}}' for name in names)}.log"

    def video_scores(self, fold: str, features: tuple[str, ...], classifier: str) -> str:
        """Path of the scores of a feature, or of a combination of several."""
        chosen = {"fold": fold, "classifier": classifier}
        if len(features) == 1:
            return self.path("video_scores", "scores", feature=features[0], **chosen)
        return self.path("video_combination", features=systems.joined(features), **chosen)


def weights(name: str) -> str:
    """Path of a weights file called `name`, which is a stage and a digest joined by a hyphen."""
    return f"{WEIGHTS}/{name}{WEIGHTS_SUFFIX.get(name.partition('-')[0], '.safetensors')}"


def weights_record(name: str) -> str:
    """Path of the JSON record of a weights file called `name`."""
    return f"{WEIGHTS}/{name}.json"
