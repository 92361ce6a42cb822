"""The clips of each job and fold of a run: the folds of the manifest's protocol, their inner folds, and the jobs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any

from emotiw.corpora import manifest as manifests
from emotiw.corpora import splits
from emotiw.corpora.manifest import Manifest
from emotiw.corpora.splits import SPLITS, Fold
from emotiw.jobs import identity


class Protocol:
    """Clips, jobs and folds of a run.

    Parameters
    ----------
    config : mapping
        The checked configuration.
    manifest : Manifest
        The checked corpus.

    Attributes
    ----------
    folds : dict of str to Fold
        Folds of the protocol, by name.
    """

    def __init__(self, config: Mapping[str, Any], manifest: Manifest) -> None:
        self.manifest = manifest
        self.folds = manifests.folds(manifest)
        self._n_inner = config["video"]["inner_folds"] if config["fusion"]["calibration"] == "training" else 0
        self._inner: dict[str, dict[str, Fold]] = {}

    @cached_property
    def clips_of_job(self) -> dict[str, list[str]]:
        """Ids of the clips of each job, in the order of the manifest."""
        clips: dict[str, list[str]] = {}
        for row in self.manifest.rows:
            clips.setdefault(row.job, []).append(row.clip)
        return clips

    def media(self, job: str) -> list[str]:
        """Paths of the clips of a job."""
        return [str(self.manifest.row_of_clip[clip].path) for clip in self.clips_of_job[job]]

    def jobs(self, stream: str, fold: str | None = None, parts: Sequence[str] = SPLITS) -> list[str]:
        """Sorted names of the jobs with a clip that has a stream.

        Parameters
        ----------
        stream : str
            `video` or `audio`; empty for all jobs.
        fold, parts : str or None, sequence of str
            Fold, and its parts, whose clips the jobs hold; all jobs if `fold` is None.
        """
        made = self.manifest.jobs_with.get(stream, self.manifest.jobs)
        if fold is None:
            return sorted(made)
        rows = self.manifest.row_of_clip
        return sorted({rows[clip].job for part in parts for clip in getattr(self.fold(fold), part)} & made)

    @cached_property
    def modalities(self) -> tuple[str, ...]:
        """Modalities of which any clip has a stream."""
        return tuple(modality for modality, made in self.manifest.jobs_with.items() if made)

    def fold(self, name: str) -> Fold:
        """Fold of this name: a fold of the protocol, or an inner fold of one."""
        outer, part, _ = splits.split_inner_name(name)
        return self.inner_folds(outer)[name] if part else self.folds[name]

    def inner_folds(self, fold: str) -> dict[str, Fold]:
        """Inner folds of a fold, by name; their networks give the out-of-fold scores that calibrate the fusion.

        Empty if `fusion.calibration` is not `training`.
        """
        if not self._n_inner:
            return {}
        if fold not in self._inner:
            self._inner[fold] = manifests.held_out(self.manifest, self.folds[fold], self._n_inner)
        return self._inner[fold]

    def clips_digest(self, job: str) -> str:
        """SHA-256 of the ids and the file hashes of a job's clips."""
        rows = self.manifest.row_of_clip
        return identity.clips_digest([(clip, rows[clip].sha256) for clip in self.clips_of_job[job]])

    def rows_digest(self, fold: str, parts: Sequence[str], *, films: bool) -> str:
        """SHA-256 of the label set and of the manifest columns read of parts of a fold.

        `film` is read only with `films`, `corpus` only in a run of several corpora.
        """
        several = any(row.corpus for row in self.manifest.rows)
        others = [name for name, is_read in (("film", films), ("corpus", several)) if is_read]
        columns = attrgetter("clip", "label", "subject", "sha256", *others)
        rows = self.manifest.row_of_clip
        read = {part: [columns(rows[clip]) for clip in getattr(self.fold(fold), part)] for part in parts}
        return hashlib.sha256(json.dumps([self.manifest.classes, read]).encode()).hexdigest()
