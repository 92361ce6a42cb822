"""Advice that a run gives before it starts."""

from collections.abc import Mapping
from typing import Any

FEW_CLIPS = 200  # below this number, a corpus gains little from tens of networks a fold [ours]
MANY_CLIPS = 1000  # above this number, planning with one clip a job takes more than 10 s of CPU time
PLAN_S, PLAN_CLIP_S = 3, 0.009  # CPU time of a start with nothing to do, and its part for each clip (docs/scale.md)
MANY_NETWORKS = 24  # networks of a fold; the presets train at most a few


def small_corpus(config: Mapping[str, Any], n_clips: int) -> str:
    """Point out the preset for small corpora, where a small corpus would train many networks; else empty.

    Parameters
    ----------
    config : mapping
        The checked configuration.
    n_clips : int
        Number of clips of the corpus.
    """
    blstm = config["blstm"]
    n_networks = len(blstm["architectures"]) * blstm["repeats"]
    trains = any("blstm" in config[modality]["classifiers"] for modality in ("video", "audio"))
    if n_clips >= FEW_CLIPS or not trains or n_networks < MANY_NETWORKS:
        return ""
    return (
        f"hint: {n_clips} clips are few for {n_networks} networks a fold; for a first look, add presets/quick.yaml"
        " after your --configfile, which takes minutes"
    )


def batches(config: Mapping[str, Any], n_clips: int, profile: str = "default") -> str:
    """Point out batches, where one clip a job would make many jobs, or a job of a cluster each; else empty.

    Parameters
    ----------
    config : mapping
        The checked configuration.
    n_clips : int
        Number of clips of the corpus.
    profile : str
        Name of the profile that the run is started with.
    """
    if config["clips_per_job"] != 1:
        return ""
    if "slurm" in profile:
        return (
            "hint: one clip a job costs more to start on a cluster than to compute; add presets/cluster.yaml after your"
            " --configfile, which makes batches"
        )
    if n_clips <= MANY_CLIPS:
        return ""
    return (
        f"hint: with {n_clips} clips, one a job, every start of Snakemake takes about"
        f" {PLAN_S + n_clips * PLAN_CLIP_S:.0f} s; clips_per_job: auto makes batches, and with a cache no clip is"
        " computed twice after the change"
    )


def sweep(config: Mapping[str, Any]) -> str:
    """Say that Snakemake alone makes no sweep, if the configuration has one; else empty."""
    if not (config["sweep"]["grid"] or config["sweep"]["list"]):
        return ""
    return "hint: `emotiw run` makes the runs of the section sweep; this command makes one run, without it"
