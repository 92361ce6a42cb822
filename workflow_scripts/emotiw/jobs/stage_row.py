"""What the table of stages (`jobs.stages`) says of a stage: the fields of a row, in words."""

from dataclasses import dataclass
from enum import StrEnum

ALL_PARTS = ("train", "val", "test")
LIMITS = ("limits.max_pixels", "limits.max_duration_s", "limits.min_decoded_fraction")
MODALITY_OF_SOURCE = {"faces": "video", "audio": "audio"}


class Kind(StrEnum):
    """What a stage makes."""

    WEIGHTS = "weights"  # a model file, of no clip
    SIGNAL = "signal"  # of each clip, decoded: its faces or its waveform
    FRAME_FEATURE = "frame feature"  # of each clip: (n_frames, n_values) with times
    CLIP_FEATURE = "clip feature"  # of each clip: one vector
    PICTURE = "picture"  # of each clip, for the report
    MODEL = "model"  # of a fold
    SCORES = "scores"  # of the clips of a fold
    RUN = "run"  # of the whole run


PER_CLIP = (Kind.SIGNAL, Kind.FRAME_FEATURE, Kind.CLIP_FEATURE, Kind.PICTURE)


@dataclass(frozen=True)
class Cost:
    """What a job takes, as benchmarks/resources.py measured it: peak memory, CPU time, size of its output.

    Memory and time are pairs: that of the job by itself, and that of each clip. Stages of single clips were measured on
    20 real clips of 76 frames, in one batch and singly; stages of a fold or of the run on 648 clips, where each clip of
    the corpus counts. Training was measured with the largest network to its last epoch, fine-tuning in 32 bits up to
    its first checkpoints, embeddings with EfficientNet-Lite0. Sizes are those of the demo's clips of 2.5 s.

    Attributes
    ----------
    memory_mb : tuple of float
    seconds : tuple of float
    pair_bytes : float
        Memory for each pair of clips of the corpus.
    scales_with_egemaps : bool
        Whether the memory of a clip grows with the number of eGeMAPS values a frame; it is measured with 88.
    held_clips : int
        Clips that are in memory at a time; 0: all.
    clip_kb : float
        Size of the output for each clip, in kB.
    """

    memory_mb: tuple[float, float]
    seconds: tuple[float, float]
    pair_bytes: float = 0.0
    scales_with_egemaps: bool = False
    held_clips: int = 0
    clip_kb: float = 0.0


@dataclass(frozen=True)
class StageRow:
    """One stage.

    Attributes
    ----------
    name : str
        Name of the stage, of its rule and of its program (but for `program`); of a feature also its name.
    kind : Kind
    title : str
        What tables and charts call it.
    settings : tuple of str
        What its program reads of the configuration: sections, or keys as `section.key`; `*` is all of it. Names in
        braces are replaced by wildcards.
    without : tuple of str
        Keys that are left out of these.
    above : tuple of str
        Stages whose output it reads, or links of `workflow.plan.LINKS`. A wildcard of an upper stage that this stage
        lacks runs over all its values; a stage of single clips above one of a fold stands for the clips of `parts`.
    wildcards : tuple of str
        Wildcards of its rule, beside `job`.
    facts : tuple of str
        What else its output depends on; see `workflow.plan.FACTS`.
    parts : tuple of str
        Parts of the fold whose clips it reads.
    reads_films : bool
        Whether it reads the films of the clips, to make folds inside a part or to check the splits.
    program : str
        Program in `workflow_scripts`, where it is not called as the stage.
    source : str
        Of a stage of single clips: the stage whose files it reads, `faces` or `audio`; empty where it reads the clips.
    features : Kind or None
        What its wildcard `feature` runs over.
    server : str
        Warm interpreter that its program is forked from; programs with the same imports share one. Empty: none.
    describe : str
        Of a frame feature computed by a function alone: `module:function` of (faces, **settings), with which a bundle
        gives the feature again.
    weights : str
        Of a frame feature computed by AlexNet: the weights that a bundle carries for it.
    on_demand : bool
        Whether it is made only where `video.features` names it, or where a file of it is asked for.
    cost : Cost or None
        None of what is made once and elsewhere.
    """

    name: str
    kind: Kind
    title: str = ""
    settings: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    wildcards: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    parts: tuple[str, ...] = ALL_PARTS
    reads_films: bool = False
    program: str = ""
    source: str = ""
    features: Kind | None = None
    server: str = ""
    describe: str = ""
    weights: str = ""
    on_demand: bool = False
    cost: Cost | None = None

    @property
    def per_clip(self) -> bool:
        """Whether its jobs are of single clips, or batches of these."""
        return self.kind in PER_CLIP

    @property
    def modality(self) -> str:
        """Modality of a stage of single clips: `video` or `audio`."""
        return MODALITY_OF_SOURCE[self.source or self.name]
