"""Which track of a clip is read: the named one, else the default one, else the longest that decodes."""

import numpy as np
import pytest

import media_fixtures as make
from emotiw.core import files
from emotiw.core.errors import MediaError
from emotiw.media import container, video_frames, waveform
from test_clock import LIMITS, film, heard
from test_packets import spoiled


def of_two(tmp_path, *options, second=(), name="x.mkv"):
    """Film whose first sound track is silent, and whose second is a voice."""
    source = film(tmp_path / "a.mkv", 2)
    silence = ("-f", "lavfi", "-i", "anullsrc=cl=mono:r=16000")
    maps = ("-map", "1:v", "-map", "0:a", "-map", "1:a", "-shortest")
    make.ffmpeg(*silence, "-i", source, *maps, *options, "-c:v", "copy", "-c:a", "aac", *second, tmp_path / name)
    return tmp_path / name


def default(first, second):
    return [
        f"-disposition:a:{i}" if j == 0 else ("default" if on else "0")
        for i, on in enumerate((first, second))
        for j in range(2)
    ]


@pytest.mark.parametrize("name", ["x.mkv", "x.mp4"])
def test_the_default_sound_track_is_read(tmp_path, name):
    voice, facts = heard(of_two(tmp_path, *default(False, True), name=name))
    assert (facts.track, facts.n_tracks) == (1, 2)
    assert np.abs(voice).max() > 0.1
    silence, facts = heard(of_two(tmp_path, *default(True, False), name=name))
    assert facts.track == 0
    assert not silence.any()


def test_a_named_track_is_read_and_one_that_is_not_there_is_refused_for_its_modality(tmp_path):
    path = of_two(tmp_path, *default(True, False))
    assert heard(path, LIMITS | {"audio_track": 1})[1].track == 1
    with pytest.raises(MediaError, match=r"2 audio tracks; expected a track 2; correct media\.audio_track"):
        heard(path, LIMITS | {"audio_track": 2})
    assert len(list(video_frames.read(path, LIMITS | {"audio_track": 2}))) == 50


def test_a_default_track_that_does_not_decode_gives_way_to_the_longest_that_does(tmp_path):
    path = of_two(tmp_path, *default(True, False))
    bad = spoiled(path, tmp_path / "y.mkv", "audio", set(range(999)), track=0)
    samples, facts = heard(bad)
    assert facts.track == 1
    assert np.abs(samples).max() > 0.1


def test_without_a_default_the_longest_track_is_read(tmp_path):
    source = film(tmp_path / "a.mkv", 3)
    path = tmp_path / "b.mkv"
    make.ffmpeg(
        "-t",
        1,
        "-i",
        source,
        "-i",
        source,
        "-map",
        "1:v",
        "-map",
        "0:a",
        "-map",
        "1:a",
        "-c",
        "copy",
        *default(False, False),
        path,
    )
    with container.open_container(path, LIMITS) as opened:
        assert not any(int(stream.disposition) & 1 for stream in opened.streams.audio)
    assert heard(path)[1].track == 1


def test_the_default_video_track_is_read_and_a_cover_never(tmp_path):
    one = make.clip(tmp_path / "one.mkv", n=10, codec="libx264")
    other = make.clip(tmp_path / "other.mkv", n=10, size=(96, 80), codec="libx264")
    path = tmp_path / "x.mkv"
    both = ("-i", one, "-i", other, "-map", "0:v", "-map", "1:v", "-c", "copy")
    make.ffmpeg(*both, "-disposition:v:0", "0", "-disposition:v:1", "default", path)
    reader = video_frames.read(path, LIMITS)
    assert next(reader).image.shape == (80, 96, 3)
    assert (reader.facts.track, reader.facts.n_tracks) == (1, 2)
    named = video_frames.read(path, LIMITS | {"video_track": 0})
    assert next(named).image.shape == (48, 64, 3)
    assert container.probe(path)["width"] == 96
    make.ffmpeg("-i", other, "-frames:v", 1, tmp_path / "cover.png")
    cover = ("-i", one, "-i", tmp_path / "cover.png", "-map", "1:v", "-map", "0:v", "-c", "copy")
    make.ffmpeg(*cover, "-disposition:v:0", "attached_pic", tmp_path / "c.mp4")
    reader = video_frames.read(tmp_path / "c.mp4", LIMITS)
    assert next(reader).image.shape == (48, 64, 3)
    assert reader.facts.n_tracks == 1


def test_the_section_media_reaches_the_decoder(tmp_path):
    path = of_two(tmp_path, *default(True, False))
    audio = {"rate_hz": 16000, "silence_peak": 1e-4, "min_duration_s": 0.2}
    settings = {"audio": audio, "limits": LIMITS, "on_defect": "fail"}
    clips = [["a", files.sha256(path)]]
    (silent,) = waveform.entries([path], clips, settings)
    assert (silent.status, silent.facts["track"]) == ("silent_audio", 0)
    (voice,) = waveform.entries([path], clips, settings | {"media": {"audio_track": 1, "video_track": None}})
    assert (voice.status, voice.facts["track"], voice.facts["n_tracks"]) == ("ok", 1, 2)
