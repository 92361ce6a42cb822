"""The cue for cuts: blind to light and noise, sure of another scene."""

import numpy as np
import pytest
from skimage.data import astronaut, chelsea

from emotiw.faces import scene_cuts
from emotiw.media import video_frames

LIMITS = {"max_pixels": 16777216, "max_duration_s": 600.0, "min_decoded_fraction": 0.98}


def change(a, b):
    return scene_cuts.change(scene_cuts.thumbnail(a), scene_cuts.thumbnail(b))


def cut_frames(images):
    cue = scene_cuts.CutDetector()
    return [i for i, image in enumerate(images) if cue(image)]


def test_a_thumbnail_is_a_mean_of_the_green():
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, 80:, 1] = 200
    expected = np.repeat([[0] * 8 + [200] * 8], 12, axis=0)
    np.testing.assert_array_equal(scene_cuts.thumbnail(image), expected)


@pytest.mark.parametrize("size", [(3, 5), (48, 64), (721, 1279)])
def test_pictures_of_any_size_have_a_thumbnail(size):
    assert scene_cuts.thumbnail(np.full((*size, 3), 7, np.uint8)).tolist() == np.full((12, 16), 7.0).tolist()


def test_change_is_0_for_the_same_picture_1_for_unrelated_ones_and_2_for_a_negative():
    image = astronaut()
    small = scene_cuts.thumbnail(image)
    shuffled = np.random.default_rng(0).permutation(small.ravel()).reshape(small.shape)
    assert change(image, image) == 0
    assert scene_cuts.change(small, shuffled) == pytest.approx(1, abs=0.15)
    assert change(image, 255 - image) == pytest.approx(2, abs=0.01)


def test_another_light_and_noise_are_no_cut():
    image = astronaut()
    noise = np.random.default_rng(0).normal(0, 20, image.shape)
    assert change(image, image // 2 + 100) < scene_cuts.CUT
    assert change(image, np.clip(image + noise, 0, 255).astype(np.uint8)) < 0.01
    assert change(np.full_like(image, 10), np.full_like(image, 200)) == 0


def test_a_scene_begins_where_the_picture_is_another():
    one, other = astronaut(), chelsea()
    assert cut_frames([one, one, other, other, one]) == [2, 4]


def test_black_frames_before_and_between_pictures_are_no_scenes():
    one, other = astronaut(), chelsea()
    black = np.random.default_rng(0).integers(0, 8, one.shape).astype(np.uint8)
    assert cut_frames([black, black, one, one]) == []
    assert cut_frames([one, black, black, one, one]) == []
    assert cut_frames([one, black, black, other, other]) == [3]
    dim = (one // 4).astype(np.uint8)
    assert cut_frames([black, dim, dim]) == []
    assert cut_frames([dim, (other // 4).astype(np.uint8)]) == [1]  # a dark scene is a scene


def test_real_clips_that_open_with_black_frames_have_no_cut(shared):
    for name in ("01-02-03_01.mp4", "07-03-04_01.mp4"):
        reader = video_frames.read(shared / "clips" / "javanese" / name, LIMITS)
        images = [frame.image for frame, _ in zip(reader, range(30), strict=False)]
        assert not images[0].any()
        assert images[-1].any()
        assert cut_frames(images) == []


def test_the_threshold_parts_real_clips_and_cuts_none_of_them(shared):
    names = ["grid/bbaf2n.mpg", "crema_d/1001_DFA_ANG_XX.flv", "grid/lwbsza.mpg"]
    clips = [
        [frame.image for frame, _ in zip(video_frames.read(shared / "clips" / name, LIMITS), range(20), strict=False)]
        for name in names
    ]
    assert cut_frames([image for clip in clips for image in clip]) == [20, 40]
