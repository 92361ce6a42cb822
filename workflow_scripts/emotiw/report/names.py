"""Readable names of systems, statuses and settings in the pages."""

import re
from collections.abc import Sequence

from emotiw.jobs import stages

FEATURES = stages.titles()
CLASSIFIERS = {row.name: row.title for row in stages.CLASSIFIERS.values()}
SCHEMES = {
    "shared": "one weight",
    "per_class": "a weight a class",
    "joint": "joint search",
    "stacked": "stacked regression",
    "product": "product rule",
}
PARTS = {"mean": "", "selected": "the network best on validation"}
NETWORK = re.compile(r"(\d+(?:-\d+)*)(?:_(\d+))?")


def feature(name: str) -> str:
    """Title of a feature, or of several that are joined by a plus sign."""
    return " + ".join(FEATURES.get(one, one) for one in name.split("+"))


def system(name: str) -> str:
    """Title of a system: `video/cnn/pls/subspace_rbf` gives `CNN, PLS, subspace rbf`."""
    parts = name.split("/")[1:]
    if not parts:
        return SCHEMES.get(name, name)
    if len(parts) == 2:  # a baseline: feature and classifier
        return f"baseline: {feature(parts[0])} + {CLASSIFIERS.get(parts[1], parts[1])}"
    titles = [feature(parts[0]), *(CLASSIFIERS.get(part, _part(part)) for part in parts[1:])]
    return ", ".join(filter(None, titles))


def modality(name: str) -> str:
    """Modality of a system, empty for a fusion."""
    first = name.partition("/")[0]
    return first if first in ("video", "audio") else ""


def choice(text: str) -> str:
    """Name of a choice in the selection ledger: `audio/egemaps/blstm/64_0: epoch` gives the title of its system."""
    name, colon, what = text.partition(":")
    if modality(name) and "/" in name:
        return f"{modality(name)}, {system(name)}{colon}{what}"
    return f"{name.replace('/', ', ').replace('_', ' ')}{colon}{what}"


def status(name: str) -> str:
    """Status of a clip in words."""
    return name.replace("_", " ")


def listed(names: Sequence[str]) -> str:
    """Names as in a sentence: `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def _part(name: str) -> str:
    if name in PARTS:
        return PARTS[name]
    if match := NETWORK.fullmatch(name):
        layers, repeat = match.groups()
        return f"layers of {layers.replace('-', ', ')} units" + (f", start {int(repeat) + 1}" if repeat else "")
    return name.replace("_", " ")
