"""Reading clips: faults 1, 2, 6, 7, 9, 13 to 27 and 37 of the list of faults, and real clips."""

import os
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

import media_fixtures as make
from emotiw.core import files
from emotiw.core.errors import MediaError
from emotiw.core.status import Status
from emotiw.jobs.store import Entry
from emotiw.media import clip_checks, container, packets, soundtrack, video_frames

LIMITS = {"max_pixels": 16777216, "max_duration_s": 600.0, "min_decoded_fraction": 0.98, "job_s": 3600.0}


def times(path):
    return [frame.time_s for frame in video_frames.read(path, LIMITS)]


def test_frames_are_rgb_with_times_and_positions(tmp_path):
    reader = video_frames.read(make.clip(tmp_path / "a.avi", n=3, codec="ffv1", pixels="bgr0"), LIMITS)
    frames = list(reader)
    assert [frame.index for frame in frames] == [0, 1, 2]
    np.testing.assert_allclose([frame.time_s for frame in frames], [0, 0.04, 0.08])
    for frame in frames:
        np.testing.assert_array_equal(frame.image, make.picture(frame.index, 64, 48))
    assert (reader.facts.n_frames, reader.facts.n_announced, reader.facts.codec) == (3, 3, "ffv1")


def test_a_clip_without_sound_has_no_waveform(tmp_path):
    path = make.clip(tmp_path / "a.mp4", codec="libx264")
    assert soundtrack.waveform(path, 16000, LIMITS) is None
    assert len(times(path)) == 20


def test_a_clip_without_pictures_has_no_frames(tmp_path):
    path = make.sound_file(tmp_path / "a.wav", make.tone(0.5))
    assert video_frames.read(path, LIMITS) is None
    assert len(soundtrack.waveform(path, 16000, LIMITS)[0]) == 8000


@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100, 48000])
def test_sound_of_any_rate_becomes_16_khz_of_the_same_length(tmp_path, rate_hz):
    path = make.sound_file(tmp_path / "a.wav", make.tone(0.7, rate_hz), rate_hz)
    samples, facts = soundtrack.waveform(path, 16000, LIMITS)
    assert abs(len(samples) - 0.7 * 16000) <= 1
    assert samples.dtype == np.float32
    assert (facts.source_rate_hz, facts.rate_hz) == (rate_hz, 16000)
    middle = slice(1000, -1000)
    np.testing.assert_allclose(samples[middle], make.tone(0.7)[0][: len(samples)][middle], atol=2e-3)


def test_two_channels_are_averaged(tmp_path):
    sound = make.tone(0.2, channels=2) * np.array([[0.3], [0.9]], np.float32)
    samples, facts = soundtrack.waveform(make.sound_file(tmp_path / "a.wav", sound), 16000, LIMITS)
    np.testing.assert_allclose(samples, sound.mean(axis=0), atol=1e-4)
    assert (facts.channels, facts.mix) == (2, "mean of 2 channels")


