"""Faces: the rule of choice, the track, the boxes, and what is recorded of clips without faces."""

import runpy
from functools import cache

import dlib
import numpy as np
import pytest
from skimage.data import astronaut
from skimage.transform import resize

import media_fixtures as make
from emotiw import acquisition, faces, files, media, store
from emotiw.errors import MediaError
from emotiw.faces import Face
from emotiw.stage import Stage
from emotiw.status import Status
from emotiw.store import Entry
from test_weights import digest, local, train_predictor

SETTINGS = {
    "frame_step": 1,
    "upsample": 0,
    "track": True,
    "select": "largest",
    "chip_size": 64,
    "chip_padding": 0.25,
    "min_frames": 2,
}
LIMITS = {"max_pixels": 16777216, "max_duration_s": 600.0, "min_decoded_fraction": 0.98}
BLANK = np.zeros((200, 300, 3), np.uint8)


def predictor(image, box):
    """Five points at fixed places in the box."""
    places = [(0.8, 0.3), (0.6, 0.3), (0.2, 0.3), (0.4, 0.3), (0.5, 0.6)]
    points = [dlib.point(box.left() + int(x * box.width()), box.top() + int(y * box.height())) for x, y in places]
    return dlib.full_object_detection(box, dlib.points(points))


def scripted(*answers):
    """Return a detector that gives these faces one call after the other, and the shapes of the pictures it saw."""
    remaining, shapes = list(answers), []

    def detect(image, upsample):
        shapes.append(image.shape[:2])
        return remaining.pop(0)

    return detect, shapes


def follow(detect, n, **changed):
    frames = [media.Frame(0.1 * i**2, BLANK, i) for i in range(n)]
    return faces.track(frames, detect, predictor, SETTINGS | changed)


@cache
def head(width):
    """The portrait's head, scaled; dlib finds one face in it."""
    return (255 * resize(astronaut()[0:260, 80:340], (width, width))).astype(np.uint8)


def scene(*places, width=200, size=(220, 480)):
    """A grey picture with a head of `width` px at each (left, top)."""
    image = np.full((*size, 3), 128, np.uint8)
    for left, top in places:
        image[top : top + width, left : left + width] = head(width)
    return image


def track_images(images, **changed):
    frames = [media.Frame(0.04 * i, image, i) for i, image in enumerate(images)]
    return faces.track(frames, faces.detector(), predictor, SETTINGS | changed)


def overlap(a, b):
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    common = max(0, width) * max(0, height)
    return common / (Face(a, 0).area + Face(b, 0).area - common)


# --- choice and track --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(0, 0, 9, 9), (50, 50, 69, 69)], 1),
        ([(30, 0, 39, 9), (20, 50, 29, 59)], 1),
        ([(20, 50, 29, 59), (20, 10, 29, 19)], 1),
    ],
    ids=["area", "then left", "then top"],
)
def test_the_largest_face_is_chosen(boxes, expected):
    assert faces.largest([Face(box, 1.0) for box in boxes]).box == boxes[expected]


def test_the_area_counts_both_edges():
    assert Face((10, 20, 19, 24), 0).area == 50


def test_frames_without_a_face_are_skipped_and_keep_their_time():
    face = [Face((50, 50, 129, 129), 2.0)]
    detect, _ = scripted(face, [], face, [], face, [])
    found = follow(detect, 6, track=False)
    assert found.arrays["frame"].tolist() == [0, 2, 4]
    np.testing.assert_allclose(found.arrays["time"], [0, 0.4, 1.6])
    assert found.facts["n_detected"] == 3
    assert found.facts["detected_fraction"] == 0.5


def test_every_nth_frame_is_searched():
    face = [Face((50, 50, 129, 129), 2.0)]
    detect, shapes = scripted(face, face, face)
    assert follow(detect, 7, frame_step=3, track=False).indices == [0, 3, 6]
    assert len(shapes) == 3


def test_the_surroundings_of_the_last_face_are_searched_next():
    detect, shapes = scripted([Face((100, 80, 171, 151), 2.0)], [Face((30, 30, 101, 101), 1.5)])
    found = follow(detect, 2)
    # margins of half a face; the left and top edges fall back to a multiple of dlib's cell of 8 px
    assert shapes == [(200, 300), (187 - 40, 207 - 64)]
    assert found.faces[1] == Face((94, 70, 165, 141), 1.5)
    assert found.facts["n_searched_whole"] == 1


