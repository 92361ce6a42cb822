"""Advice that a run gives before it starts."""

from collections.abc import Mapping
from typing import Any

FEW_CLIPS = 200  # below this number, a corpus gains little from tens of networks a fold [ours]
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
