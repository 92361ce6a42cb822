import h5py
import numpy as np
import pytest

from emotiw.core.errors import StoreError
from emotiw.core.status import Status
from emotiw.jobs import differences, kinds, large_artefacts, store
from emotiw.jobs.store import Entry
from video_fixtures import faces_of

STAGE = {"settings": {}, "code": "abc"}


def features(n=5, d=3, **more):
    values = np.arange(n * d, dtype=np.float32).reshape(n, d)
    return Entry("clip-1", {"features": values, "time": np.arange(n) / 25}, **more)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "clip-1.h5"
    store.write(
        path, "frame_features", [features(), Entry("clip-2", status=Status.NO_FACE)], stage=STAGE, facts={"a": 1}
    )
    return path


def test_what_was_written_is_read(path):
    found = store.read(path, "frame_features")
    assert found.stage == STAGE
    assert found.facts == {"a": 1}
    np.testing.assert_array_equal(found.entries["clip-1"].arrays["features"], features().arrays["features"])
    assert found.entries["clip-2"] == Entry("clip-2", {}, Status.NO_FACE)


def test_statuses_come_without_arrays(path):
    assert store.statuses(path, "frame_features") == {"clip-1": Status.OK, "clip-2": Status.NO_FACE}


def test_zero_frames_are_kept(tmp_path):
    store.write(tmp_path / "x.h5", "frame_features", [features(0)], stage=STAGE)
    assert store.read(tmp_path / "x.h5", "frame_features").entries["clip-1"].arrays["features"].shape == (0, 3)


def test_the_same_content_gives_the_same_bytes(tmp_path, path):
    store.write(
        tmp_path / "b.h5",
        "frame_features",
        [features(), Entry("clip-2", status=Status.NO_FACE)],
        stage=STAGE,
        facts={"a": 1},
    )
    assert (tmp_path / "b.h5").read_bytes() == path.read_bytes()


def test_joined_artefacts_mean_what_they_meant_apart(tmp_path):
    values = features(1000, 40)
    parts = [values, Entry("clip-2", status=Status.NO_FACE, facts={"n": 1})]
    halved = [next(store.narrowed([part], "float16")) for part in parts]
    apart = [store.encode("frame_features", [part], stage=STAGE) for part in halved]
    joined = [store.join("frame_features", apart, stage=STAGE, facts={"a": 1}) for _ in range(2)]
    assert joined[0] == joined[1]
    (tmp_path / "x.h5").write_bytes(joined[0])
    store.write(tmp_path / "y.h5", "frame_features", halved, stage=STAGE, facts={"a": 1})
    found, expected = (store.read(tmp_path / name, "frame_features") for name in ("x.h5", "y.h5"))
    assert (found.stage, found.facts, found.statuses) == (expected.stage, expected.facts, expected.statuses)
    for name, entry in expected.entries.items():
        assert found.entries[name].facts == entry.facts
        for key, array in entry.arrays.items():
            np.testing.assert_array_equal(found.entries[name].arrays[key], array)


def test_an_entry_of_two_artefacts_is_refused():
    data = store.encode("frame_features", [features()], stage=STAGE)
    with pytest.raises(StoreError, match="'clip-1' occurs twice"):
        store.join("frame_features", [data, data], stage=STAGE)


def test_entries_can_be_read_by_name(path):
    assert list(store.read(path, "frame_features", names=["clip-2"]).entries) == ["clip-2"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"features": np.zeros((2, 3), np.float64), "time": np.zeros(2)}, "dtype float64, expected float32"),
        ({"features": np.zeros((2, 3), np.float32), "time": np.zeros(1)}, r"shape \(1,\), expected \(2,\)"),
        ({"features": np.zeros(2, np.float32), "time": np.zeros(2)}, r"shape \(2,\)"),
        ({"features": np.full((2, 3), np.nan, np.float32), "time": np.zeros(2)}, "holds NaN or infinity"),
        ({"features": np.zeros((2, 3), np.float32)}, r"has other arrays than 'frame_features' \(time\)"),
    ],
)
def test_arrays_of_another_schema_are_refused(tmp_path, arrays, message):
    with pytest.raises(StoreError, match=message):
        store.write(tmp_path / "x.h5", "frame_features", [Entry("c", arrays)], stage=STAGE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("storage", "size"), [("float32", 4), ("float16", 2)])
def test_features_are_stored_as_asked_and_read_as_float32(tmp_path, storage, size):
    path = tmp_path / "x.h5"
    values = np.geomspace(1e-3, 6e4, 15, dtype=np.float32).reshape(5, 3)
    entries = [Entry("c", {"features": values, "time": np.zeros(5)}), Entry("d", status=Status.NO_FACE)]
    store.write(path, "frame_features", store.narrowed(entries, storage), stage=STAGE)
    with h5py.File(path) as stream:
        assert stream["c/features"].dtype.itemsize == size
    found = store.read(path, "frame_features").entries
    assert found["c"].arrays["features"].dtype == np.float32
    np.testing.assert_allclose(found["c"].arrays["features"], values, rtol=2**-11 if size == 2 else 0)
    assert found["d"] == entries[1]


