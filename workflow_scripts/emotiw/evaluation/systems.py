"""Names of the scored systems: the main ones, combinations of features, and the challenge's baselines."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations as subsets
from typing import Any

from emotiw.jobs import features, stages
from emotiw.video import baseline_names

MAIN = ("video", "audio", "fusion")
ALL, OWN = "all_classes", "own_classes"  # among which classes a clip is judged: those of the run, or of its corpus
# sources of the clips that a single-modality system covers; it gives other clips the class prior
COVERED_BY = {"video": ("fusion", "video"), "audio": ("fusion", "audio")}
# Features of whole clips that the challenge's baselines are trained on, and the modality of each.
_MODALITIES = {row.name: row.modality for row in stages.clip_features()}
BASELINES = dict(sorted(_MODALITIES.items(), key=lambda item: item[1], reverse=True))  # video first
# pairs of systems that are compared by statistical tests, if both are scored
FAMILY = (
    *(("fusion", "video"), ("fusion", "audio"), ("fusion", "stacked")),
    *(("video", "video/lbp_top/svm"), ("audio", "audio/functionals/svm")),
    *(("joint", "shared"), ("joint", "per_class"), ("per_class", "shared")),
)
ALL_SUBSETS_UP_TO = 4  # largest number of features whose subsets are all scored; five have 26 subsets of two or more


def baseline(feature: str) -> str:
    """Name of a baseline's system."""
    return baseline_names.system(BASELINES[feature], feature)


def family(scored: Container[str], modalities: Container[str]) -> list[tuple[str, str]]:
    """Pairs of scored systems that are compared by statistical tests; those of fusion only if there are two modalities.

    Parameters
    ----------
    scored : container of str
        Names of the scored systems.
    modalities : container of str
        Modalities of the run.
    """
    absent = [name for name in ("video", "audio") if name not in modalities]
    alone = [] if absent else [(a, b) for a, b in FAMILY if a not in COVERED_BY]
    singles = [(a, b) for a, b in FAMILY if a in COVERED_BY and a not in absent]
    chosen = {*alone, *singles}
    return [(a, b) for a, b in FAMILY if (a, b) in chosen and a in scored and b in scored]


def shown(modalities: Sequence[str]) -> list[str]:
    """List the main systems of a run: its modalities, and fusion if there are two."""
    return [name for name in MAIN if name in modalities or (name == "fusion" and len(modalities) > 1)]


@dataclass(frozen=True)
class System:
    """A system of one modality: a classifier, and the features whose scores by this classifier are averaged."""

    modality: str
    features: tuple[str, ...]
    classifier: str

    @property
    def is_network(self) -> bool:
        """Whether it is trained with the validation clips, for early stopping."""
        return stages.CLASSIFIERS[self.classifier].uses_validation


def fused(config: Mapping[str, Any], modality: str) -> System:
    """System of a modality that enters the fusion; its features are in the order of the modality's `features`."""
    chosen = config[modality]["combination"]
    return System(modality, _ordered(config[modality], chosen["features"]), chosen["classifier"])


def scored(config: Mapping[str, Any], modality: str) -> list[System]:
    """Systems of a modality that are scored: each feature and combination with each classifier that takes it."""
    section, known = config[modality], features.available(config)
    names = [*((name,) for name in section["features"]), *combinations(section)]
    return [
        System(modality, chosen, classifier)
        for chosen in names
        for classifier in section["classifiers"]
        if all(known[name].takes(stages.CLASSIFIERS[classifier]) for name in chosen)
    ]


def combinations(section: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """List the scored combinations of features, smaller ones first, each in the order of the section's `features`.

    Parameters
    ----------
    section : mapping
        The section `video` or `audio` of the configuration. Its `combinations` lists them; null means every subset if
        there are at most four features, and otherwise the system that enters the fusion alone, which is always
        included.
    """
    names, listed = section["features"], section["combinations"]
    if listed is None:
        sizes = range(2, len(names) + 1) if len(names) <= ALL_SUBSETS_UP_TO else ()
        listed = [subset for size in sizes for subset in subsets(names, size)]
    chosen = [*(_ordered(section, subset) for subset in listed), _ordered(section, section["combination"]["features"])]
    return sorted((subset for subset in dict.fromkeys(chosen) if len(subset) > 1), key=len)


def joined(features: Sequence[str]) -> str:
    """Name of a combination, such as `cnn+dense_sift`."""
    return "+".join(features)


def separated(combination: str) -> list[str]:
    """Features in a combination's name."""
    return combination.split("+")


def _ordered(section: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in section["features"] if name in names)