def test_loud_samples_are_clipped_and_counted(tmp_path):
    path = make.sound_file(tmp_path / "a.wav", make.tone(0.1, peak=10), codec="pcm_f32le")
    samples, facts = soundtrack.waveform(path, 16000, LIMITS)
    assert np.abs(samples).max() == np.float32(32767 / 32768)
    assert facts.n_clipped == np.count_nonzero(np.abs(make.tone(0.1, peak=10)) > 32767 / 32768)
    assert facts.peak == pytest.approx(10, rel=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused(tmp_path, bad):
    sound = make.tone(0.1)
    sound[0, 100] = bad
    path = make.sound_file(tmp_path / "a.wav", sound, codec="pcm_f32le")
    with pytest.raises(MediaError, match=r"a\.wav: holds a sample that is not finite"):
        soundtrack.waveform(path, 16000, LIMITS)


def test_sound_without_a_sample_is_empty(tmp_path):
    samples, facts = soundtrack.waveform(make.sound_file(tmp_path / "a.wav", make.tone(0)), 16000, LIMITS)
    assert samples.shape == (0,)
    assert (facts.peak, facts.duration_s) == (0, 0)


def test_padding_by_the_encoder_is_cut(tmp_path):
    path = make.clip(tmp_path / "a.mp4", sound=make.tone(0.8))  # 0.8 s are no whole number of AAC frames
    assert len(soundtrack.waveform(path, 16000, LIMITS)[0]) == 12800


def test_sound_that_changes_its_rate_is_refused(tmp_path):
    parts = [make.sound_file(tmp_path / f"{rate}.aac", make.tone(0.5, rate), rate, "aac") for rate in (16000, 24000)]
    path = tmp_path / "a.aac"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(MediaError, match="sound changes to"):
        soundtrack.waveform(path, 16000, LIMITS)


def test_grey_video_has_three_channels(tmp_path):
    frame = next(video_frames.read(make.clip(tmp_path / "a.avi", codec="ffv1", pixels="gray"), LIMITS))
    assert frame.image.shape == (48, 64, 3)
    np.testing.assert_array_equal(frame.image[..., 0], frame.image[..., 2])


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(MediaError, match=r"a\.mp4: empty file"):
        video_frames.read(tmp_path / "a.mp4", LIMITS)


@pytest.mark.parametrize("name", ["a.mp4", "a.avi"])
def test_a_truncated_clip_is_refused_for_both_modalities(tmp_path, name):
    path = make.halve(make.clip(tmp_path / name, paint=make.noise, sound=make.tone(0.8), sound_codec="mp3"))
    with pytest.raises(MediaError, match=name):
        times(path)
    with pytest.raises(MediaError, match=name):
        soundtrack.waveform(path, 16000, LIMITS)


def streamed(path, **options):
    """A clip whose header comes first, so that its beginning decodes when the end is missing."""
    return make.clip(path, paint=make.noise, options={"movflags": "faststart"}, **options)


def test_fewer_frames_than_the_header_states_are_refused(tmp_path):
    path = make.close_box(make.halve(streamed(tmp_path / "a.mp4")))
    with pytest.raises(MediaError, match=r"frames decode; expected 98% of the 20 that its header states"):
        times(path)


def test_the_decoded_fraction_is_configurable(tmp_path):
    path = make.halve(streamed(tmp_path / "a.mp4"))
    assert 0 < len(list(video_frames.read(path, LIMITS | {"min_decoded_fraction": 0.2}))) < 20


def test_one_frame_fewer_than_stated_is_accepted(tmp_path):
    path = make.clip(tmp_path / "a.avi")
    assert len(times(make.announce(path, 21))) == 20
    with pytest.raises(MediaError, match="20 frames decode; expected 98% of the 22"):
        times(make.announce(path, 22))


def test_less_sound_than_the_header_states_is_refused(tmp_path):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 32000)).astype(np.float32)
    path = make.clip(
        tmp_path / "a.mp4",
        n=0,
        sound=sound,
        sound_codec="pcm_s16le",
        options={"movflags": "faststart"},
        container="mov",
    )
    make.close_box(make.halve(path))
    with pytest.raises(MediaError, match=r"s of sound decode; expected the 2\.00 s that its header states"):
        soundtrack.waveform(path, 16000, LIMITS)


def test_a_truncated_wav_is_refused(tmp_path):
    path = make.halve(make.sound_file(tmp_path / "a.wav", make.tone(1)))
    with pytest.raises(MediaError, match="ends after 16039 bytes; expected 32078"):
        soundtrack.waveform(path, 16000, LIMITS)


def test_a_wav_of_unstated_size_is_read(tmp_path):
    path = make.sound_file(tmp_path / "a.wav", make.tone(0.5))
    with path.open("r+b") as stream:
        stream.seek(4)
        stream.write(b"\xff" * 4)
    assert len(soundtrack.waveform(path, 16000, LIMITS)[0]) == 8000


@pytest.mark.parametrize(
    ("name", "codec", "start", "found"),
    [
        ("a.avi", "mpeg4", 5700, "Invalid data found"),
        ("a.avi", "mpeg4", 60, "no video or audio stream"),
        ("a.mp4", "libx264", 60, ".*; expected a decodable clip"),
    ],
)
def test_corrupt_content_is_refused(tmp_path, name, codec, start, found):
    path = make.corrupt(make.clip(tmp_path / name, codec=codec), start=start)
    with pytest.raises(MediaError, match=rf"{name}: {found}"):
        times(path)


