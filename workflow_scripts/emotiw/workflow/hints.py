"""Advice that a run gives before it starts."""

from collections.abc import Mapping
from typing import Any

FEW_CLIPS = 200  # below this number, a corpus gains little from tens of networks a fold [ours]
MANY_CLIPS = 2000  # from this number on, one clip a job makes planning slow (docs/scale.md): 25 s for each question
PLAN_MS = 12  # of Snakemake for each clip, in ms; docs/scale.md
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
    if config["clips_per_job"] > 1:
        return ""
    if "slurm" in profile:
        return (
            "hint: one clip a job costs more to start on a cluster than to compute; add presets/cluster.yaml after your"
            " --configfile, which makes batches"
        )
    if n_clips < MANY_CLIPS:
        return ""
    return (
        f"hint: with one clip a job, {n_clips} clips make so many jobs that every plan takes"
        f" {PLAN_MS * n_clips / 1000:.0f} s or more; clips_per_job: 100 makes a hundredth of them"
    )


def sweep(config: Mapping[str, Any]) -> str:
    """Say that Snakemake alone makes no sweep, if the configuration has one; else empty."""
    if not (config["sweep"]["grid"] or config["sweep"]["list"]):
        return ""
    return "hint: `emotiw run` makes the runs of the section sweep; this command makes one run, without it"