@pytest.mark.parametrize("near", [[], [Face((30, 30, 101, 101), 0.3)]], ids=["lost", "low score"])
def test_the_whole_frame_is_searched_again_in_the_same_frame(near):
    elsewhere = Face((200, 20, 271, 91), 2.0)
    detect, shapes = scripted([Face((10, 80, 81, 151), 2.0)], near, [elsewhere])
    found = follow(detect, 2)
    assert [shape == (200, 300) for shape in shapes] == [True, False, True]
    assert found.faces[1] == elsewhere


def test_no_box_is_taken_from_another_frame():
    detect, shapes = scripted([Face((10, 80, 81, 151), 2.0)], [], [], [])
    found = follow(detect, 3)
    assert found.indices == [0]
    assert shapes[-1] == (200, 300)  # after a frame without a face the search starts anew


def test_without_tracking_every_frame_is_searched_in_whole():
    face = [Face((50, 50, 129, 129), 2.0)]
    detect, shapes = scripted(face, face)
    assert follow(detect, 2, track=False).n_searched_whole == 2
    assert set(shapes) == {(200, 300)}


# --- dlib on a portrait ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "place"), [(200, (251, 17)), (200, (0, 0)), (340, (133, 9))])
def test_tracked_boxes_agree_with_those_of_the_whole_frame(width, place):
    image = scene(place, width=width, size=(350, 480))
    tracked, whole = track_images([image, image]), track_images([image], track=False)
    assert tracked.n_searched_whole == 1
    assert overlap(tracked.faces[1].box, whole.faces[0].box) > 0.65  # at most one step of dlib's pyramid


def test_a_cut_to_a_face_elsewhere_is_followed():
    found = track_images([scene((0, 0)), scene((0, 0)), scene((270, 10)), scene((270, 10))])
    assert found.indices == [0, 1, 2, 3]
    assert found.n_searched_whole == 2
    assert [face.box[0] > 270 for face in found.faces] == [False, False, True, True]


def test_two_faces_are_counted():
    found = track_images([scene((10, 10), (260, 10))])
    assert (found.n_faces_max, len(found.chips)) == (2, 1)


def test_chips_are_8_bit_rgb_of_the_size_asked():
    chips = track_images([scene((20, 10))], chip_size=128).arrays["chips"]
    assert (chips.dtype, chips.shape) == (np.uint8, (1, 128, 128, 3))
    assert chips.std() > 20


def test_landmarks_are_pixels_of_the_frame():
    found = track_images([scene((201, 7))])
    left, top, right, bottom = found.faces[0].box
    x, y = found.arrays["landmarks"][0].T
    assert ((left <= x) & (x <= right) & (top <= y) & (y <= bottom)).all()


# --- entries of clips --------------------------------------------------------------------------------------------


def portrait(index, width, height):
    return scene((20 + index, 10), size=(height, width))


def entry(path, *, on_defect="exclude", detect=None, **changed):
    settings = {"faces": SETTINGS | changed, "limits": LIMITS, "on_defect": on_defect}
    return next(faces.entries([path], [["a", files.sha256(path)]], settings, predictor))


@pytest.fixture
def clip(tmp_path):
    return make.clip(tmp_path / "a.mp4", n=4, size=(240, 220), paint=portrait)


def test_a_clip_gives_its_faces_and_facts(clip, tmp_path):
    found = entry(clip)
    assert found.status == Status.OK
    assert found.facts["n_frames"] == found.facts["n_detected"] == 4
    assert (found.facts["width"], found.facts["height"], found.facts["rotation"]) == (240, 220, 0)
    store.write(tmp_path / "a.h5", "faces", [found], stage={})
    assert store.read(tmp_path / "a.h5", "faces").entries["a"].arrays["box"].shape == (4, 4)


def test_sound_without_pictures_has_no_video(tmp_path):
    found = entry(make.sound_file(tmp_path / "a.wav", make.tone(0.2)))
    assert (found.status, found.arrays) == (Status.NO_VIDEO, {})