def test_names_in_another_encoding_do_not_matter(tmp_path):
    path = make.replace(make.clip(tmp_path / "a.mp4"), b"VideoHandler", "Vidéohandler".encode("latin-1"))
    assert len(times(path)) == 20
    assert container.probe(path)["width"] == 64


def test_frames_that_an_edit_list_hides_are_not_missed(tmp_path):
    path = make.delay(make.clip(tmp_path / "a.mp4", codec="libx264"), tmp_path / "b.mp4", -10)
    reader = video_frames.read(path, LIMITS)
    assert len(list(reader)) == 10
    assert reader.facts.n_announced == 20


def test_a_wrong_extension_does_not_matter(tmp_path):
    path = make.clip(tmp_path / "a.avi").rename(tmp_path / "a.mp4")
    reader = video_frames.read(path, LIMITS)
    assert len(list(reader)) == 20
    assert reader.facts.format == "avi"


def test_text_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_text("hello")
    with pytest.raises(MediaError, match=r"a\.mp4: Invalid data .* expected a decodable clip; replace it"):
        video_frames.read(tmp_path / "a.mp4", LIMITS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.mp4", "ffconcat version 1.0\nfile {}\n"),
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"),
    ],
)
def test_playlists_are_refused(tmp_path, name, text):
    make.clip(tmp_path / "b.avi")
    (tmp_path / name).write_text(text.format("b.avi"))
    with pytest.raises(MediaError, match=r"format not allowed; expected one of mov, .*; convert the clip"):
        video_frames.read(tmp_path / name, LIMITS)


@pytest.mark.parametrize("codec", ["libx264", "png"])
def test_too_many_pixels_are_refused_before_decoding(tmp_path, codec):
    path = make.clip(tmp_path / "a.avi", codec=codec, pixels="rgb24" if codec == "png" else "yuv420p")
    with pytest.raises(MediaError, match="expected at most 1000 pixels"):
        video_frames.read(path, LIMITS | {"max_pixels": 1000})


def test_a_long_clip_is_refused_by_its_header(tmp_path):
    path = make.clip(tmp_path / "a.mp4", n=2, times=[0, 700])
    with pytest.raises(MediaError, match=r"lasts 700\.\d s; expected at most 600\.0 s"):
        video_frames.read(path, LIMITS)


def test_sound_that_is_longer_than_its_header_says_is_bounded(tmp_path, monkeypatch):
    path = make.sound_file(tmp_path / "a.wav", make.tone(2))
    monkeypatch.setattr(container.av, "time_base", 1 << 62)  # the header now promises next to nothing
    with pytest.raises(MediaError, match="expected at most 1 s"):
        soundtrack.waveform(path, 16000, LIMITS | {"max_duration_s": 1})


def test_frames_are_streamed(tmp_path):
    path = make.clip(tmp_path / "a.avi", n=60, size=(320, 240))
    tracemalloc.start()
    for _ in video_frames.read(path, LIMITS):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * 320 * 240 * 3


