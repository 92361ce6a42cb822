"""The features that a configuration offers, of both modalities: built-in ones and those that its sections add."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emotiw.jobs import stages
from emotiw.jobs.stage_row import ClassifierRow, Kind

MODALITIES = ("video", "audio")
KIND_OF_LEVEL = {"frame": Kind.FRAME_FEATURE, "clip": Kind.CLIP_FEATURE}  # by the setting `level` of a section's entry


@dataclass(frozen=True)
class Feature:
    """A feature of single clips.

    Attributes
    ----------
    name : str
    modality : str
        `video` or `audio`.
    kind : Kind
        `FRAME_FEATURE` or `CLIP_FEATURE`.
    stage : str
        Row of the table of stages that computes it.
    wildcards : mapping of str to str
        Values of that row's wildcards, without `job`.
    posteriors : bool
        Whether its values are posteriors of classes.
    """

    name: str
    modality: str
    kind: Kind
    stage: str
    wildcards: Mapping[str, str] = field(default_factory=dict)
    posteriors: bool = False

    @property
    def stream(self) -> str:
        """Modality of the stream that it is computed from; empty for a feature that another program has computed."""
        return "" if self.stage == "imported" else self.modality

    def takes(self, classifier: ClassifierRow) -> bool:
        """Whether a classifier can be trained on this feature."""
        return self.kind in classifier.kinds and (self.posteriors or not classifier.needs_posteriors)


def available(config: Mapping[str, Any]) -> dict[str, Feature]:
    """List the features by name: the built-in ones, then those of the configuration's sections."""
    built_in = [
        Feature(row.name, row.modality, row.kind, row.name, posteriors=row.posteriors)
        for row in stages.rows(Kind.FRAME_FEATURE, Kind.CLIP_FEATURE)
        if not row.wildcards
    ]
    added = [
        Feature(name, "video", Kind.FRAME_FEATURE, "embedding", {"embedding": name}) for name in config["embeddings"]
    ]
    added += [
        Feature(name, "audio", KIND_OF_LEVEL[about["level"]], "sound_embedding", {"sound_embedding": name})
        for name, about in config["sound_embeddings"].items()
    ]
    added += [
        Feature(name, about["modality"], KIND_OF_LEVEL[about["level"]], "imported", {"imported": name})
        for name, about in config["imports"].items()
    ]
    return {feature.name: feature for feature in (*built_in, *added)}


def named(config: Mapping[str, Any]) -> dict[str, Feature]:
    """Features that `video.features` and `audio.features` name."""
    known = available(config)
    return {name: known[name] for modality in MODALITIES for name in config[modality]["features"]}
