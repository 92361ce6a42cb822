"""Clips that were cut short: rows 15 and 16 of the list of faults, container by container."""

import io

import numpy as np
import pytest

import media_fixtures as make
from emotiw.core.errors import MediaError
from emotiw.media import completeness, container, soundtrack, video_frames

LIMITS = {"max_pixels": 16777216, "max_duration_s": 600.0, "min_decoded_fraction": 0.98, "job_s": 3600.0}
H264 = {"codec": "libx264"}
CONTAINERS = {
    "mp4": ("a.mp4", H264),
    "mp4, streamed": ("a.mp4", H264 | {"options": {"movflags": "faststart"}}),
    "mp4, fragments": ("a.mp4", H264 | {"options": {"movflags": "frag_keyframe+empty_moov"}}),
    "mov": ("a.mov", H264),
    "avi": ("a.avi", {"sound_codec": "mp3"}),
    "mkv": ("a.mkv", H264),
    "webm": ("a.webm", {"codec": "libvpx", "sound_codec": "libopus", "rate_hz": 48000}),
    "flv": ("a.flv", {"codec": "flv", "sound_codec": "mp3", "rate_hz": 44100}),
    "flv, h264": ("a.flv", H264),
    "asf": ("a.asf", {"sound_codec": "mp3"}),
}
SOUND = {"ogg": ("a.ogg", "flac"), "wav": ("a.wav", "pcm_s16le"), "mka": ("a.mka", "aac"), "flac": ("a.flac", "flac")}


def noisy():
    return np.random.default_rng(0).uniform(-0.5, 0.5, (1, 48000)).astype(np.float32)


def written(path, options):
    return make.clip(path, **{"n": 30, "paint": make.noise, "sound": noisy()} | options)


def read(path):
    """Numbers of frames and of samples."""
    found = soundtrack.waveform(path, 16000, LIMITS)
    return sum(1 for _ in video_frames.read(path, LIMITS) or ()), len(found[0])


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_clip_that_was_cut_short_is_refused_for_both_modalities(tmp_path, kind):
    name, options = CONTAINERS[kind]
    path = written(tmp_path / name, options)
    assert read(path)[0] == 30
    make.cut(path, 0.6)
    expected = rf"{name}: ends .*; expected .*; replace the clip"
    with pytest.raises(MediaError, match=expected):
        video_frames.read(path, LIMITS)
    with pytest.raises(MediaError, match=expected):
        soundtrack.waveform(path, 16000, LIMITS)
    assert container.probe(path) == {} or container.probe(path)["format"]


@pytest.mark.parametrize("kind", SOUND)
def test_sound_that_was_cut_short_is_refused(tmp_path, kind):
    name, codec = SOUND[kind]
    path = make.sound_file(tmp_path / name, noisy(), codec=codec)
    assert read(path)[1] >= 48000
    make.cut(path, 0.6)
    with pytest.raises(MediaError, match=name):
        soundtrack.waveform(path, 16000, LIMITS)


@pytest.mark.parametrize("kind", [*CONTAINERS, *SOUND])
def test_garbage_after_the_beginning_of_a_container_is_refused_or_read(tmp_path, kind):
    name, made = (CONTAINERS | SOUND)[kind]
    path = make.sound_file(tmp_path / name, noisy(), codec=made) if kind in SOUND else written(tmp_path / name, made)
    data = path.read_bytes()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(8, 400))
        path.write_bytes(data[:n] + rng.bytes(int(rng.integers(0, 300))))
        with pytest.raises(MediaError, match=name):
            read(path)


@pytest.mark.parametrize(
    ("name", "whole", "of_live"),
    [
        (
            "a.mkv",
            None,
            lambda data: data.replace(data[data.index(b"\x18\x53\x80\x67") + 4 :][:8], b"\x01" + b"\xff" * 7, 1),
        ),
        ("a.flv", None, lambda data: data.replace(b"duration", b"duratiom")),
        (
            "a.asf",
            None,
            lambda data: data[: (at := data.index(completeness.ASF_FILE) + 40)] + bytes(8) + data[at + 8 :],
        ),
    ],
)
def test_a_container_that_states_nothing_is_read_as_far_as_it_goes(tmp_path, name, whole, of_live):
    path = written(
        tmp_path / name, {"sound_codec": "mp3", "rate_hz": 44100} | ({} if name != "a.flv" else {"codec": "flv"})
    )
    path.write_bytes(of_live(path.read_bytes()))
    make.cut(path, 0.6)
    assert 10 < sum(1 for _ in video_frames.read(path, LIMITS)) < 30


def test_what_follows_the_last_box_is_no_part_of_the_clip(tmp_path):
    path = written(tmp_path / "a.mp4", H264)
    path.write_bytes(path.read_bytes() + b"TAG of some program, which is no box")
    assert read(path)[0] == 30


def test_sizes_of_more_than_32_bits_are_read():
    head = b"\0\0\0\x10ftypisom\0\0\0\0"
    box = b"\0\0\0\x01mdat" + (1 << 33).to_bytes(8, "big")
    found = completeness._mp4(io.BytesIO(head + box + b"\0" * 100), 132, 0.98)
    assert found == ("ends after 132 bytes", f"{16 + (1 << 33)} as its header states")
