"""Pictures as they are shown: display matrix, pixel aspect, and what is said of interlaced and HDR pictures."""

from pathlib import Path

import numpy as np
import pytest

import media_fixtures as make
from emotiw.core.errors import MediaError
from emotiw.media import video_frames

LIMITS = {"max_pixels": 16777216, "max_duration_s": 600.0, "min_decoded_fraction": 0.98}
FORMS = {
    "upright": (1, 0, 0, 1),
    "turned by 90": (0, 1, -1, 0),
    "turned by 180": (-1, 0, 0, -1),
    "turned by 270": (0, -1, 1, 0),
    "mirrored left to right": (-1, 0, 0, 1),
    "mirrored top to bottom": (1, 0, 0, -1),
    "transposed": (0, 1, 1, 0),
    "transposed along the other diagonal": (0, -1, -1, 0),
}


def corners(index, width, height):
    """Picture whose four quarters differ, so that no two of the eight forms are equal."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (200, 40, 40)
    image[: height // 2, width // 2 :] = (40, 200, 40)
    image[height // 2 :, : width // 2] = (40, 40, 200)
    image[height // 2 :, width // 2 :] = 20 + 10 * index % 200
    return image


def shown(path):
    reader = video_frames.read(path, LIMITS)
    return np.array([frame.image for frame in reader]), reader.facts


def of_ffmpeg(path, height, width, *filters):
    """Pictures of ffmpeg, which turns and mirrors them itself."""
    chosen = ("-vf", ",".join(filters)) if filters else ()
    raw = make.ffmpeg("-i", path, *chosen, "-pix_fmt", "rgb24", "-f", "rawvideo", "-")
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_the_display_matrix_is_that_of_ffmpeg(tmp_path, form):
    path = make.clip(tmp_path / "a.mp4", n=4, codec="libx264", paint=corners)
    coded, _ = shown(path)
    images, facts = shown(make.show(path, *FORMS[form]))
    expected = of_ffmpeg(path, *images.shape[1:3])
    assert (facts.height, facts.width) == images.shape[1:3]
    assert facts.mirrored == ("mirrored" in form or "transposed" in form)
    np.testing.assert_allclose(images.astype(int), expected, atol=3)
    assert form == "upright" or images.shape != coded.shape or np.abs(images.astype(int) - coded).mean() > 10


def test_rotation_and_mirroring_are_recorded_so_that_they_can_be_undone(tmp_path):
    coded, _ = shown(make.clip(tmp_path / "a.mp4", n=1, codec="libx264", paint=corners))
    for matrix in FORMS.values():
        images, facts = shown(make.show(tmp_path / "a.mp4", *matrix))
        turned = np.rot90(coded[0], facts.rotation // 90)
        np.testing.assert_array_equal(images[0], turned[:, ::-1] if facts.mirrored else turned)


def test_a_matrix_of_zeros_is_none(tmp_path):
    path = make.clip(tmp_path / "a.mp4", n=2, codec="libx264", paint=corners)
    coded, _ = shown(path)
    np.testing.assert_array_equal(shown(make.show(path, 0, 0, 0, 0))[0], coded)


def test_an_angle_within_a_degree_of_a_quarter_is_one_and_another_is_refused(tmp_path):
    path = make.clip(tmp_path / "a.mp4", n=1, codec="libx264", paint=corners)
    assert shown(make.rotate(path, 89.5))[1].rotation == -90
    for degrees in (30, 88, 92):
        turned = make.clip(tmp_path / f"{degrees}.mp4", n=1, codec="libx264")
        with pytest.raises(MediaError, match=r"rotated by -.* degrees; expected a multiple of 90"):
            shown(make.rotate(turned, degrees))


@pytest.mark.parametrize(("aspect", "width"), [("64/45", 91), ("8/9", 56), ("2", 128), ("1", 64)])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_pixels_become_square_as_by_ffmpeg(tmp_path, aspect, width, codec):
    plain = make.clip(tmp_path / "plain.mp4", codec="libx264", paint=corners)
    path = tmp_path / "a.mkv"
    make.ffmpeg("-i", plain, "-vf", f"setsar={aspect}", "-c:v", codec, path)
    images, facts = shown(path)
    assert (facts.width, facts.height) == (width, 48)
    filters = () if aspect == "1" else ("scale=iw*sar:ih",)
    np.testing.assert_allclose(images.astype(int), of_ffmpeg(path, 48, width, *filters), atol=1)


@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_pixels_that_change_their_shape_midway_are_refused(tmp_path, codec):
    plain = make.clip(tmp_path / "plain.mp4", codec="libx264", paint=corners)
    path = tmp_path / "joined.ts"
    for i, aspect in enumerate((1, 2)):
        make.ffmpeg("-i", plain, "-vf", f"setsar={aspect}", "-c:v", codec, tmp_path / f"{i}.ts")
        with path.open("ab") as joined:
            joined.write((tmp_path / f"{i}.ts").read_bytes())
    reader = video_frames.read(path, LIMITS)
    with pytest.raises(MediaError, match=r"frame \d+ has pixels of .*; expected 1:1 as before; cut the clip there"):
        list(reader)
    assert reader.facts.width == 64


def test_pixels_become_square_before_the_picture_is_turned(tmp_path):
    plain = make.clip(tmp_path / "plain.mp4", codec="libx264", paint=corners)
    path = tmp_path / "a.mp4"
    make.ffmpeg("-i", plain, "-vf", "setsar=2", "-c:v", "libx264", path)
    images, _ = shown(make.show(path, 0, 1, -1, 0))
    assert images.shape[1:3] == (128, 48)
    assert tuple(images[0, 5, 40] > 100) == (True, False, False)  # the upper left quarter is at the upper right


def test_an_aspect_that_no_camera_has_is_not_believed(tmp_path):
    plain = make.clip(tmp_path / "plain.mp4", codec="libx264")
    make.ffmpeg("-i", plain, "-vf", "setsar=100", "-c:v", "libx264", tmp_path / "a.mkv")
    assert shown(tmp_path / "a.mkv")[0].shape[1:3] == (48, 64)


def test_the_limit_of_pixels_holds_for_the_picture_as_it_is_shown(tmp_path):
    plain = make.clip(tmp_path / "plain.mp4", codec="libx264")
    make.ffmpeg("-i", plain, "-vf", "setsar=2", "-c:v", "libx264", tmp_path / "a.mkv")
    with pytest.raises(MediaError, match="128 x 48 pixels; expected at most 4000 pixels"):
        video_frames.read(tmp_path / "a.mkv", LIMITS | {"max_pixels": 4000})


def moving(index, width, height):
    """A bar that moves between the fields of a picture."""
    image = np.full((height, width, 3), 40, np.uint8)
    for row in range(height):
        image[row, (4 * index + 2 * (row % 2)) % (width - 8) :][:8] = 220
    return image


def test_interlaced_pictures_are_deinterlaced_as_by_ffmpeg(tmp_path):
    plain = make.clip(tmp_path / "plain.mkv", codec="ffv1", pixels="yuv420p", paint=moving)
    coded, facts = shown(plain)
    assert not facts.interlaced
    path = tmp_path / "a.mkv"
    make.ffmpeg("-i", plain, "-vf", "setfield=tff", "-c:v", "mpeg2video", "-q:v", 1, "-flags", "+ilme+ildct", path)
    reader = video_frames.read(path, LIMITS)
    frames = list(reader)
    assert reader.facts.interlaced
    assert [frame.time_s for frame in frames] == pytest.approx([i / 25 for i in range(20)], abs=1e-3)
    expected = of_ffmpeg(path, 48, 64, "yadif=deint=interlaced")
    np.testing.assert_allclose([frame.image.astype(int) for frame in frames], expected, atol=3)
    assert np.abs(frames[10].image.astype(int) - coded[10]).mean() > 2


def test_a_high_dynamic_range_is_told(tmp_path):
    plain = make.clip(tmp_path / "plain.mp4", codec="libx264")
    assert not shown(plain)[1].hdr
    make.ffmpeg("-i", plain, "-vf", "setparams=color_trc=smpte2084", "-c:v", "libx264", tmp_path / "a.mkv")
    assert shown(tmp_path / "a.mkv")[1].hdr


@pytest.mark.parametrize(("name", "flip", "matrix"), [("h", "hflip", (-1, 0, 0, 1)), ("v", "vflip", (1, 0, 0, -1))])
def test_a_mirrored_film_of_a_person_is_shown_as_the_person_stood(shared, tmp_path, name, flip, matrix):
    source = Path(shared) / "clips/javanese/01-01-01_01.mp4"
    path = tmp_path / f"{name}.mp4"
    make.ffmpeg("-i", source, "-t", 1, "-vf", flip, "-c:v", "libx264", "-crf", 12, "-an", path)
    original = shown(source)[0]
    images, _ = shown(make.show(path, *matrix))
    assert np.abs(images.astype(int) - original[: len(images)]).mean() < 3
