"""Identities of the intermediate results of a run, as its files record them, and what differs between two runs."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotiw.compare import stage_names
from emotiw.jobs import identity_changes, stages, store
from emotiw.jobs.identity import Stage

FOLDS, FEATURES = "folds", "features"
# files below a fold's folder, by stage; the part that names what was computed is the group `of`
PATTERNS = {
    "pca": r"(?P<of>[^/]+)/pca",
    "kernels": r"(?P<of>[^/]+)/kernels",
    "scaler": r"(?P<of>[^/]+)/scaler",
    "gather_frames": r"(?P<of>[^/]+)/frames",
    "baseline": r"(?P<of>[^/]+)/baseline",
    "train_blstm": r"(?P<of>[^/]+/blstm/[^/]+)",
    "blstm_scores": r"(?P<of>[^/]+)/blstm",
    "average_scores": r"(?P<of>[^/]+)/average",
    "combination": r"combined/(?P<of>[^/]+/[^/]+)",
    "fusion": r"(?P<of>)fusion",
}
CLASSIFIED = re.compile(r"(?P<of>[^/]+/(?P<classifier>[^/]+))")

Key = tuple[str, str, str]  # stage or feature; what of it (empty, or feature and classifier); clip, or fold


@dataclass(frozen=True)
class Made:
    """Identity of one result: its text without the clips, and the hash of the clip that it was computed from."""

    identity: Stage
    sha256: str = ""


def by_folder(run: Path) -> dict[Key, Made]:
    """Identities of the features of each clip and of the results of each fold in the folder of a run.

    Raises
    ------
    StoreError
        If a file cannot be read.
    """
    found: dict[Key, Made] = {}
    for path in sorted((run / FEATURES).glob("*/*.h5")):
        found |= _of_clips(path)
    for path in sorted((run / FOLDS).rglob("*.h5")):
        fold, _, name = path.relative_to(run / FOLDS).with_suffix("").as_posix().partition("/")
        if place := _place(name):
            found[(*place, fold)] = Made(Stage(_recorded(path)[0]))
    return found


def differences(a: Mapping[Key, Made], b: Mapping[Key, Made]) -> list[dict[str, Any]]:
    """Compare two runs stage by stage, in the order of the table of stages.

    Parameters
    ----------
    a, b : mapping of Key to Made
        From `by_folder`.

    Returns
    -------
    list of dict
        `stage`, `title`, `unit` (clips or results), `n_equal`, `n_different`, `n_only_a`, `n_only_b`, and `reasons`:
        how many results have each difference, the most frequent first.
    """
    keys: dict[tuple[str, str], list[Key]] = {}
    for key in [*a, *(key for key in b if key not in a)]:
        keys.setdefault(key[:2], []).append(key)
    order = list(stages.ROWS)
    names = sorted(keys, key=lambda name: (order.index(name[0]) if name[0] in order else len(order), name))
    known: dict[tuple[str, str], list[str]] = {}
    return [_difference(name, keys[name], a, b, known) for name in names]


def _difference(
    name: tuple[str, str],
    keys: list[Key],
    a: Mapping[Key, Made],
    b: Mapping[Key, Made],
    known: dict[tuple[str, str], list[str]],
) -> dict[str, Any]:
    stage, of = name
    both = [key for key in keys if key in a and key in b]
    different = [key for key in both if a[key] != b[key]]
    reasons = Counter(reason for key in different for reason in _reasons(a[key], b[key], known))
    row = stages.ROWS.get(stage)
    return {
        "stage": stage,
        "title": stage_names.computed(stage, of),
        "unit": "clips" if row is None or row.per_clip else "folds",
        "n_equal": len(both) - len(different),
        "n_different": len(different),
        "n_only_a": sum(key not in b for key in keys),
        "n_only_b": sum(key not in a for key in keys),
        "reasons": [[reason, n] for reason, n in reasons.most_common()],
    }


def _reasons(a: Made, b: Made, known: dict[tuple[str, str], list[str]]) -> Iterator[str]:
    if a.sha256 != b.sha256:
        yield "content of the clip changed"
    pair = (a.identity.digest, b.identity.digest)
    if pair not in known:
        known[pair] = identity_changes.changes(a.identity, b.identity)
    yield from known[pair]


def _of_clips(path: Path) -> dict[Key, Made]:
    recorded, names = _recorded(path)
    clips = dict(recorded.get("clips", [])) or dict.fromkeys(names, "")
    shared = Stage({key: value for key, value in recorded.items() if key != "clips"})
    return {(path.parent.name, "", clip): Made(shared, sha256) for clip, sha256 in clips.items()}


def _recorded(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Identity that a file records, and the names of its entries; no array is read."""
    with store.Reader(path, store.kind_of(path)) as reader:
        return reader.stage, list(reader.statuses)


def _place(name: str) -> tuple[str, str] | None:
    """Stage of a file of a fold, and what it holds; None for a further output of a stage, such as a model."""
    for stage, pattern in PATTERNS.items():
        if match := re.fullmatch(pattern, name):
            return stage, match["of"]
    match = CLASSIFIED.fullmatch(name)
    row = stages.CLASSIFIERS.get(match["classifier"]) if match else None
    return (row.stage, match["of"]) if match and row else None
