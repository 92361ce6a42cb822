"""Faces: where they are searched, the boxes, cuts, and what is recorded of clips without faces."""

import runpy
from functools import cache
from itertools import islice

import dlib
import numpy as np
import pytest
from skimage.data import astronaut
from skimage.filters import gaussian
from skimage.transform import resize

import media_fixtures as make
from emotiw.core import files
from emotiw.core.errors import MediaError
from emotiw.core.status import Status
from emotiw.faces import detector, scene_cuts, search
from emotiw.faces.tracking import Face, overlap
from emotiw.jobs import store
from emotiw.jobs.identity import Stage
from emotiw.jobs.store import Entry
from emotiw.media import video_frames
from emotiw.weights import acquisition
from job_fixtures import job_of
from test_loading import local, train_predictor

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
MANNER = detector.Manner()


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
    frames = [video_frames.Frame(0.1 * i**2, BLANK, i) for i in range(n)]
    return search.search(frames, detect, predictor, SETTINGS | changed)


def kept_indices(found):
    return [it.index for it in found.kept]


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
    frames = [video_frames.Frame(0.04 * i, image, i) for i, image in enumerate(images)]
    return search.search(frames, detector.detector(), predictor, SETTINGS | changed)


# --- black frames --------------------------------------------------------------------------------------------------


def test_black_frames_between_pictures_end_no_track_and_cause_no_cut():
    pictures = [scene((120, 10), width=160, size=(180, 400)) for _ in range(3)]
    black = [np.zeros_like(pictures[0])] * 8  # more than a track outlasts
    found = track_images([*black[:2], *pictures, *black, *pictures], select="longest")
    assert kept_indices(found) == [2, 3, 4, 13, 14, 15]
    assert found.facts["n_cuts"] == 0
    assert found.facts["n_black"] == 10
    assert found.facts["n_scenes"] == 1


# --- where faces are searched ------------------------------------------------------------------------------------


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
    assert kept_indices(follow(detect, 7, frame_step=3, track=False)) == [0, 3, 6]
    assert len(shapes) == 3


def test_the_surroundings_of_the_last_face_are_searched_next():
    detect, shapes = scripted([Face((100, 80, 171, 151), 2.0)], [Face((30, 30, 101, 101), 1.5)])
    found = follow(detect, 2)
    # margins of half a face; the left and top edges fall back to a multiple of dlib's cell of 8 px
    assert shapes == [(200, 300), (187 - 40, 207 - 64)]
    assert found.kept[1].face == Face((94, 70, 165, 141), 1.5)
    assert found.facts["n_searched_whole"] == 1


@pytest.mark.parametrize(
    "near",
    [[], [Face((10, 30, 81, 101), 0.3)], [Face((70, 90, 141, 161), 2.0)]],
    ids=["lost", "low score", "another face"],
)
def test_the_whole_frame_is_searched_again_in_the_same_frame(near):
    elsewhere = Face((200, 20, 271, 91), 2.0)  # a box in px of the whole frame
    detect, shapes = scripted([Face((10, 80, 81, 151), 2.0)], near, [elsewhere])
    found = follow(detect, 2)
    assert [shape == (200, 300) for shape in shapes] == [True, False, True]
    assert found.kept[1].face == elsewhere


def test_no_box_is_taken_from_another_frame():
    detect, shapes = scripted([Face((10, 80, 81, 151), 2.0)], [], [], [])
    found = follow(detect, 3)
    assert kept_indices(found) == [0]
    assert shapes[-1] == (200, 300)  # after a frame without a face the search starts anew


def test_without_tracking_every_frame_is_searched_in_whole():
    face = [Face((50, 50, 129, 129), 2.0)]
    detect, shapes = scripted(face, face)
    assert follow(detect, 2, track=False).facts["n_searched_whole"] == 2
    assert set(shapes) == {(200, 300)}


