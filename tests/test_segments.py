"""Segments of a clip on one clock: sound and pictures of one time are in one segment, which lasts as long as they."""

import numpy as np
import pytest

import media_fixtures as make
from emotiw.core.status import Status
from emotiw.prediction import segments
from test_clock import LIMITS, dropped, film, moved

FACES = {
    **{"frame_step": 5, "upsample": 0, "chip_size": 64, "chip_padding": 0.25, "select": "longest", "track": True},
    **{"min_frames": 1, "threshold": 0.0},
}
AUDIO = {"rate_hz": 16000, "silence_peak": 0.001, "min_duration_s": 0.2}


def parts(path, length_s, **sections):
    settings = {"faces": FACES, "audio": AUDIO, "limits": LIMITS} | sections
    return list(segments.segments(path, settings, segments.Finder(None), length_s, lambda n: None))


def test_a_voice_that_begins_late_is_in_the_segments_of_its_time(tmp_path):
    source = film(tmp_path / "a.mkv", 6)
    path = tmp_path / "b.mkv"
    late = ("-i", source, "-itsoffset", 3, "-t", 2, "-i", source, "-map", "0:v", "-map", "1:a")
    make.ffmpeg(*late, "-c:v", "copy", "-c:a", "aac", path)
    found = parts(path, 1.0)
    assert [part.start_s for part in found] == [0, 1, 2, 3, 4, 5]
    assert [part.sound.status for part in found[:5]] == [Status.SILENT_AUDIO] * 3 + [Status.OK] * 2
    assert [part.faces.facts["n_searched"] for part in found] == [5] * 6


def test_after_a_gap_the_sound_is_in_the_segments_of_its_time(tmp_path):
    path = make.remux(film(tmp_path / "a.mkv", 5), tmp_path / "b.mkv", dropped("audio", 1, 3))
    statuses = [part.sound.status for part in parts(path, 1.0)]
    assert statuses[0] == statuses[3] == statuses[4] == Status.OK
    assert statuses[2] == Status.SILENT_AUDIO


def test_pictures_that_begin_late_are_in_the_segments_of_their_time(tmp_path):
    source = film(tmp_path / "a.mkv", 4)
    path = tmp_path / "b.mkv"
    late = ("-i", source, "-itsoffset", 2, "-t", 4, "-i", source, "-map", "1:v", "-map", "0:a")
    make.ffmpeg(*late, "-c", "copy", path)
    found = parts(path, 1.0)[:4]
    assert [part.faces.facts["n_searched"] for part in found] == [0, 0, 5, 5]
    assert [part.duration_s for part in found[:-1]] == [1, 1, 1]


def test_a_jump_of_the_clock_makes_no_segments(tmp_path):
    path = make.remux(film(tmp_path / "a.mkv", 2), tmp_path / "b.mkv", moved(None, (1, 9), 3600))
    found = parts(path, 30.0)
    assert len(found) == 1
    assert found[0].duration_s == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "avi"])
def test_a_segment_of_a_silent_film_lasts_as_long_as_its_pictures(tmp_path, suffix):
    path = make.clip(tmp_path / f"a.{suffix}", n=60)
    found = parts(path, 1.0)
    assert [part.faces.status for part in found] == [Status.NO_FACE] * 3
    assert [part.duration_s for part in found] == pytest.approx([1, 1, 0.4], abs=0.005)


def test_the_last_segment_lasts_as_long_as_the_longer_of_sound_and_pictures(tmp_path):
    sound = np.concatenate([make.tone(1.7)], axis=1)
    long_sound = make.clip(tmp_path / "a.mkv", n=30, codec="libx264", sound=sound)
    assert parts(long_sound, 1.0)[-1].duration_s == pytest.approx(0.7, abs=0.05)
    long_film = make.clip(tmp_path / "b.mkv", n=45, codec="libx264", sound=make.tone(1.2))
    assert parts(long_film, 1.0)[-1].duration_s == pytest.approx(0.8, abs=0.01)
    assert parts(long_film, 1.0, faces=None)[-1].duration_s == pytest.approx(0.2, abs=0.05)