@pytest.mark.parametrize("name", ["a.flac", "a.wav"])
def test_sound_is_streamed(tmp_path, name):
    path = make.sound_file(tmp_path / name, make.tone(120), codec="flac" if name == "a.flac" else "pcm_s16le")
    tracemalloc.start()
    n = sum(len(block) for block in soundtrack.read(path, 16000, LIMITS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 120 * 16000
    assert peak < 1 << 20  # the whole is 7.7 MB


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
def test_times_of_a_variable_frame_rate_come_from_the_container(tmp_path, name):
    expected = [index**2 / 25 for index in range(8)]
    reader = video_frames.read(make.clip(tmp_path / name, n=8, times=expected), LIMITS)
    np.testing.assert_allclose([frame.time_s for frame in reader], expected, atol=1e-3)
    assert reader.facts.variable_frame_rate


def test_a_constant_frame_rate_is_recorded(tmp_path):
    reader = video_frames.read(make.clip(tmp_path / "a.mkv", fps=30), LIMITS)  # times in whole ms
    list(reader)
    assert not reader.facts.variable_frame_rate
    assert reader.facts.fps == pytest.approx(30)


def test_rotation_is_applied_once_and_recorded(tmp_path):
    path = make.clip(tmp_path / "a.mp4", codec="libx264")
    upright = next(video_frames.read(path, LIMITS)).image
    reader = video_frames.read(make.rotate(path), LIMITS)
    turned = next(reader).image
    np.testing.assert_array_equal(turned, np.rot90(upright, -1))
    assert (reader.facts.rotation, reader.facts.width, reader.facts.height) == (-90, 48, 64)


def test_a_rotation_that_is_no_quarter_turn_is_refused(tmp_path):
    path = make.rotate(make.clip(tmp_path / "a.mp4"), degrees=30)
    with pytest.raises(MediaError, match="rotated by -29 degrees; expected a multiple of 90"):
        times(path)


def test_a_frame_size_that_changes_midway_is_refused(tmp_path):
    sizes = [(64, 48), (96, 80)]
    parts = [
        make.clip(tmp_path / f"{w}.mpg", codec="mpeg1video", size=(w, h), container="mpeg1video") for w, h in sizes
    ]
    path = tmp_path / "a.mpg"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(
        MediaError, match=r"frame \d+ has width, height, rotation \(96, 80, 0\); expected \(64, 48, 0\)"
    ):
        times(path)


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")  # opening it would wait for a writer
    with pytest.raises(MediaError, match="not a regular file"):
        video_frames.read(tmp_path / "a.mp4", LIMITS)
    assert container.probe(tmp_path / "a.mp4") == {}
    with pytest.raises(MediaError, match="not a regular file"):
        clip_checks.check_hash(tmp_path / "a.mp4", "0" * 64, "a")


def test_a_folder_and_a_device_are_refused(tmp_path):
    for path in (tmp_path, type(tmp_path)("/dev/zero")):
        with pytest.raises(MediaError, match="not a regular file"):
            soundtrack.waveform(path, 16000, LIMITS)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(
        MediaError, match=r"none\.mp4: No such file or directory; expected a file; correct the manifest"
    ):
        video_frames.read(tmp_path / "none.mp4", LIMITS)


@pytest.mark.parametrize(
    "name", ["http:foo.mp4", "concat:a|b.mp4", "pipe:0", "subfile,,start,0,end,9,,:a.mp4", "a b'c\"é\n.mp4"]
)
def test_names_are_not_taken_for_protocols(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = make.clip(tmp_path / "plain.mp4", n=3).rename(tmp_path / name)
    assert len(times(type(path)(name))) == 3


def test_a_codec_without_decoder_spoils_only_its_modality(tmp_path):
    path = make.clip(tmp_path / "a.avi", sound=make.tone(0.8), sound_codec="pcm_s16le")
    make.replace(path, b"FMP4", b"ZZZZ")
    with pytest.raises(MediaError, match="no decoder for its video"):
        video_frames.read(path, LIMITS)
    assert len(soundtrack.waveform(path, 16000, LIMITS)[0]) == 12800


def test_a_video_without_a_frame_is_refused(tmp_path, monkeypatch):
    path = make.clip(tmp_path / "a.mp4")
    monkeypatch.setattr(video_frames, "enumerate", lambda _: iter(()), raising=False)
    with pytest.raises(MediaError, match="no frame decodes"):
        times(path)


def test_a_frame_without_time_is_refused(tmp_path, monkeypatch):
    path = make.clip(tmp_path / "a.mp4", n=2)

    def timeless(frames):
        for index, frame in enumerate(frames):
            frame.pts = None
            yield index, frame

    monkeypatch.setattr(video_frames, "enumerate", timeless, raising=False)
    with pytest.raises(MediaError, match="frame 0 has no time"):
        times(path)


def test_a_stream_that_begins_midway_does_not_matter():
    packet = SimpleNamespace(size=1)

    def demux(_):
        yield packet
        raise IndexError  # as PyAV does when it flushes the decoders

    stream = SimpleNamespace(container=SimpleNamespace(demux=demux))
    assert list(packets.packets([stream])) == [packet]


def test_a_reader_that_is_dropped_closes_its_file(tmp_path):
    path = make.clip(tmp_path / "a.mp4")
    before = len(os.listdir("/proc/self/fd"))
    reader = video_frames.read(path, LIMITS)
    next(reader)
    del reader
    video_frames.read(path, LIMITS)
    assert len(os.listdir("/proc/self/fd")) == before


def test_probe_reads_the_header(tmp_path):
    path = make.clip(tmp_path / "a.mp4", codec="libx264", sound=make.tone(0.8, 44100, channels=2), rate_hz=44100)
    assert container.probe(path) == {
        "format": "mov,mp4,m4a,3gp,3g2,mj2",
        "duration_s": pytest.approx(0.8, abs=0.05),
        "width": 64,
        "height": 48,
        "fps": 25.0,
        "rate_hz": 44100,
        "channels": 2,
    }


def test_probe_of_what_is_absent_or_unreadable(tmp_path):
    facts = container.probe(make.sound_file(tmp_path / "a.wav", make.tone(0.5)))
    assert (facts["width"], facts["height"], facts["fps"]) == (None, None, None)
    (tmp_path / "b.mp4").write_text("hello")
    assert container.probe(tmp_path / "b.mp4") == {}
    assert container.probe(tmp_path / "missing.mp4") == {}


def test_a_clip_whose_content_changed_is_refused(tmp_path):
    path = make.clip(tmp_path / "a.mp4", n=2)
    expected = files.sha256(path)
    clip_checks.check_hash(path, expected, "a")
    make.corrupt(path)
    with pytest.raises(MediaError, match=rf"clip changed while running: a has sha256 \w+; expected {expected}; run"):
        clip_checks.check_hash(path, expected, "a")


def test_a_defect_becomes_a_status_without_the_path(tmp_path):
    path = tmp_path / "a.mp4"
    path.touch()
    entry = clip_checks.guarded("a", path, "exclude", lambda: video_frames.read(path, LIMITS))
    assert entry == Entry("a", status=Status.UNDECODABLE, facts=entry.facts)
    assert entry.facts["reason"].startswith("empty file; expected")


def test_a_defect_is_raised_if_asked(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(MediaError, match="empty file"):
        clip_checks.guarded("a", tmp_path / "a.mp4", "fail", lambda: video_frames.read(tmp_path / "a.mp4", LIMITS))


def test_what_is_no_defect_passes(tmp_path):
    assert clip_checks.guarded("a", tmp_path, "exclude", lambda: Entry("a")) == Entry("a")


def test_every_real_clip_decodes_with_matching_lengths(shared):
    paths = sorted(path for path in (shared / "clips").rglob("*.*") if path.suffix != ".txt")
    for path in paths:
        facts = container.probe(path)
        samples, _ = soundtrack.waveform(path, 16000, LIMITS)
        assert abs(len(samples) / 16000 - facts["duration_s"]) < 0.06, path.name
    assert len(paths) >= 20


@pytest.mark.parametrize("name", ["crema_d/1001_DFA_ANG_XX.flv", "ravdess/01-01-01-01-01-01-01.mp4", "grid/bbaf2n.mpg"])
def test_frames_of_real_clips_cover_their_duration(shared, name):
    path = shared / "clips" / name
    reader = video_frames.read(path, LIMITS)
    found = [frame.time_s for frame in reader]
    assert found == sorted(found)
    assert reader.facts.n_frames == len(found) > 60
    assert container.probe(path)["duration_s"] - found[-1] < 0.08


def test_real_speech_keeps_every_sample(shared):
    for path in sorted((shared / "speech" / "ravdess" / "Actor_01").glob("*.flac")):
        samples, facts = soundtrack.waveform(path, 16000, LIMITS)
        assert video_frames.read(path, LIMITS) is None
        assert len(samples) / 16000 == pytest.approx(container.probe(path)["duration_s"], abs=1e-5)
        assert facts.n_clipped == 0