def test_the_whole_frame_is_searched_every_second():
    here, bigger = [Face((8, 80, 79, 151), 2.0)], [Face((8, 80, 79, 151), 2.0), Face((150, 20, 269, 139), 2.0)]
    near = [Face((8, 40, 79, 111), 2.0)]  # in px of a window that begins at (0, 40)
    detect, shapes = scripted(here, near, near, near, bigger)
    found = follow(detect, 5)  # at 0, 0.1, 0.4, 0.9 and 1.6 s
    assert [shape == (200, 300) for shape in shapes] == [True, False, False, False, True]
    assert [it.face.box[0] for it in found.kept] == [8, 8, 8, 8, 150]
    assert found.facts["n_faces_max"] == 2


def test_windows_that_hold_more_than_the_frame_are_not_searched():
    huge = [Face((10, 10, 290, 190), 2.0)]
    detect, shapes = scripted(huge, huge)
    many = [Face((x, y, x + 71, y + 71), 2.0) for x in (0, 75, 150, 225) for y in (0, 75)]
    assert detector.search_near(BLANK, detect, many, many, MANNER) is None
    assert shapes == []


def test_a_faint_face_beside_a_sure_one_may_be_lost_without_a_search_of_the_whole():
    sure, faint = Face((8, 80, 79, 151), 2.0), Face((200, 80, 271, 151), 0.2)
    detect, shapes = scripted([Face((8, 40, 79, 111), 2.0)], [])
    assert detector.search_near(BLANK, detect, [sure, faint], [sure, faint], MANNER) == [sure]
    assert len(shapes) == 2


def test_a_face_seen_in_two_windows_is_one():
    near = [Face((8, 80, 79, 151), 2.0), Face((60, 80, 131, 151), 0.4)]
    detect, _ = scripted([Face((8, 40, 79, 111), 2.0)], [Face((0, 40, 55, 111), 0.4)])
    assert len(detector.search_near(BLANK, detect, near, near[:1], MANNER)) == 1


def test_all_known_faces_are_followed_for_the_longest():
    left, right = Face((8, 80, 79, 151), 2.0), Face((208, 80, 279, 151), 2.0)
    window = [Face((8, 40, 79, 111), 2.0)]
    detect, shapes = scripted([left, right], window, [Face((40, 40, 111, 111), 2.0)], window, [], [left])
    found = follow(detect, 3, select="longest")
    assert [shape == (200, 300) for shape in shapes] == [True, False, False, False, False, True]
    assert [it.face for it in found.kept] == [left] * 3
    assert (found.facts["n_detected"], found.facts["n_kept"]) == (3, 3)


# --- settings of the search --------------------------------------------------------------------------------------


def test_settings_of_older_bundles_search_as_before():
    assert detector.Manner.of({"upsample": 1, "track": True}) == detector.Manner(1, False, 0.5, 2, None)


def test_a_smaller_margin_and_fewer_levels_make_smaller_windows():
    known = [Face((100, 60, 219, 179), 2.0)]  # 120 px: three steps of 6/5 above 72 px
    shapes = {}
    for manner in (MANNER, detector.Manner(window_margin=0.25), detector.Manner(window_levels=1)):
        detect, shapes[manner] = scripted([])
        detector.search_near(np.zeros((300, 400, 3), np.uint8), detect, known, known, manner)
    sizes = [shape for (shape,) in shapes.values()]
    assert sizes == [(199, 209), (150, 150), (165, 174)]


def test_a_grey_search_sees_the_mean_of_the_colours():
    seen = []
    image = np.zeros((200, 300, 3), np.uint8)
    image[..., 0], image[..., 1] = 90, 30
    assert detector.search_whole(image, lambda part, _: seen.append(part) or [], detector.Manner(grey=True)) == []
    assert seen[0].shape == (200, 300)
    np.testing.assert_array_equal(seen[0], 40)


def test_a_wide_frame_is_reduced_and_its_faces_are_in_px_of_the_frame():
    detect, shapes = scripted([Face((100, 50, 199, 149), 1.0)])
    wide = np.zeros((720, 1280, 3), np.uint8)
    (face,) = detector.search_whole(wide, detect, detector.Manner(max_width=640))
    assert shapes[0] == (346, 616)  # four times 5/6, rounded down each time
    assert face.box == tuple(round(1.2**4 * edge) for edge in (100, 50, 199, 149))


def test_a_frame_of_the_largest_width_is_searched_as_it_is():
    detect, shapes = scripted([])
    detector.search_whole(BLANK, detect, detector.Manner(max_width=300))
    assert shapes == [(200, 300)]


