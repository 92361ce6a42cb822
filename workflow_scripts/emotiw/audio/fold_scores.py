"""Audio scores of a fold: clip scores of every network, their means, and the mean of the frame posteriors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.audio import blstm, ensemble
from emotiw.jobs import store
from emotiw.statistics import selection_record

NETWORK_FACTS = (
    "architecture",
    "seed",
    "validation",
    "best_epoch",
    "improved",
    "history",
)  # facts of a network that the score table keeps


@dataclass(frozen=True)
class NetworkPosteriors:
    """Frame posteriors of one network for the validation and test clips of a fold.

    Attributes
    ----------
    facts : dict
        Facts of the network's file (`fold_network.train`).
    entries : list of Entry
        `posteriors` and `time` of each clip. Training clips are left out: the network was trained on them.
    """

    facts: dict[str, Any]
    entries: list[store.Entry]

    @property
    def clip_scores(self) -> npt.NDArray[np.float64]:
        """Mean of the frame posteriors of each clip, shape (n_clips, n_classes)."""
        scores = blstm.clip_scores([entry.arrays["posteriors"] for entry in self.entries])
        return scores.reshape(len(self.entries), len(self.facts["classes"]))


def read(path: Path) -> NetworkPosteriors:
    """Read the frame posteriors of a network.

    Raises
    ------
    StoreError
        If the file is missing or damaged.
    """
    facts = store.read(path, "posteriors", names=()).facts
    clips = [*facts["parts"]["val"], *facts["parts"]["test"]]
    entries = store.read(path, "posteriors", names=clips).entries
    return NetworkPosteriors(facts, list(entries.values()))


def score(networks: Sequence[NetworkPosteriors], *, system: str) -> tuple[list[store.Entry], dict[str, Any]]:
    """Clip scores of a fold's networks.

    Parameters
    ----------
    networks : sequence of NetworkPosteriors
        Networks of one fold, at least one.
    system : str
        Modality, feature and classifier, for the record.

    Returns
    -------
    entries : list of Entry
        Scores (n_clips, n_classes) of each network, of each architecture's mean, of `mean` and of `selected`.
    facts : dict
        Fold, clips, classes, those that the networks lack, networks, the selected one and its rule, the restarts, and
        the ledger records.
    """
    facts = networks[-1].facts
    validation = facts["parts"]["val"]
    by_network = {network.facts["network"]: _kept(network.facts) for network in networks}
    scores = {network.facts["network"]: network.clip_scores for network in networks}
    selected = ensemble.best(by_network)
    scores |= ensemble.mean_scores(scores) | {"selected": scores[selected]}
    record = selection_record.Record(
        f"{system}: best network", selected, ensemble.RULE, validation, candidates=len(by_network)
    )
    return [store.Entry(name, {"scores": values}) for name, values in scores.items()], {
        "fold": facts["fold"],
        "clips": [*validation, *facts["parts"]["test"]],
        "classes": facts["classes"],
        "lacking": facts["lacking"],
        "scores": "posteriors",
        "classifier": "blstm",
        "networks": by_network,
        "selected": selected,
        "selection": {"rule": ensemble.RULE, "part": "val", "n_clips": len(validation)},
        "restarts": ensemble.restarts(by_network),
        **selection_record.facts([record] if validation else [], *(network.facts for network in networks)),
    }


def mean_frames(networks: Sequence[NetworkPosteriors]) -> Iterator[store.Entry]:
    """Mean of the networks' frame posteriors, and the frames' times, of every clip."""
    for entries in zip(*(network.entries for network in networks), strict=True):
        posteriors = ensemble.mean_frame_posteriors(entry.arrays["posteriors"] for entry in entries)
        yield store.Entry(entries[0].name, {"posteriors": posteriors, "time": entries[-1].arrays["time"]})


def _kept(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: facts[key] for key in NETWORK_FACTS}
