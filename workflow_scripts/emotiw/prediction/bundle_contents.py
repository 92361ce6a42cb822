"""What the bundle of a run holds, by its configuration: the fused systems, and the networks of their features."""

from collections.abc import Mapping
from typing import Any

from emotiw.core.errors import ConfigError
from emotiw.jobs import stages

MODALITIES = ("video", "audio")

Config = Mapping[str, Any]


def fused(config: Config, modality: str) -> tuple[tuple[str, ...], str]:
    """Features and classifier of the system of a modality that enters the fusion.

    Returns
    -------
    features : tuple of str
        In the order of `features` in the section of the modality.
    classifier : str
    """
    section, chosen = config[modality], config[modality]["combination"]
    return tuple(name for name in section["features"] if name in chosen["features"]), chosen["classifier"]


def features(config: Config) -> list[str]:
    """Features of both fused systems, those of the faces first."""
    return [name for modality in MODALITIES for name in fused(config, modality)[0]]


def weights(config: Config) -> dict[str, str]:
    """Name of the weights of each built-in network that computes a feature, and one feature that it computes."""
    rows = [stages.ROWS[name] for name in features(config) if name in stages.ROWS and name not in config["embeddings"]]
    return {row.weights: row.name for row in rows if row.weights}


def embeddings(config: Config) -> list[str]:
    """Embeddings among the features, in the order of the section `embeddings`."""
    return [name for name in config["embeddings"] if name in features(config)]


def obstacles(config: Config) -> list[str]:
    """Features that a bundle cannot compute for new clips: those of whole clips, and those that came from elsewhere."""
    return [name for name in features(config) if not _describable(name, config)]


def check(config: Config) -> None:
    """Check that a bundle can compute all features for new clips.

    Raises
    ------
    ConfigError
        If it cannot.
    """
    if names := obstacles(config):
        raise ConfigError(
            f"bundle: cannot compute {', '.join(names)} for new clips, expected features of frames that emotiw computes; "
            "name such features in video.combination.features and audio.combination.features. Without them, the run has "
            "all its other results, but no bundle"
        )


def _describable(name: str, config: Config) -> bool:
    row = stages.ROWS.get(name)
    return name in config["embeddings"] or (row is not None and bool(row.describe or row.weights))