@pytest.mark.parametrize("over", [{"grey": True}, {"max_width": 420}, {"window_levels": 1, "window_margin": 0.25}])
def test_faster_searches_find_the_same_face_on_a_portrait(over):
    images = [scene((201, 7), width=300, size=(350, 600))] * 3
    found, expected = track_images(images, **over), track_images(images)
    assert kept_indices(found) == kept_indices(expected) == [0, 1, 2]
    eyes = np.linalg.norm(np.subtract(*expected.arrays["landmarks"][0][[0, 2]]))
    assert np.abs(found.arrays["landmarks"] - expected.arrays["landmarks"]).max() < 0.25 * eyes
    assert all(overlap(a.face.box, b.face.box) > 0.65 for a, b in zip(found.kept, expected.kept, strict=True))


# --- dlib on a portrait ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "place"), [(200, (251, 17)), (200, (0, 0)), (340, (133, 9))])
def test_tracked_boxes_agree_with_those_of_the_whole_frame(width, place):
    image = scene(place, width=width, size=(350, 480))
    tracked, whole = track_images([image, image]), track_images([image], track=False)
    assert tracked.facts["n_searched_whole"] == 1
    assert overlap(tracked.kept[1].face.box, whole.kept[0].face.box) > 0.65  # at most one step of dlib's pyramid


def test_a_cut_to_a_face_elsewhere_is_followed():
    found = track_images([scene((0, 0)), scene((0, 0)), scene((270, 10)), scene((270, 10))])
    assert kept_indices(found) == [0, 1, 2, 3]
    assert found.facts["n_searched_whole"] == 2
    assert [it.face.box[0] > 270 for it in found.kept] == [False, False, True, True]


def test_two_faces_are_counted():
    found = track_images([scene((10, 10), (260, 10))])
    assert (found.facts["n_faces_max"], len(found.kept)) == (2, 1)


def test_the_face_that_lasts_longest_is_kept_of_two():
    both = scene((10, 10), (260, 10))
    one = both.copy()
    one[10:210, 10:210] = gaussian(one[10:210, 10:210], 12, channel_axis=2, preserve_range=True)
    found = track_images([both, both, one, both, one], select="longest")
    assert kept_indices(found) == [0, 1, 2, 3, 4]
    assert all(it.face.box[0] > 260 for it in found.kept)
    assert found.facts["n_faces_max"] == 2


def test_chips_are_8_bit_rgb_of_the_size_asked():
    chips = track_images([scene((20, 10))], chip_size=128).arrays["chips"]
    assert (chips.dtype, chips.shape) == (np.uint8, (1, 128, 128, 3))
    assert chips.std() > 20


def test_landmarks_are_pixels_of_the_frame():
    found = track_images([scene((201, 7))])
    left, top, right, bottom = found.kept[0].face.box
    x, y = found.arrays["landmarks"][0].T
    assert ((left <= x) & (x <= right) & (top <= y) & (y <= bottom)).all()


# --- cuts between real clips -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def joined(shared, tmp_path_factory):
    """Two real clips joined, the second beside another, larger face; the small face does not move far at the cut.

    The size of a scene is 848 x 368 px; the cut is at frame 12.
    """

    def frames(name, n):
        return [
            frame.image for frame, _ in zip(video_frames.read(shared / "clips" / name, LIMITS), range(n), strict=False)
        ]

    first, second = frames("grid/bbaf2n.mpg", 12), frames("grid/brbk7n.mpg", 12)
    beside = [np.repeat(np.repeat(image, 2, 0), 2, 1)[180:548, 200:680] for image in frames("grid/lbbc2a.mpg", 12)]
    scenes = [np.zeros((368, 848, 3), np.uint8) for _ in range(24)]
    for image, part in zip(scenes, first + second, strict=True):
        image[:288, :360] = part
    for image, part in zip(scenes[12:], beside, strict=True):
        image[:, 368:] = part
    path = tmp_path_factory.mktemp("cut") / "joined.mp4"
    return make.clip(path, n=24, size=(848, 368), paint=lambda i, *_: scenes[i])


