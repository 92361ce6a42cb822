"""Files of features from elsewhere: what is read of each format, and what is refused."""

import io
import pickle
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pytest

from emotiw.core.errors import FeatureError
from emotiw.core.status import Status
from emotiw.imports import contents, reading
from emotiw.imports.reading import Reading
from emotiw.jobs import kinds, store
from imports_fixtures import CLIP, CLIPS, FORMATS, FRAME, table, values, write_all, write_one

ALL = {"frame": Reading("frame", of_all=True), "clip": Reading("clip", of_all=True)}
ONE = {"frame": FRAME, "clip": CLIP}


def read(path, how=FRAME, clip=None):
    """Entry of a clip, and the hash of its content."""
    with contents.opened(path, how) as file:
        name = clip or path.stem
        content = file.content(name)
        return contents.entry(name, content, how, str(path)), content.sha256


def entry(path, how=FRAME, clip=None):
    return read(path, how, clip)[0]


def arrays(path, how=FRAME, clip=None):
    return entry(path, how, clip).arrays


# --- formats -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["frame", "clip"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_one_clip_gives_what_was_written(tmp_path, form, level):
    expected, times = values("b-1", level)
    found = arrays(write_one(tmp_path, "b-1", form, level), ONE[level])
    np.testing.assert_array_equal(found["features"], expected)
    if level == "frame":
        np.testing.assert_array_equal(found["time"], times)
    assert set(found) == ({"features", "time"} if level == "frame" else {"features"})


