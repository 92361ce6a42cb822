"""What jobs ask of a cluster, from the costs in the table of stages: memory in MB, minutes, and what a run will take.

On one machine it bounds nothing. Half of the measured memory and three times the measured time are added for other
clips and nodes, and a second attempt asks for twice as much. Every batch counts as the largest, because all jobs of a
Slurm array get what the first one asks for.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotiw.corpora.manifest import Manifest
from emotiw.jobs import stages
from emotiw.jobs.stage_row import Cost, StageRow

MEMORY_MARGIN, TIME_MARGIN, LEAST_MINUTES = 1.5, 4, 10
# eGeMAPS values a frame by `egemaps.mode`; a test compares them with openSMILE's, whose import would slow every dry run
EGEMAPS_VALUES = {"functionals": 88, "low_level": 26, "both": 114}
MEASURED_VALUES = 88
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
        egemaps = config["egemaps"]
        values = EGEMAPS_VALUES[egemaps["mode"]] * (1 + egemaps["deltas"])
        self.frame_factor = max(1.0, values / MEASURED_VALUES)
        self._blstm = config["blstm"]

    @property
    def snakemake_mb(self) -> float:
        """Memory of the two Snakemake processes that start a program on a node; each reads the table."""
        return 2 * (190 + 0.0026 * self.n_clips)

    def memory_mb(self, stage: str) -> int:
        """Megabytes that a job of a stage asks for at its first attempt."""
        row = stages.ROWS[stage]
        cost, n_clips = _cost(row), self._clips(row)
        start, clip = cost.memory_mb
        clip *= self.frame_factor if cost.scales_with_egemaps else 1
        need = start + clip * (cost.held_clips or n_clips) + cost.pair_bytes * n_clips**2 / 1e6
        return math.ceil(MEMORY_MARGIN * need + self.snakemake_mb)

    def minutes(self, stage: str) -> int:
        """Minutes of wall time that a job of a stage asks for at its first attempt."""
        row = stages.ROWS[stage]
        return max(LEAST_MINUTES, math.ceil(TIME_MARGIN * self.seconds(stage, self._clips(row)) / 60))

    def seconds(self, stage: str, n_clips: float) -> float:
        """CPU time of a job of a stage with that many clips, as measured."""
        start, clip = _cost(stages.ROWS[stage]).seconds
        return start + clip * n_clips

    def expected_seconds(self, stage: str, n_clips: float) -> float:
        """CPU time that a job will take: of training, that of the mean configured network to its last epoch."""
        if stage != "train_blstm":
            return self.seconds(stage, n_clips)
        layers = self._blstm["architectures"]
        share = sum(map(_n_weights, layers)) / len(layers) / _n_weights(MEASURED_LAYERS)
        return self.seconds(stage, n_clips * share * self._blstm["max_epochs"] / MEASURED_EPOCHS)

    def _clips(self, row: StageRow) -> int:
        return self.largest_job if row.per_clip else self.n_clips


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to take: jobs, clips, CPU hours on one core, bytes written."""

    n_jobs: int
    n_clips: int
    cpu_hours: float
    n_bytes: float


def estimate(costs: Costs, jobs: Iterable[tuple[str, float]]) -> Estimate:
    """Sum what jobs will take.

    Parameters
    ----------
    costs : Costs
    jobs : iterable of (str, float)
        Stage of each job, and how many clips it holds (all of the corpus, for a stage that is not of single clips).
    """
    known = [(stages.ROWS[stage], n) for stage, n in jobs if stage in stages.ROWS and stages.ROWS[stage].cost]
    seconds = sum(costs.expected_seconds(row.name, n) for row, n in known)
    written = sum(1e3 * _cost(row).clip_kb * n for row, n in known)
    return Estimate(len(known), costs.n_clips, seconds / 3600, written)


def _n_weights(layers: Sequence[int]) -> int:
    """Weights of a network of bidirectional layers with these total numbers of units, but for biases and output."""
    inputs = (MEASURED_VALUES, *layers[:-1])
    return sum(4 * units * (below + units // 2) for units, below in zip(layers, inputs, strict=True))


def _cost(row: StageRow) -> Cost:
    return row.cost or Cost((0, 0), (0, 0))