def test_the_largest_face_is_found_at_once_after_a_cut(joined):
    found = entry(joined)
    assert (found.facts["n_cuts"], found.facts["n_scenes"]) == (1, 2)
    assert found.arrays["frame"].tolist() == list(range(24))
    assert (found.arrays["box"][:, 0] > 368).tolist() == [False] * 12 + [True] * 12
    assert found.facts["n_searched_whole"] == 2


def test_without_the_cue_the_face_near_the_last_place_hides_the_largest(joined, monkeypatch):
    monkeypatch.setattr(scene_cuts, "CUT", 9.0)
    found = entry(joined)
    assert found.facts["n_cuts"] == 0
    assert (found.arrays["box"][12:20, 0] < 368).all()


def test_a_track_does_not_outlast_a_cut(joined):
    found = entry(joined, select="longest")
    assert found.facts["n_scenes"] == 1
    assert found.facts["n_detected"] == 24
    assert found.facts["n_kept"] == len(found.arrays["frame"]) == 12
    assert found.facts["kept_fraction"] == 0.5
    assert np.ptp(found.arrays["frame"]) == 11


@pytest.mark.parametrize("name", ["grid/lbax4n.mpg", "crema_d/1001_DFA_ANG_XX.flv"])
def test_tracking_agrees_with_the_search_of_whole_frames_on_real_clips(shared, name):
    boxes = {}
    for track in (True, False):
        frames = list(islice(video_frames.read(shared / "clips" / name, LIMITS), 20))
        found = search.search(frames, detector.detector(), predictor, SETTINGS | {"track": track})
        boxes[track] = {it.index: it.face.box for it in found.kept}
    assert boxes[True].keys() == boxes[False].keys()
    assert np.mean([overlap(boxes[True][i], boxes[False][i]) for i in boxes[True]]) > 0.8


# --- entries of clips --------------------------------------------------------------------------------------------


def portrait(index, width, height):
    return scene((20 + index, 10), size=(height, width))


def entry(path, *, on_defect="exclude", detect=None, **changed):
    settings = {"faces": SETTINGS | changed, "limits": LIMITS, "on_defect": on_defect}
    return next(search.entries([path], [["a", files.sha256(path)]], settings, predictor))


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
    assert "frames of 240 x 220 px have 216268800 px after 6 doublings" in found.facts["reason"]


def test_a_clip_that_changed_since_the_manifest_is_an_error(clip):
    settings = {"faces": SETTINGS, "limits": LIMITS, "on_defect": "exclude"}
    with pytest.raises(MediaError, match="clip changed while running: a has sha256"):
        list(search.entries([clip], [["a", "0" * 64]], settings, predictor))


# --- descriptors of entries --------------------------------------------------------------------------------------

CHIPS = np.zeros((3, 64, 64, 3), np.uint8)
OK = Entry("ok", {"chips": CHIPS, "time": np.arange(3.0)}, facts={"n_frames": 3})
NONE = Entry("none", status=Status.NO_FACE, facts={"n_frames": 9})


def test_frame_features_keep_times_and_statuses():
    ok, none = search.frame_entries([OK, NONE], lambda chips: np.ones((len(chips), 2), np.float32))
    assert ok.arrays["features"].shape == (3, 2)
    np.testing.assert_array_equal(ok.arrays["time"], [0, 1, 2])
    assert none == Entry("none", {}, Status.NO_FACE, {"n_frames": 9})


def test_clip_features_keep_statuses():
    ok, none = search.clip_entries([OK, NONE], lambda chips: np.ones(7, np.float32))
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
    options, clips = job_of(tmp_path, {"a": clip})
    output = run("faces", settings, *options, "--landmarks", model, clips_sha256=clips)
    shapes = {
        "dense_sift": ({"size": 64, "block": 16, "step": 8}, "frame_features", (4, 6272)),
        "hog": ({"size": 64, "block": 16, "step": 8, "cell": 8, "bins": 9}, "frame_features", (4, 1764)),
        "lbp_top": ({"size": 64, "grid": 4}, "clip_features", (2832,)),
    }
    for name, (geometry, kind, shape) in shapes.items():
        found = store.read(run(name, {name: geometry}, "--faces", output), kind)
        assert found.entries["a"].arrays["features"].shape == shape
