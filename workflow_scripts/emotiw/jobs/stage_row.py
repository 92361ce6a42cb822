"""Types of the table of stages (`jobs.stages`): the row of a stage, its kind and its cost."""

from dataclasses import dataclass
from enum import StrEnum

ALL_PARTS = ("train", "val", "test")
# settings of every stage that decodes clips
DECODING = ("limits.max_pixels", "limits.max_duration_s", "limits.min_decoded_fraction", "media")
MODALITY_OF_SOURCE = {"faces": "video", "audio": "audio"}


class Kind(StrEnum):
    """What a stage makes."""

    WEIGHTS = "weights"  # a model file, of no clip
    SIGNAL = "signal"  # of each clip, decoded: its faces or its waveform
    FRAME_FEATURE = "frame feature"  # of each clip: (n_frames, n_values) with times
    CLIP_FEATURE = "clip feature"  # of each clip: one vector
    COPIES = "copies"  # of each clip: a vector for each altered copy of it
    PICTURE = "picture"  # of each clip, for the report
    MODEL = "model"  # of a fold
    SCORES = "scores"  # of the clips of a fold
    RUN = "run"  # of the whole run


PER_CLIP = (Kind.SIGNAL, Kind.FRAME_FEATURE, Kind.CLIP_FEATURE, Kind.COPIES, Kind.PICTURE)


@dataclass(frozen=True)
class Cost:
    """Resources of a job, measured by benchmarks/resources.py: peak memory, CPU time, size of the output.

    Memory and time are pairs: the constant part, and the part for each clip. Stages of single clips were measured on
    20 real clips of 76 frames, in one batch and singly; stages of a fold or of the run on 648 clips, where each clip of
    the corpus counts. Training was measured with the largest network to its last epoch, fine-tuning in 32 bits up to
    its first checkpoints, embeddings with EfficientNet-Lite0, those of sound with three layers of
    Whisper-base. Sizes are those of the demo's clips of 2.5 s.

    Attributes
    ----------
    memory_mb : tuple of float
        Peak memory in MB: constant part, and part for each clip.
    seconds : tuple of float
        CPU time in s: constant part, and part for each clip.
    pair_bytes : float
        Memory for each pair of clips of the corpus, in bytes.
    low_rank : bool
        Whether these are the pairs with the landmarks above `video.exact_clips` clips.
    scales_with_frames : bool
        Whether the memory of a clip grows with the number of eGeMAPS values a frame; it is measured with 88.
    held_clips : int
        Clips that are in memory at a time; 0: all.
    clip_kb : float
        Size of the output for each clip, in kB.
    """

    memory_mb: tuple[float, float]
    seconds: tuple[float, float]
    pair_bytes: float = 0.0
    low_rank: bool = False
    scales_with_frames: bool = False
    held_clips: int = 0
    clip_kb: float = 0.0


@dataclass(frozen=True)
class StageRow:
    """One stage.

    Attributes
    ----------
    name : str
        Name of the stage, of its rule, of its program unless `program` names another, and of the feature if it is one.
    kind : Kind
    title : str
        Name in tables and charts.
    settings : tuple of str
        Parts of the configuration that its program reads: sections, or keys as `section.key`; `*` is all of it. A name
        in braces is replaced by the value of that wildcard.
    without : tuple of str
        Sections or keys that are removed from `settings`.
    above : tuple of str
        Stages whose output it reads, or links of `workflow.plan.LINKS`. If an upper stage has a wildcard
        that this stage lacks, all values of that wildcard are read. If this stage is of a fold and the upper stage is
        of single clips, the clips of `parts` are read.
    wildcards : tuple of str
        Wildcards of its rule, without `job`.
    facts : tuple of str
        Names of other facts that its output depends on (`workflow.plan.FACTS`).
    parts : tuple of str
        Parts of the fold whose clips it reads.
    reads_films : bool
        Whether it reads the films of the clips, to make folds inside a part or to check the splits.
    program : str
        Program in `workflow_scripts`, if its name is not that of the stage.
    source : str
        Of a stage of single clips: the stage whose files it reads, `faces` or `audio`; empty if it reads the clips.
    server : str
        Name of the warm interpreter that its program is forked from; programs with the same imports share one. Empty if
        there is none.
    describe : str
        Of a frame feature that one function computes without weights: `module:function`, called with (faces,
        **settings) or (waveform, **settings); of sound it returns times and values. A bundle computes the feature
        with it.
    weights : str
        Of a frame feature that a network computes: name of the weights, which a bundle contains
        (`prediction.describers`).
    posteriors : bool
        Of a frame feature: whether its values are posteriors of classes, whose names its files hold as columns.
    copies_of : str
        Of altered copies: the frame feature whose pooled statistics their vectors are.
    n_values : int
        Of a frame feature: values of a frame by default, from which the memory of what reads all frames is estimated.
    on_demand : bool
        Whether it is computed only if `video.features` or `audio.features` names it, or if a file of it is asked for.
    cost : Cost or None
        None for a stage that runs once and outside the jobs of a cluster.
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
    server: str = ""
    describe: str = ""
    weights: str = ""
    posteriors: bool = False
    copies_of: str = ""
    n_values: int = 0
    on_demand: bool = False
    cost: Cost | None = None

    @property
    def per_clip(self) -> bool:
        """Whether each of its jobs works on single clips: one, or a batch of them."""
        return self.kind in PER_CLIP

    @property
    def modality(self) -> str:
        """Modality of a stage of single clips: `video` or `audio`."""
        return MODALITY_OF_SOURCE[self.source or self.name]


@dataclass(frozen=True)
class ClassifierRow:
    """A classifier of features.

    Attributes
    ----------
    name, title : str
    stage : str
        Stage that computes its scores of one feature.
    setting, grid : str
        Setting of the section `video` that holds its hyperparameter, and the one with the values that `auto` tries;
        empty if its stage's own settings are all that it reads.
    kinds : tuple of Kind
        Kinds of the features that it takes.
    needs_posteriors : bool
        Whether it takes only features whose values are posteriors.
    uses_validation : bool
        Whether its training uses the validation clips, as early stopping does. It then gives no scores of training
        clips; those that the fusion is calibrated on come from the networks of inner folds.
    """

    name: str
    title: str
    stage: str
    setting: str = ""
    grid: str = ""
    kinds: tuple[Kind, ...] = (Kind.FRAME_FEATURE,)
    needs_posteriors: bool = False
    uses_validation: bool = False