def test_noise_has_no_face(tmp_path):
    found = entry(make.clip(tmp_path / "a.mp4", n=3, size=(160, 120), paint=make.noise))
    assert (found.status, found.arrays) == (Status.NO_FACE, {})
    assert found.facts["n_searched"] == 3


def test_too_few_faces_are_none(clip):
    found = entry(clip, min_frames=5)
    assert (found.status, found.arrays) == (Status.FEW_FACES, {})
    assert found.facts["n_detected"] == 4


def test_a_defective_clip_gets_a_status_with_the_reason(tmp_path):
    (tmp_path / "a.mp4").write_text("hello")
    found = entry(tmp_path / "a.mp4")
    assert (found.status, found.arrays) == (Status.UNDECODABLE, {})
    assert "expected" in found.facts["reason"]


def test_a_defective_clip_is_an_error_if_so_configured(tmp_path):
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(MediaError, match=r"a\.mp4: "):
        entry(tmp_path / "a.mp4", on_defect="fail")


def test_frames_that_would_exhaust_the_memory_are_refused(clip):
    found = entry(clip, upsample=6)
    assert found.status == Status.UNDECODABLE
    assert "frames of 240 x 220 px have 216268800 px when doubled 6 times" in found.facts["reason"]


def test_a_clip_that_changed_since_the_manifest_is_an_error(clip):
    settings = {"faces": SETTINGS, "limits": LIMITS, "on_defect": "exclude"}
    with pytest.raises(MediaError, match="clip changed while running: a has sha256"):
        list(faces.entries([clip], [["a", "0" * 64]], settings, predictor))


# --- descriptors of entries --------------------------------------------------------------------------------------

CHIPS = np.zeros((3, 64, 64, 3), np.uint8)
OK = Entry("ok", {"chips": CHIPS, "time": np.arange(3.0)}, facts={"n_frames": 3})
NONE = Entry("none", status=Status.NO_FACE, facts={"n_frames": 9})


def test_frame_features_keep_times_and_statuses():
    ok, none = faces.frame_entries([OK, NONE], lambda chips: np.ones((len(chips), 2), np.float32))
    assert ok.arrays["features"].shape == (3, 2)
    np.testing.assert_array_equal(ok.arrays["time"], [0, 1, 2])
    assert none == Entry("none", {}, Status.NO_FACE, {"n_frames": 9})


def test_clip_features_keep_statuses():
    ok, none = faces.clip_entries([OK, NONE], lambda chips: np.ones(7, np.float32))
    assert {name: values.shape for name, values in ok.arrays.items()} == {"features": (7,)}
    assert none.status == Status.NO_FACE


# --- programs ----------------------------------------------------------------------------------------------------


def test_the_programs_lead_from_a_clip_to_its_descriptors(root, clip, tmp_path):
    def run(name, settings, *arguments, **more):
        program = runpy.run_path(str(root / "workflow_scripts" / f"{name}.py"))
        output = tmp_path / f"{name}.h5"
        stage = str(Stage(settings=settings, **more))
        program["main"]([*map(str, arguments), "--output", str(output), "--stage", stage])
        return output

    model = tmp_path / "landmarks.dat"
    expected = train_predictor(tmp_path / "mine.dat", 5)
    acquisition.write_landmarks(model, model.with_suffix(".json"), local(tmp_path / "mine.dat"), expected=expected)
    settings = {"faces": SETTINGS | {"min_frames": 3}, "limits": LIMITS, "on_defect": "exclude"}
    clips = [["a", digest(clip.read_bytes())]]
    output = run("faces", settings, "--media", clip, "--landmarks", model, clips=clips)
    shapes = {
        "dense_sift": ({"size": 64, "block": 16, "step": 8}, "frame_features", (4, 6272)),
        "hog": ({"size": 64, "block": 16, "step": 8, "cell": 8, "bins": 9}, "frame_features", (4, 1764)),
        "lbp_top": ({"size": 64, "grid": 4}, "clip_features", (2832,)),
    }
    for name, (geometry, kind, shape) in shapes.items():
        found = store.read(run(name, {name: geometry}, "--faces", output), kind)
        assert found.entries["a"].arrays["features"].shape == shape
