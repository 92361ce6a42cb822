"""Memory and time that jobs request, and an estimate for a whole run, from the costs of the stages.

On a cluster, a request is 1.5 times the measured memory and 4 times the measured time, as a margin for other clips and
nodes; a second attempt requests twice as much. Every batch is taken to be as large as the largest one, because Slurm
gives all jobs of an array what the first one requests. On a single machine only memory counts, with a smaller margin.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotiw.corpora.manifest import Manifest
from emotiw.jobs import stages
from emotiw.jobs.features import MODALITIES
from emotiw.jobs.stage_row import Cost, Kind, StageRow

MEMORY_MARGIN, TIME_MARGIN, LEAST_MINUTES = 1.5, 4, 10  # factors; least time of a request, min
LOCAL_MARGIN = 1.2  # factor of memory on a single machine
LANDMARK_MB = 0.8  # of three symmetric matrices of dimension 256 as half vectors
# eGeMAPS values per frame by `egemaps.mode`. They are constants because the import of openSMILE would slow down every
# dry run; a test compares them with openSMILE's.
EGEMAPS_VALUES = {"functionals": 88, "low_level": 26, "both": 114}
MEASURED_VALUES = 88
OTHER_VALUES = 2048  # values of a frame of a network or an import of the user, which are known only when it has run
# The cost of training was measured with the largest network of the default configuration, to its last epoch.
MEASURED_LAYERS, MEASURED_EPOCHS = (156, 300, 102), 500


class Costs:
    """Costs of the jobs of one run.

    Parameters
    ----------
    config : mapping
        The checked configuration.
    manifest : Manifest
        The checked corpus.
    """

    def __init__(self, config: Mapping[str, Any], manifest: Manifest) -> None:
        self.n_clips = len(manifest.rows)
        self.largest_job = max(Counter(row.job for row in manifest.rows).values())
        self.frame_factor = max(1.0, _values(config) / MEASURED_VALUES)
        self._blstm, self._video = config["blstm"], config["video"]

    @property
    def snakemake_mb(self) -> float:
        """Memory in MB of the two Snakemake processes that start a program on a node; each reads the manifest."""
        return 2 * (190 + 0.0026 * self.n_clips)

    def memory_mb(self, stage: str) -> int:
        """Memory in MB that a job of a stage requests at its first attempt."""
        return math.ceil(MEMORY_MARGIN * self.peak_mb(stage) + self.snakemake_mb)

    def local_mb(self, stage: str) -> int:
        """Memory in MB that a job of a stage requests on a single machine, whose Snakemake runs once for all jobs."""
        return math.ceil(LOCAL_MARGIN * self.peak_mb(stage))

    def peak_mb(self, stage: str) -> float:
        """Estimate the peak memory in MB of a job of a stage."""
        row = stages.ROWS[stage]
        cost, n_clips = _cost(row), self._clips(row)
        constant, per_clip = cost.memory_mb
        per_clip *= self.frame_factor if cost.scales_with_frames else 1
        n_pairs = n_clips**2
        if cost.low_rank and n_clips > self._video["exact_clips"]:
            n_pairs = n_clips * self._video["landmarks"]
            constant += LANDMARK_MB * self._video["landmarks"]
            per_clip = min(per_clip, 0.05)  # the image sets are not held
        return constant + per_clip * (cost.held_clips or n_clips) + cost.pair_bytes * n_pairs / 1e6

    def minutes(self, stage: str) -> int:
        """Wall time in minutes that a job of a stage requests at its first attempt."""
        row = stages.ROWS[stage]
        return max(LEAST_MINUTES, math.ceil(TIME_MARGIN * self.seconds(stage, self._clips(row)) / 60))

    def seconds(self, stage: str, n_clips: float) -> float:
        """Measured CPU time in s of a job of a stage with this number of clips."""
        constant, per_clip = _cost(stages.ROWS[stage]).seconds
        return constant + per_clip * n_clips

    def expected_seconds(self, stage: str, n_clips: float) -> float:
        """Estimate the CPU time in s of a job; for training, that of the mean configured network to its last epoch."""
        if stage != "train_blstm":
            return self.seconds(stage, n_clips)
        layers = self._blstm["architectures"]
        share = sum(map(_n_weights, layers)) / len(layers) / _n_weights(MEASURED_LAYERS)
        return self.seconds(stage, n_clips * share * self._blstm["max_epochs"] / MEASURED_EPOCHS)

    def _clips(self, row: StageRow) -> int:
        return self.largest_job if row.per_clip else self.n_clips


@dataclass(frozen=True)
class Estimate:
    """Expected size of a run: number of jobs and of clips, CPU hours on one core, bytes written."""

    n_jobs: int
    n_clips: int
    cpu_hours: float
    n_bytes: float


def estimate(costs: Costs, jobs: Iterable[tuple[str, float]]) -> Estimate:
    """Sum the expected CPU time and output of jobs.

    Parameters
    ----------
    costs : Costs
    jobs : iterable of (str, float)
        Stage of each job, and its number of clips (for a stage of a fold or of the run, all clips of the corpus).
    """
    known = [(stages.ROWS[stage], n) for stage, n in jobs if stage in stages.ROWS and stages.ROWS[stage].cost]
    seconds = sum(costs.expected_seconds(row.name, n) for row, n in known)
    n_bytes = sum(1e3 * _cost(row).clip_kb * n for row, n in known)
    return Estimate(len(known), costs.n_clips, seconds / 3600, n_bytes)


def _values(config: Mapping[str, Any]) -> int:
    """Largest number of values of a frame among the features that networks are trained on."""
    egemaps, layers = config["egemaps"], config["whisper"]["layer"]
    values = {row.name: row.n_values for row in stages.rows(Kind.FRAME_FEATURE)}
    values["egemaps"] = EGEMAPS_VALUES[egemaps["mode"]] * (1 + egemaps["deltas"])
    values["whisper"] *= len(layers) if isinstance(layers, list) else 1
    named = [config[name]["features"] for name in MODALITIES if "blstm" in config[name]["classifiers"]]
    return max((values.get(name) or OTHER_VALUES for names in named for name in names), default=0)


def _n_weights(layers: Sequence[int]) -> int:
    """Count the weights, without biases and output layer, of a network whose layers have these units in total."""
    inputs = (MEASURED_VALUES, *layers[:-1])
    return sum(4 * units * (below + units // 2) for units, below in zip(layers, inputs, strict=True))


def _cost(row: StageRow) -> Cost:
    return row.cost or Cost((0, 0), (0, 0))