def portrait(n=6, side=64):
    """Faces that are smooth from row to row, as real ones are, with noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    shades = 255 * np.exp(-(x**2) - y**2)[..., None] * [0.9, 0.7, 0.6]
    chips = np.clip(shades + rng.normal(0, 2, (n, side, side, 3)), 0, 255).astype(np.uint8)
    chips[:, side // 2] = 255  # an edge over which differences wrap around
    return Entry("clip-1", faces_of(chips))


def test_faces_are_stored_as_differences_between_rows(tmp_path):
    path, entry = tmp_path / "x.h5", portrait()
    store.write(path, "faces", [entry], stage=STAGE)
    chips = entry.arrays["chips"].astype(int)
    with h5py.File(path) as stream:
        stored, size = stream["clip-1/chips"][()], stream["clip-1/chips"].id.get_storage_size()
        assert stream.attrs["schema_version"] == 2
    np.testing.assert_array_equal(stored[:, 1:], (chips[:, 1:] - chips[:, :-1]) % 256)
    np.testing.assert_array_equal(store.read(path, "faces").entries["clip-1"].arrays["chips"], chips)
    assert size < 0.8 * plain_size(tmp_path / "plain.h5", entry)


def plain_size(path, entry):
    """Write faces as they were stored before, in version 1 of the schema; the bytes of the chips in the file."""
    store.write(path, "faces", [entry], stage=STAGE)
    with h5py.File(path, "r+") as stream:
        stream.attrs["schema_version"] = 1
        del stream["clip-1/chips"]
        chips = stream["clip-1"].create_dataset("chips", data=entry.arrays["chips"], chunks=True, compression=1)
        return chips.id.get_storage_size()


def test_faces_of_the_former_schema_are_read(tmp_path):
    entry = portrait()
    plain_size(tmp_path / "x.h5", entry)
    found = store.read(tmp_path / "x.h5", "faces").entries["clip-1"]
    np.testing.assert_array_equal(found.arrays["chips"], entry.arrays["chips"])


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (1, 1, 5, 3), (3, 7, 2, 3)])
def test_differences_are_undone(shape):
    values = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(differences.summed(differences.between_rows(values)), values)


def test_only_faces_have_another_version_of_the_schema():
    assert {kind for kind in kinds.KINDS if kinds.version(kind) == 2} == {"faces"}


def test_a_value_beyond_half_precision_is_refused():
    entry = Entry("clip-1", {"features": np.array([[-7e4]], np.float32)})
    with pytest.raises(StoreError, match=r"clip-1/features: 70000 is above 65504, the largest float16; set the stor"):
        list(store.narrowed([entry], "float16"))


def test_only_features_may_be_stored_in_half_precision(tmp_path):
    audio = Entry("c", {"waveform": np.zeros(3, np.float16)})
    with pytest.raises(StoreError, match=r"c/waveform: dtype float16, expected float32"):
        store.write(tmp_path / "x.h5", "audio", [audio], stage=STAGE)


def test_a_name_given_twice_is_refused(tmp_path):
    with pytest.raises(StoreError, match="'clip-1' occurs twice"):
        store.write(tmp_path / "x.h5", "frame_features", [features(), features()], stage=STAGE)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"x.h5: missing; run the workflow"):
        store.read(tmp_path / "x.h5", "audio")


def test_a_missing_entry_is_named(path):
    with pytest.raises(StoreError, match="holds no entry 'clip-7'"):
        store.read(path, "frame_features", names=["clip-7"])


def test_another_kind_is_refused(path):
    with pytest.raises(StoreError, match="is 'frame_features' of schema 1, expected 'audio' of 1"):
        store.read(path, "audio")


def test_the_kind_of_a_file_can_be_asked_for(path, tmp_path):
    assert store.kind_of(path) == "frame_features"
    rewrite(path, lambda stream: stream.attrs.__setitem__("kind", "new"))
    with pytest.raises(StoreError, match=r"of the unknown kind 'new', expected one of audio, .*; delete it"):
        store.kind_of(path)
    with pytest.raises(StoreError, match=r"x.h5: missing"):
        store.kind_of(tmp_path / "x.h5")


def rewrite(path, change):
    with h5py.File(path, "r+") as stream:
        change(stream)


def replace_features(stream, **options):
    del stream["clip-1/features"]
    stream["clip-1"].create_dataset("features", **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.attrs.__setitem__("complete", False), "incomplete"),
        (lambda f: f.attrs.__setitem__("schema_version", 99), "of schema 99"),
        (lambda f: f["clip-2"].attrs.__setitem__("status", "ok"), "clip-2 contradicts its own record"),
        (lambda f: f.__delitem__("clip-1"), "unreadable|is a link"),
        (lambda f: f.__delitem__("meta"), "is a link"),
        (lambda f: f["clip-1"].__delitem__("time"), "has other datasets"),
        (lambda f: replace_features(f, data=np.zeros((5, 3))), "dtype float64"),
        (lambda f: replace_features(f, data=np.zeros((4, 3), np.float32)), r"shape \(5,\), expected \(4,\)"),
        (lambda f: replace_features(f, shape=(1 << 40, 9), dtype="f4", chunks=(1, 9)), "bytes, expected numbers"),
        (lambda f: replace_features(f, data=["a"], dtype=h5py.string_dtype()), "is object of"),
        (
            lambda f: replace_features(f, shape=(5, 3), dtype="f4", external=[("/etc/hostname", 0, 60)]),
            "not plain data",
        ),
        (lambda f: replace_features(f, data=np.full((5, 3), np.inf, np.float32)), "NaN or infinity"),
    ],
)
def test_an_altered_file_is_refused(path, change, message):
    rewrite(path, change)
    with pytest.raises(StoreError, match=message):
        store.read(path, "frame_features")


@pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "/x"), h5py.SoftLink("/clip-2")])
def test_a_link_to_elsewhere_is_refused(path, link):
    rewrite(path, lambda f: (f.__delitem__("clip-1"), f.__setitem__("clip-1", link)))
    with pytest.raises(StoreError, match="is a link, expected data of this file"):
        store.read(path, "frame_features")


def test_every_flipped_byte_is_noticed_or_harmless(path):
    whole = path.read_bytes()
    before = store.read(path, "frame_features")
    for position in range(0, len(whole), 23):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        try:
            after = store.read(path, "frame_features")
        except StoreError:
            continue
        assert after.facts == before.facts
        np.testing.assert_array_equal(
            after.entries["clip-1"].arrays["features"], before.entries["clip-1"].arrays["features"]
        )


def test_a_file_has_no_texts_without_checksums(path):
    assert b"GCOL" not in path.read_bytes(), "HDF5 can read a damaged heap of texts for minutes"


def test_attributes_as_texts_of_variable_length_are_read(path):
    before = store.read(path, "frame_features")
    with h5py.File(path, "r+") as stream:
        stream.attrs["kind"] = "frame_features"
        for name, entry in before.entries.items():
            stream[name].attrs["status"] = entry.status.value
    after = store.read(path, "frame_features")
    assert after.statuses == before.statuses
    assert store.kind_of(path) == "frame_features"


def test_flipped_bytes_of_the_mark_of_differences_are_noticed(tmp_path):
    path, expected = tmp_path / "x.h5", portrait(2, 8)
    store.write(path, "faces", [expected], stage=STAGE)
    whole = path.read_bytes()
    place = whole.index(differences.DIFFERENCES.encode())
    for position in range(place, place + len(differences.DIFFERENCES)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        with pytest.raises(StoreError, match="unreadable"):
            store.read(path, "faces")


@pytest.mark.parametrize("content", [b"", b"garbage", None])
def test_a_file_that_is_not_hdf5_is_refused(path, content):
    path.write_bytes(path.read_bytes()[:700] if content is None else content)
    with pytest.raises(StoreError, match=r"unreadable \(.*\); delete it and run"):
        store.read(path, "frame_features")


def test_an_artefact_written_entry_by_entry_is_read_as_any_other(tmp_path):
    facts = {}

    def entries():
        for i in range(3):
            facts[f"made {i}"] = i
            yield store.Entry(f"{i}", {"matrix": np.full((4, 2 + i), float(i))})

    path = tmp_path / "kernels.h5"
    large_artefacts.write(path, "kernels", entries(), stage={"name": "kernels"}, facts=facts)
    found = store.read(path, "kernels")
    assert found.facts == {"made 0": 0, "made 1": 1, "made 2": 2}
    assert found.entries["2"].arrays["matrix"].shape == (4, 4)
    with store.Reader(path, "kernels") as reader:
        lazy = large_artefacts.ArrayOfEntry(reader, "matrix")
        assert list(lazy) == ["0", "1", "2"]
        np.testing.assert_array_equal(lazy["1"], found.entries["1"].arrays["matrix"])
    assert [path.name for path in tmp_path.iterdir()] == ["kernels.h5"]


def test_an_artefact_whose_entries_fail_leaves_nothing(tmp_path):
    def entries():
        yield store.Entry("a", {"matrix": np.zeros((2, 2))})
        raise StoreError("the second entry fails")

    with pytest.raises(StoreError, match="the second entry fails"):
        large_artefacts.write(tmp_path / "kernels.h5", "kernels", entries(), stage={}, facts={})
    assert not list(tmp_path.iterdir())
