"""Per-clip artefacts gathered for a model."""

from dataclasses import replace

import numpy as np
import pytest

from emotiw.core.errors import ManifestError, StoreError
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest, Row
from emotiw.corpora.splits import Fold
from emotiw.jobs import gather, store
from emotiw.jobs.gather import Source


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
    entries = gather.load(made, Source(tmp_path, "clip_features"), ["c", "b", "a"])
    assert list(entries) == ["c", "b", "a"]
    assert entries["b"].arrays["features"][0] == ord("b")


def test_a_clip_without_features_has_its_status(made, tmp_path):
    assert gather.load(made, Source(tmp_path, "clip_features"), iter("d"))["d"].status == Status.NO_AUDIO


def test_files_of_other_clips_are_not_opened(made, tmp_path):
    (tmp_path / "batch-1.h5").unlink()
    assert list(gather.load(made, Source(tmp_path, "clip_features"), ["a"])) == ["a"]


def test_a_missing_file_is_refused(made, tmp_path):
    (tmp_path / "batch-1.h5").unlink()
    with pytest.raises(StoreError, match=r"batch-1\.h5: missing"):
        gather.load(made, Source(tmp_path, "clip_features"), ["a", "b"])


def test_strange_clips_are_named(made, tmp_path):
    with pytest.raises(ManifestError, match="clips x, y are not in the manifest of csv"):
        gather.load(made, Source(tmp_path, "clip_features"), ["a", "x", "y"])


def test_usable_clips_come_with_their_rows_and_parts_training_first(made, tmp_path):
    fold = Fold("official", train=("c",), val=("d",), test=("a", "b"))
    found = gather.usable(made, fold, Source(tmp_path, "clip_features"))
    assert [(row.clip, part, entry.name) for row, part, entry in found] == [
        ("c", "train", "c"), ("a", "test", "a"), ("b", "test", "b"),
    ]  # fmt: skip


def without_sound(made):
    """The corpus, where the header of every clip of `batch-1` tells of a picture and of no sound."""
    header = {"format": "mp4", "width": "64", "height": "64", "fps": "25"}
    rows = tuple(replace(row, **header) if row.job == "batch-1" else row for row in made.rows)
    return replace(made, rows=rows)


def test_a_clip_without_sound_has_that_status_though_no_file_was_made(made, tmp_path):
    (tmp_path / "batch-1.h5").unlink()
    source = Source(tmp_path, "clip_features", "audio")
    entries = gather.load(without_sound(made), source, ["b", "a"])
    assert [entry.status for entry in entries.values()] == [Status.NO_AUDIO, Status.OK]
    assert gather.jobs_with(without_sound(made), "audio") == {"batch-0"}


def test_a_clip_without_pictures_has_that_status_though_no_file_was_made(made, tmp_path):
    sound = tuple(replace(row, format="wav", rate_hz="16000", channels="1") for row in made.rows)
    entries = gather.load(replace(made, rows=sound), Source(tmp_path / "none", "faces", "video"), ["a"])
    assert entries["a"].status == Status.NO_VIDEO


def test_files_tell_what_they_have_in_common(made, tmp_path):
    store.write(tmp_path / "batch-0.h5", "clip_features", [entry("a")], stage={}, facts={"columns": ["x"]})
    assert Source(tmp_path, "clip_features", "audio").facts(made) == {"columns": ["x"]}
    silent = replace(made, rows=tuple(replace(row, format="mp4", width="64") for row in made.rows))
    assert Source(tmp_path / "none", "clip_features", "audio").facts(silent) == {}
