import csv
import hashlib
import io
from dataclasses import asdict, replace

import av
import dlib
import numpy as np
import pytest

from emotiw.core.errors import ManifestError
from emotiw.demo import design, render

DESIGN = design.Design(n_subjects=7, n_train=3, n_val=2)
SETTINGS = {"design": asdict(DESIGN)}
DEFECTIVE = {clip.defect: clip for clip in design.clips(DESIGN) if clip.defect}


def short(clip):
    return replace(clip, nuisance={**clip.nuisance, "duration_s": 0.6})


@pytest.fixture(scope="module")
def sound_clip():
    return render.encoded(short(design.clips(DESIGN)[3]), DESIGN)


def encoded(defect):
    return render.encoded(short(DEFECTIVE[defect]), DESIGN)


def decoded(data):
    """Frames with their times, and mono samples."""
    with av.open(io.BytesIO(data), format="mp4") as container:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
        sound = None
        if container.streams.audio:
            container.seek(0)
            sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return frames, sound


def n_faces(frames):
    detector = dlib.get_frontal_face_detector()
    return [len(detector(picture, 0)) for _, picture in frames]


def test_a_clip_is_h264_and_aac_at_25_frames_a_second(sound_clip):
    with av.open(io.BytesIO(sound_clip)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert (picture.average_rate, picture.frames, sound.rate) == (25, 15, 48000)
        assert (picture.width, picture.height, picture.codec_context.pix_fmt) == (256, 256, "yuv420p")


def test_the_same_design_gives_the_same_bytes(sound_clip):
    render._subject.cache_clear()
    again = render.encoded(short(design.clips(DESIGN)[3]), DESIGN)
    assert hashlib.sha256(again).hexdigest() == hashlib.sha256(sound_clip).hexdigest()


def test_a_clip_shows_one_face_and_is_heard(sound_clip):
    frames, sound = decoded(sound_clip)
    assert set(n_faces(frames)) == {1}
    assert np.abs(sound).max() > 0.02


def test_the_expression_grows_and_relaxes():
    clip = replace(next(c for c in design.clips(DESIGN) if c.label == "surprise"), face=(1.0, 0.0))
    still = np.zeros(25)
    frames = np.array(render.pictures(clip, DESIGN, still), float)
    change = np.abs(frames - frames[0]).mean((1, 2, 3))
    assert change.argmax() not in (0, 24)


def test_no_face_shows_none():
    assert not any(n_faces(decoded(encoded("no_face"))[0]))


def test_few_faces_shows_a_face_in_fewer_than_five_frames():
    assert 0 < sum(n_faces(decoded(encoded("few_faces"))[0])) < 5


def test_two_faces_shows_two_of_which_the_second_is_smaller():
    frames, _ = decoded(encoded("two_faces"))
    boxes = dlib.get_frontal_face_detector()(frames[7][1], 0)
    left, right = sorted(boxes, key=lambda box: box.left())
    assert right.area() < left.area()


def test_no_audio_has_no_sound_track():
    assert decoded(encoded("no_audio"))[1] is None


def test_silent_audio_is_digital_silence():
    assert np.abs(decoded(encoded("silent_audio"))[1]).max() < 1e-4


def test_short_audio_is_shorter_than_a_tenth_of_a_second():
    assert 0 < len(decoded(encoded("short_audio"))[1]) < 4800


def test_a_truncated_file_cannot_be_decoded():
    with pytest.raises(av.error.InvalidDataError):
        av.open(io.BytesIO(encoded("truncated")))


def test_a_variable_frame_rate_has_uneven_times_and_the_same_bytes():
    data = encoded("variable_frame_rate")
    steps = np.diff([time for time, _ in decoded(data)[0]])
    assert steps.min() > 0
    assert steps.max() > 1.2 * steps.min()
    assert data == encoded("variable_frame_rate")


def test_only_the_named_clips_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(render, "encoded", lambda clip, design: clip.name.encode())
    render.write_clips(tmp_path, {**SETTINGS, "clips": ["s01_anger", "s02_fear"]})
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "s01_anger.mp4": "s01_anger",
        "s02_fear.mp4": "s02_fear",
    }


def test_the_table_lists_every_clip_relative_to_the_corpus(tmp_path):
    paths = [tmp_path / "clips" / f"{clip.name}.mp4" for clip in design.clips(DESIGN)]
    render.write_manifest(tmp_path / "manifest.csv", SETTINGS, paths)
    rows = list(csv.DictReader((tmp_path / "manifest.csv").read_text().splitlines()))
    assert len(rows) == 7 * 7 + len(design.DEFECTS)
    assert tuple(rows[0]) == render.COLUMNS
    assert rows[0]["path"] == "clips/s01_anger.mp4"


def test_a_table_of_other_clips_is_refused(tmp_path):
    with pytest.raises(ManifestError, match="clips differ from the design: s01_anger"):
        render.write_manifest(
            tmp_path / "manifest.csv",
            SETTINGS,
            [tmp_path / f"{clip.name}.mp4" for clip in design.clips(DESIGN)[1:]],
        )
