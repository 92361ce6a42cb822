"""Per-clip artefacts gathered for a model."""

import numpy as np
import pytest

from emotiw.core.errors import ManifestError, StoreError
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest, Row
from emotiw.corpora.splits import Fold
from emotiw.jobs import gather, store


def entry(clip):
    return store.Entry(clip, {"features": np.full(3, ord(clip), np.float32)})


@pytest.fixture
def made(tmp_path):
    jobs = {"a": "batch-0", "b": "batch-1", "c": "batch-0", "d": "batch-1"}
    for job in ("batch-0", "batch-1"):
        entries = [entry(clip) for clip, owner in jobs.items() if owner == job and clip != "d"]
        entries += [store.Entry("d", status=Status.NO_AUDIO)] if job == "batch-1" else []
        store.write(tmp_path / f"{job}.h5", "clip_features", entries, stage={})
    return Manifest(
        tuple(Row(clip, clip, "fear", clip, "train", job=job) for clip, job in jobs.items()), ("fear",), "csv"
    )


def test_entries_come_in_the_order_asked_whatever_their_file(made, tmp_path):
    entries = gather.load(made, tmp_path, "clip_features", ["c", "b", "a"])
    assert list(entries) == ["c", "b", "a"]
    assert entries["b"].arrays["features"][0] == ord("b")


def test_a_clip_without_features_has_its_status(made, tmp_path):
    assert gather.load(made, tmp_path, "clip_features", iter("d"))["d"].status == Status.NO_AUDIO


def test_files_of_other_clips_are_not_opened(made, tmp_path):
    (tmp_path / "batch-1.h5").unlink()
    assert list(gather.load(made, tmp_path, "clip_features", ["a"])) == ["a"]


def test_a_missing_file_is_refused(made, tmp_path):
    (tmp_path / "batch-1.h5").unlink()
    with pytest.raises(StoreError, match=r"batch-1\.h5: missing"):
        gather.load(made, tmp_path, "clip_features", ["a", "b"])


def test_strange_clips_are_named(made, tmp_path):
    with pytest.raises(ManifestError, match="clips x, y are not in the manifest of csv"):
        gather.load(made, tmp_path, "clip_features", ["a", "x", "y"])


def test_usable_clips_come_with_their_rows_and_parts_training_first(made, tmp_path):
    fold = Fold("official", train=("c",), val=("d",), test=("a", "b"))
    found = gather.usable(made, fold, tmp_path, "clip_features")
    assert [(row.clip, part, entry.name) for row, part, entry in found] == [
        ("c", "train", "c"), ("a", "test", "a"), ("b", "test", "b"),
    ]  # fmt: skip