@pytest.mark.parametrize("level", ["frame", "clip"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_of_all_clips_gives_what_was_written_of_each(tmp_path, form, level):
    path = write_all(tmp_path, form, level)
    with contents.opened(path, ALL[level]) as file:
        assert sorted(file.clips) == sorted(CLIPS)
    for clip in CLIPS:
        expected, times = values(clip, level)
        found = arrays(path, ALL[level], clip)
        np.testing.assert_array_equal(found["features"], expected)
        if level == "frame":
            np.testing.assert_array_equal(found["time"], times)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_single_array_is_numpy_s_own_reading_of_it(tmp_path, order):
    np.save(tmp_path / "a.npy", np.asarray(values("a")[0], order=order))
    found = arrays(tmp_path / "a.npy", replace(FRAME, frame_step_s=0.02))
    np.testing.assert_array_equal(found["features"], np.load(tmp_path / "a.npy"))
    np.testing.assert_allclose(found["time"], [0, 0.02, 0.04, 0.06])


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f4", "<i4", "|u1"])
def test_numbers_of_any_type_become_float32_or_float16_that_loses_nothing(tmp_path, dtype):
    given = (100 * np.abs(values("a")[0])).astype(dtype)
    np.save(tmp_path / "a.npy", given)
    found = arrays(tmp_path / "a.npy", replace(FRAME, frame_step_s=1))["features"]
    np.testing.assert_array_equal(found.astype(np.float32), given.astype(np.float32))
    assert found.dtype in (np.float16, np.float32)


def test_half_precision_stays_half_precision(tmp_path):
    np.savez(tmp_path / "a.npz", features=values("a")[0].astype(np.float16), time=values("a")[1])
    assert arrays(tmp_path / "a.npz")["features"].dtype == np.float16


def test_arrays_may_have_names_of_their_own(tmp_path):
    features, times = values("a")
    np.savez(tmp_path / "a.npz", hidden=features, t=times, other=features + 1)
    how = replace(FRAME, array="hidden", times="t")
    np.testing.assert_array_equal(arrays(tmp_path / "a.npz", how)["features"], features)
    np.savez(tmp_path / "b.npz", features)
    np.testing.assert_array_equal(arrays(tmp_path / "b.npz", replace(FRAME, frame_step_s=1))["features"], features)


@pytest.mark.parametrize("form", ["npz", "h5"])
def test_a_file_of_all_clips_may_hold_an_array_for_each(tmp_path, form):
    named = {clip: values(clip, "clip")[0] for clip in CLIPS}
    if form == "npz":
        np.savez(path := tmp_path / "all.npz", **named)
    else:
        with h5py.File(path := tmp_path / "all.h5", "w") as file:
            for clip, array in named.items():
                file[clip] = array
    for clip in CLIPS:
        np.testing.assert_array_equal(arrays(path, ALL["clip"], clip)["features"], named[clip])


def test_an_artefact_of_this_project_keeps_status_and_facts(tmp_path):
    features, times = values("a")
    entries = [
        store.Entry("quiet", {"features": features, "time": times}, Status.SILENT_AUDIO, {"peak": 0.0}),
        store.Entry("nobody", {}, Status.NO_FACE, {"n_frames": 9}),
    ]
    store.write(tmp_path / "batch-1.h5", "frame_features", entries, stage={})
    quiet, nobody = (entry(tmp_path / "batch-1.h5", FRAME, name) for name in ("quiet", "nobody"))
    assert (quiet.status, quiet.facts) == (Status.SILENT_AUDIO, {"peak": 0.0})
    np.testing.assert_array_equal(quiet.arrays["features"], features)
    assert (nobody.status, nobody.facts, nobody.arrays) == (Status.NO_FACE, {"n_frames": 9}, {})


def test_half_precision_of_an_artefact_survives_bit_for_bit(tmp_path):
    features = values("a")[0].astype(np.float16)
    given = store.Entry("a", {"features": features, "time": values("a")[1]})
    store.write(tmp_path / "a.h5", "frame_features", [given], stage={})
    found = entry(tmp_path / "a.h5")
    store.write(tmp_path / "again.h5", "frame_features", [found], stage={})
    assert (tmp_path / "again.h5").read_bytes() == (tmp_path / "a.h5").read_bytes()


@pytest.mark.parametrize("form", FORMATS)
def test_the_hash_of_a_clip_covers_its_content_and_no_other_clip(tmp_path, form, monkeypatch):
    path = write_all(tmp_path, form)
    before = {clip: read(path, ALL["frame"], clip)[1] for clip in CLIPS}
    monkeypatch.setattr("imports_fixtures.values", _changed)
    write_all(tmp_path, form)
    after = {clip: read(path, ALL["frame"], clip)[1] for clip in CLIPS}
    assert [clip for clip in CLIPS if before[clip] != after[clip]] == ["b-1"]


def _changed(clip, level="frame", dtype=np.float32):
    features, times = values(clip, level, dtype)
    return features + (clip == "b-1"), times


# --- tables of known programs ------------------------------------------------------------------------------------

OPENFACE = (
    "frame, face_id, timestamp, confidence, success, gaze_0_x, gaze_angle_x, gaze_angle_y, pose_Tx, pose_Rx,"
    " AU01_r, AU12_r, AU01_c"
)


def openface_row(frame, face, success, shift=0.0):
    return [frame, face, f"{frame / 25:.3f}", 0.98, success, 9, *(shift + frame + i / 8 for i in range(3)), 5, 6, 7, 8]


def openface(path, rows):
    names = OPENFACE.split(", ")
    return table(path, [[f" {cell}" for cell in row] for row in rows], [names[0], *(f" {name}" for name in names[1:])])


def test_openface_gives_what_the_longest_face_does_where_it_was_followed(tmp_path):
    rows = [openface_row(1, 0, 1, 100), *(openface_row(i, 1, 1) for i in (1, 2)), openface_row(3, 1, 0)]
    path = openface(tmp_path / "a.csv", [*rows, openface_row(4, 1, 1)])
    found = entry(path)
    # AU01_r, AU12_r, gaze_angle_x, gaze_angle_y, pose_Rx, as written
    by_name = np.genfromtxt(path, delimiter=",", names=True)[[1, 2, 4]]
    wanted = ["AU01_r", "AU12_r", "gaze_angle_x", "gaze_angle_y", "pose_Rx"]
    np.testing.assert_array_equal(
        found.arrays["features"], np.stack([by_name[name] for name in wanted], 1).astype(np.float32)
    )
    np.testing.assert_allclose(found.arrays["time"], [0.04, 0.08, 0.16])
    assert found.facts == {"rows": 5, "successful": 4, "faces": 2}


def test_of_two_faces_followed_equally_long_the_first_is_taken(tmp_path):
    path = openface(tmp_path / "a.csv", [openface_row(i, face, 1, 50 * face) for face in (1, 0) for i in (1, 2)])
    np.testing.assert_allclose(arrays(path)["features"][:, 2], [1.125 - 0.125, 2.0])


def test_columns_of_openface_can_be_chosen(tmp_path):
    path = openface(tmp_path / "a.csv", [openface_row(i, 0, 1) for i in (1, 2)])
    found = arrays(path, replace(FRAME, columns=("pose_*", "AU01_c")))["features"]
    np.testing.assert_allclose(found, [[1.25, 5, 8], [2.25, 5, 8]])


def test_a_table_of_openface_without_a_face_has_no_frames(tmp_path):
    found = entry(openface(tmp_path / "a.csv", [openface_row(i, 0, 0) for i in (1, 2)]))
    assert (found.status, found.arrays, found.facts["reason"]) == (Status.NO_FEATURE, {}, "no frames")


def test_low_level_descriptors_of_opensmile_have_its_times(tmp_path):
    rows = [["'unknown'", f"{i / 100:.6f}", i + 0.5, i * 2] for i in range(3)]
    path = table(tmp_path / "a.csv", rows, ["name", "frameTime", "F0_sma", "pcm_sma[0]"], ";")
    found = arrays(path)
    np.testing.assert_array_equal(found["features"], [[0.5, 0], [1.5, 2], [2.5, 4]])
    np.testing.assert_array_equal(found["time"], [0, 0.01, 0.02])


def test_functionals_of_opensmile_are_a_vector_a_clip(tmp_path):
    rows = [["'a'", "0.000000", 1.5, 2], ["'clips/b-1.wav'", "0.000000", 3.5, 4]]
    path = table(tmp_path / "all.csv", rows, ["name", "frameTime", "x", "y"], ";")
    np.testing.assert_array_equal(arrays(path, ALL["clip"], "b-1")["features"], [3.5, 4])
    np.testing.assert_array_equal(arrays(path, ALL["clip"], "a")["features"], [1.5, 2])


def test_tables_of_opensmile_python_name_files_and_time_spans(tmp_path):
    opensmile = pytest.importorskip("opensmile")
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors)
    sound = np.sin(np.arange(16000) * 0.06).astype(np.float32)
    frame = smile.process_signal(sound, 16000, file="/far/c.d.wav")
    frame.reset_index().to_csv(tmp_path / "all.csv", index=False)
    found = arrays(tmp_path / "all.csv", ALL["frame"], "c.d")
    np.testing.assert_array_equal(found["features"], frame.to_numpy(np.float32))
    starts = frame.index.get_level_values("start").total_seconds()
    np.testing.assert_allclose(found["time"], starts, atol=1e-9)


def test_a_byte_order_mark_windows_line_ends_and_quotes_are_read(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbftime,"x, y"\r\n0,1\r\n1,"2"\r\n\r\n')
    np.testing.assert_array_equal(arrays(tmp_path / "a.csv")["features"], [[1], [2]])


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", r"a\.csv:1: is empty, expected a header"),
        ("time,x\n0,1\n1,low\n", r"a\.csv:3: column 'x' holds 'low', expected a finite number"),
        ("time,x\n0,nan\n", r"a\.csv:2: column 'x' holds 'nan'"),
        ("time,x\n0,-inf\n", r"a\.csv:2: column 'x' holds '-inf'"),
        ("time,x\n0,1_0\n", r"a\.csv:2: column 'x' holds '1_0'"),
        ("time;x\n0;1,5\n", r"a\.csv:2: column 'x' holds '1,5', expected a finite number with a decimal point"),
        ("time,x\n0,1\n1\n", r"a\.csv:3: 1 values, expected 2 as in the header"),
        ("time,x,x\n0,1,1\n", r"a\.csv:1: has the columns x twice"),
        ('time,x\n0,"1\n', r"a\.csv:2: not a line of a table"),
        ("time,x\n0,\udcff\n", r"a\.csv:2: not a line of a table in UTF-8"),
        ("time\n0\n", r"a\.csv:1: no column of values matches \*; it has time; set columns"),
        ("x\n1\n", r"a\.csv: has no times; add them \(array or column 'time'\) or set frame_step_s"),
        (
            "time,x\n1,1\n0,1\n",
            r"times that do not increase \(frame 0 at 1 s, frame 1 at 0 s\); sort the frames or set",
        ),
        ("time,x\n0,1\n0,1\n", r"times that do not increase"),
        ("clip,time,x\na,0,1\nb,0,1\n", r"a\.csv: has rows of 2 clips \(a, b \.\.\.\), expected one"),
    ],
)
def test_a_faulty_table_is_refused_with_its_line(tmp_path, text, match):
    (tmp_path / "a.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(FeatureError, match=match):
        entry(tmp_path / "a.csv")


def test_a_table_of_all_clips_needs_their_names(tmp_path):
    with pytest.raises(FeatureError, match=r"all\.csv:1: has no column with the names of clips"):
        entry(table(tmp_path / "all.csv", [[0, 1]], ["time", "x"]), ALL["frame"], "a")


def test_a_pattern_that_matches_no_column_is_refused(tmp_path):
    path = table(tmp_path / "a.csv", [[0, 1]], ["time", "AU01_r"])
    with pytest.raises(FeatureError, match=r"no column of values matches AU\*_c; it has time, AU01_r; set columns"):
        entry(path, replace(FRAME, columns=("AU*_c", "AU*_r")))
    with pytest.raises(FeatureError, match=r"a\.csv:1: has no column 't'; correct times"):
        entry(path, replace(FRAME, times="t"))


def test_a_table_is_bounded(tmp_path, monkeypatch):
    path = table(tmp_path / "a.csv", [[i, 1] for i in range(100)], ["time", "x"])
    monkeypatch.setattr("emotiw.imports.csv_files.MAX_BYTES", 99)
    with pytest.raises(FeatureError, match=r"more than 99 bytes of text; save it as \.npz or HDF5"):
        entry(path)
    monkeypatch.setattr("emotiw.imports.csv_files.MAX_LINE", 3)
    with pytest.raises(FeatureError, match=r"a\.csv:1: longer than 3 bytes"):
        entry(path)


class Exploding:
    """An object whose pickle would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (io.open, (str(self.path), "w"))


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_objects_are_refused_and_never_opened(tmp_path, suffix):
    bomb = np.array([Exploding(tmp_path / "opened")], dtype=object)
    path = tmp_path / f"a.{suffix}"
    np.save(path, bomb) if suffix == "npy" else np.savez(path, features=bomb)
    with pytest.raises(FeatureError, match="is an array of objects, which is a pickle and never opened"):
        entry(path)
    path.write_bytes(pickle.dumps(Exploding(tmp_path / "opened")))
    with pytest.raises(FeatureError, match=r"not an array in NumPy's format|not a readable archive of arrays"):
        entry(path)
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.zeros((2, 3), complex), "is complex128, expected integers, float16"),
        (np.array(["x"]), "is <U1, expected integers"),
        (np.zeros(2, [("x", "f4")]), "expected integers"),
        (np.zeros(4, np.float32), r"has the shape \(4,\), expected \(frames, values\); correct level or the file"),
        (np.zeros((2, 3, 4)), r"has the shape \(2, 3, 4\), expected \(frames, values\)"),
        (np.zeros((2, 0)), r"has the shape \(2, 0\), expected \(frames, values\)"),
        (np.array([[1, 2], [np.nan, 4]]), r"holds nan at \[1, 0\], expected finite numbers"),
        (np.array([[1, np.inf]]), r"holds inf at \[0, 1\]"),
        (np.array([[1, -1e300]]), r"holds 1e\+300, too large for float32; scale the values"),
        (np.zeros((3, 2)), r"has times of shape \(2,\), expected a finite one for each of 3 frames"),
    ],
)
def test_a_faulty_array_is_refused(tmp_path, array, match):
    np.savez(tmp_path / "a.npz", features=array, time=np.arange(2.0))
    with pytest.raises(FeatureError, match=match):
        entry(tmp_path / "a.npz")


def test_several_rows_are_no_vector(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3)))
    with pytest.raises(FeatureError, match=r"has the shape \(2, 3\), expected \(values,\)"):
        entry(tmp_path / "a.npy", CLIP)
    np.save(tmp_path / "a.npy", np.ones((1, 3)))
    np.testing.assert_array_equal(arrays(tmp_path / "a.npy", CLIP)["features"], [1, 1, 1])


def test_no_frames_are_a_status(tmp_path):
    np.savez(tmp_path / "a.npz", features=np.zeros((0, 3)), time=np.zeros(0))
    found = entry(tmp_path / "a.npz")
    assert (found.status, found.facts, found.arrays) == (Status.NO_FEATURE, {"reason": "no frames"}, {})


def npy(shape, data=b"", descr="<f4"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue() + data


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (npy((1 << 40, 1 << 10)), r"declares the shape \(1099511627776, 1024\), .* at most 1073741824 a clip"),
        (npy((-1, 2)), r"declares the shape \(-1, 2\)"),
        (npy((4, 2), b"1234"), "4 bytes follow its header, expected 32; get the file again"),
        (npy((1, 1), b"12345678"), "8 bytes follow its header, expected 4"),
        (npy((2, 2))[:20], "not an array in NumPy's format"),
        (b"", "not an array in NumPy's format"),
        (b"\x93NUMPY\x09\x00" + bytes(20), "not an array in NumPy's format|NumPy's format"),
    ],
)
def test_a_damaged_array_is_refused_before_memory_is_taken(tmp_path, data, match):
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(FeatureError, match=match):
        entry(tmp_path / "a.npy", replace(FRAME, frame_step_s=1))


def test_an_archive_cannot_grow_beyond_what_its_header_declares(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("features.npy", npy((1 << 30, 1), bytes(1 << 20)))
    with pytest.raises(FeatureError, match="declares the shape"):
        entry(tmp_path / "a.npz")


@pytest.mark.parametrize("damage", [lambda data: data[:-30], lambda data: b"hello", lambda data: b"PK" + data[2:50]])
def test_a_damaged_archive_is_refused(tmp_path, damage):
    path = write_one(tmp_path, "a", "npz")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FeatureError, match=r"a\.npz: not a readable archive of arrays"):
        entry(path)


def test_a_flipped_bit_in_an_archive_is_noticed(tmp_path):
    path = write_one(tmp_path, "a", "npz")
    data = bytearray(path.read_bytes())
    data[data.index(values("a")[0].tobytes()) + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(FeatureError, match="Bad CRC-32"):
        entry(path)


def test_it_must_be_clear_which_array_holds_the_values(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones((2, 2)), y=np.ones((2, 2)))
    with pytest.raises(FeatureError, match=r"has no array 'features', but 'x', 'y'; set array to one of them"):
        entry(tmp_path / "a.npz")
    with pytest.raises(FeatureError, match=r"has no array 't', but 'x', 'y'; correct times"):
        entry(tmp_path / "a.npz", replace(FRAME, array="x", times="t"))


def test_a_single_array_cannot_name_clips(tmp_path):
    np.save(tmp_path / "all.npy", np.ones((2, 2)))
    with pytest.raises(FeatureError, match=r"all\.npy: an \.npy file names no clips; expected a folder of such files"):
        entry(tmp_path / "all.npy", ALL["clip"], "a")


def virtual(file, path):
    layout = h5py.VirtualLayout((2, 2), "f8")
    layout[:] = h5py.VirtualSource(str(path.with_name("other.h5")), "features", (2, 2))
    file.create_virtual_dataset("features", layout)


def outside(file, path):
    file.create_dataset("features", (2, 2), "f4", external=[(str(path.with_name("raw")), 0, 16)])


HOSTILE = {
    "external link": lambda file, _: file.update({"features": h5py.ExternalLink("other.h5", "features")}),
    "soft link": lambda file, _: file.update({"features": h5py.SoftLink("/time")}),
    "external data": outside,
    "virtual": virtual,
    "text": lambda file, _: file.create_dataset("features", data=["x", "y"], dtype=h5py.string_dtype()),
    "lists": lambda file, _: file.create_dataset("features", (2,), h5py.vlen_dtype(np.float32)),
    "references": lambda file, _: file.create_dataset("features", (2,), h5py.ref_dtype),
    "huge": lambda file, _: file.create_dataset("features", (1 << 40, 8), "f4", chunks=(1, 8)),
    "group": lambda file, _: file.create_group("features"),
    "empty": lambda file, _: file.update({"features": h5py.Empty("f4")}),
}


def hostile(path, kind):
    """HDF5 file whose dataset `features` is not plain numbers of this file."""
    with h5py.File(path.with_name("other.h5"), "w") as other:
        other["features"] = np.ones((2, 2))
    path.with_name("raw").write_bytes(bytes(16))
    with h5py.File(path, "w") as file:
        file["time"] = np.arange(2.0)
        HOSTILE[kind](file, path)
    return path


@pytest.mark.parametrize(
    ("kind", "match"),
    [
        ("external link", "'features' is a link, expected data of this file"),
        ("soft link", "'features' is a link"),
        ("external data", "is no plain dataset of this file"),
        ("virtual", "is no plain dataset of this file"),
        ("text", "is an array of objects"),
        ("lists", "is an array of objects"),
        ("references", "is an array of objects"),
        ("huge", r"declares the shape \(1099511627776, 8\)"),
        ("group", "is no plain dataset"),
        ("empty", "is no plain dataset"),
    ],
)
def test_hdf5_that_is_not_plain_numbers_is_refused(tmp_path, kind, match):
    with pytest.raises(FeatureError, match=match):
        entry(hostile(tmp_path / "a.h5", kind), replace(FRAME, array="features"))


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"hello", lambda data: b""])
def test_a_damaged_hdf5_file_is_refused(tmp_path, damage):
    path = write_one(tmp_path, "a", "h5")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FeatureError, match=r"a\.h5: not a readable HDF5 file"):
        entry(path)


def test_an_artefact_of_the_other_level_or_altered_is_refused(tmp_path):
    path = write_one(tmp_path, "a", "artefact")
    with pytest.raises(FeatureError, match=r"a\.h5: holds frame_features, expected clip_features; correct level or"):
        entry(path, CLIP)
    with h5py.File(path, "a") as file:
        del file["a/features"]
        file["a/features"] = np.full((4, 3), np.nan, np.float32)
    with pytest.raises(FeatureError, match="holds NaN or infinity"):
        entry(path)


def test_any_bytes_are_read_or_refused(tmp_path):
    """Files with flipped bytes never raise anything but FeatureError."""
    rng = np.random.default_rng(0)
    for form in FORMATS:
        data = write_one(tmp_path, "a", form).read_bytes()
        suffix = "h5" if form == "artefact" else form
        for _ in range(40):
            damaged = bytearray(data)
            for i in rng.integers(len(data), size=3):
                damaged[i] = rng.integers(256)
            (tmp_path / f"x.{suffix}").write_bytes(damaged)
            try:
                with contents.opened(tmp_path / f"x.{suffix}", FRAME) as file:
                    for clip in file.clips:
                        contents.entry(clip, file.content(clip), FRAME, "x")
            except FeatureError:
                pass


def test_the_settings_of_an_import_decide_the_reading():
    section = {"modality": "audio", "level": "frame", "path": "x", "licence": "MIT", "columns": ["a*"], "times": None}
    assert Reading.of(section, of_all=True) == Reading("frame", of_all=True, columns=("a*",))
    assert reading.KINDS["clip"] in kinds.KINDS
