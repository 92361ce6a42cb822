"""Names of the scored systems: the main ones, combinations of features, and the challenge's baselines."""

from collections.abc import Container, Mapping, Sequence
from itertools import combinations as subsets
from typing import Any

from emotiw.jobs import stages
from emotiw.video import baseline_names

MAIN = ("video", "audio", "fusion")
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


def family(scored: Container[str]) -> list[tuple[str, str]]:
    """Pairs of scored systems that are compared by statistical tests."""
    return [(a, b) for a, b in FAMILY if a in scored and b in scored]


def video_system(video: Mapping[str, Any]) -> tuple[str, ...]:
    """Features of the video system used in the fusion, in the order of `video.features`."""
    return _ordered(video, video["combination"]["features"])


def combinations(video: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """List the scored combinations of features, smaller ones first, each in the order of `video.features`.

    Parameters
    ----------
    video : mapping
        The section `video` of the configuration. Its `combinations` lists them; null means every subset if there are
        at most four features, and otherwise the video system alone. The video system is always included.
    """
    features, listed = video["features"], video["combinations"]
    if listed is None:
        sizes = range(2, len(features) + 1) if len(features) <= ALL_SUBSETS_UP_TO else ()
        listed = [subset for size in sizes for subset in subsets(features, size)]
    scored = [*(_ordered(video, names) for names in listed), video_system(video)]
    return sorted((names for names in dict.fromkeys(scored) if len(names) > 1), key=len)


def joined(features: Sequence[str]) -> str:
    """Name of a combination, such as `cnn+dense_sift`."""
    return "+".join(features)


def separated(combination: str) -> list[str]:
    """Features in a combination's name."""
    return combination.split("+")


def _ordered(video: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in video["features"] if name in names)
