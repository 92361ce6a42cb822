"""What the bundle of a run holds: the features of the fused systems, and the networks that compute them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emotiw.core.errors import ConfigError
from emotiw.evaluation import systems
from emotiw.evaluation.systems import System
from emotiw.jobs import features, stages
from emotiw.jobs.features import Feature
from emotiw.jobs.stage_row import Kind

# sections of the configuration whose entries are networks in ONNX files, which the bundle copies, by the stage that
# computes features with them
ONNX = {"embedding": "embeddings", "sound_embedding": "sound_embeddings"}


@dataclass(frozen=True)
class Contents:
    """What the bundle of a run holds.

    Attributes
    ----------
    config : mapping
        The whole configuration of the run.
    modalities : tuple of str
        Modalities of which any clip of the corpus has a stream.
    """

    config: Mapping[str, Any]
    modalities: tuple[str, ...]

    def systems(self) -> list[System]:
        """System of each modality that enters the fusion."""
        return [systems.fused(self.config, modality) for modality in self.modalities]

    def features(self) -> list[Feature]:
        """Features of these systems."""
        known = features.available(self.config)
        return [known[name] for system in self.systems() for name in system.features]

    def landmarks(self) -> list[str]:
        """Name of the weights of the landmarks; none without faces."""
        return ["landmarks"] if "video" in self.modalities else []

    def weights(self) -> dict[str, str]:
        """Name of the weights of each built-in network that computes a feature, and a stage that reads them."""
        rows = [stages.ROWS[feature.stage] for feature in self.features()]
        return {row.weights: row.name for row in rows if row.weights}

    def embeddings(self, *sections: str) -> dict[str, Mapping[str, Any]]:
        """Look up the settings of each network in an ONNX file that computes a feature, of some sections or of all."""
        named = ((feature.name, ONNX.get(feature.stage)) for feature in self.features())
        chosen = sections or tuple(ONNX.values())
        return {name: self.config[section][name] for name, section in named if section in chosen}

    def obstacles(self) -> list[str]:
        """Features that a bundle cannot compute for new clips: those of whole clips, and those from elsewhere."""
        return [feature.name for feature in self.features() if not _describable(feature)]

    def check(self) -> None:
        """Check that a bundle can compute all features for new clips.

        Raises
        ------
        ConfigError
            If it cannot.
        """
        if names := self.obstacles():
            raise ConfigError(
                f"bundle: cannot compute {', '.join(names)} for new clips, expected features of frames that emotiw"
                " computes; name such features in video.combination.features and audio.combination.features. With"
                f" {', '.join(names)}, the run has all its other results, but no bundle"
            )


def _describable(feature: Feature) -> bool:
    row = stages.ROWS[feature.stage]
    return feature.kind == Kind.FRAME_FEATURE and bool(row.describe or row.weights or row.name in ONNX)
