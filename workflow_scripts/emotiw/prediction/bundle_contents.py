"""What the bundle of a run holds, by its configuration: the features of the fused systems, and their networks."""

from collections.abc import Mapping, Sequence
from typing import Any

from emotiw.core.errors import ConfigError
from emotiw.evaluation import systems
from emotiw.jobs import features as features_of_run
from emotiw.jobs import stages
from emotiw.jobs.features import MODALITIES, Feature
from emotiw.jobs.stage_row import Kind

ONNX = ("embedding",)  # stages that compute features with a network in an ONNX file, which the bundle copies

Config = Mapping[str, Any]
Modalities = Sequence[str]  # those of the run


def features(config: Config, modalities: Modalities = MODALITIES) -> list[Feature]:
    """Features of the fused systems of some modalities, in their order."""
    known = features_of_run.available(config)
    return [known[name] for modality in modalities for name in systems.fused(config, modality).features]


def weights(config: Config, modalities: Modalities = MODALITIES) -> dict[str, str]:
    """Name of the weights of each built-in network that computes a feature, and a stage that reads them."""
    rows = [stages.ROWS[feature.stage] for feature in features(config, modalities)]
    return {row.weights: row.name for row in rows if row.weights}


def embeddings(config: Config, modalities: Modalities = MODALITIES) -> list[str]:
    """Names of the features that a network in an ONNX file computes."""
    return [feature.name for feature in features(config, modalities) if feature.stage in ONNX]


def obstacles(config: Config, modalities: Modalities = MODALITIES) -> list[str]:
    """Features that a bundle cannot compute for new clips: those of whole clips, and those that came from elsewhere."""
    return [feature.name for feature in features(config, modalities) if not _describable(feature)]


def check(config: Config, modalities: Modalities = MODALITIES) -> None:
    """Check that a bundle can compute all features for new clips.

    Raises
    ------
    ConfigError
        If it cannot.
    """
    if names := obstacles(config, modalities):
        raise ConfigError(
            f"bundle: cannot compute {', '.join(names)} for new clips, expected features of frames that emotiw"
            " computes; name such features in video.combination.features and audio.combination.features. With"
            f" {', '.join(names)}, the run has all its other results, but no bundle"
        )


def _describable(feature: Feature) -> bool:
    row = stages.ROWS[feature.stage]
    return feature.kind == Kind.FRAME_FEATURE and bool(row.describe or row.weights or row.name in ONNX)
