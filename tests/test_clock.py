"""One clock for sound and pictures: late streams, gaps, overlaps, jumps and stray stamps, compared with ffmpeg."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

import media_fixtures as make
from emotiw.core.errors import LengthError
from emotiw.media import clock, container, soundtrack, video_frames

LIMITS = {"max_pixels": 16777216, "max_duration_s": 600.0, "min_decoded_fraction": 0.98}
TRUTH = "aresample=async=1:first_pts=0"
RATE_HZ = 16000


def babble(duration_s, rate_hz=RATE_HZ):
    """Noise whose loudness changes all the time, so that no two parts of it are alike."""
    rng = np.random.default_rng(0)
    loudness = np.repeat(rng.uniform(0.05, 0.5, int(20 * duration_s)), rate_hz // 20)
    return (loudness * rng.uniform(-1, 1, len(loudness)))[None].astype(np.float32)


def film(path, duration_s=3.0, **options):
    """H.264 and AAC without B-frames, so that packets can be moved one by one."""
    plain = make.clip(
        path.with_suffix(".plain.mkv"), n=round(25 * duration_s), codec="libx264", sound=babble(duration_s)
    )
    coding = ("-c:v", "libx264", "-bf", 0, "-g", 25, "-c:a", "aac")
    make.ffmpeg("-i", plain, *coding, *options.get("more", ()), path)
    return path


def heard(path, limits=LIMITS):
    return soundtrack.waveform(path, RATE_HZ, limits)


def seen(path, limits=LIMITS):
    reader = video_frames.read(path, limits)
    return [frame.time_s for frame in reader], reader.facts


def of_ffmpeg(path, *more):
    """Sound of ffmpeg on the clock of the clip."""
    raw = make.ffmpeg("-i", path, *more, "-map", "0:a:0", "-af", TRUTH, "-ar", RATE_HZ, "-ac", 1, "-f", "f32le", "-")
    return np.frombuffer(raw, np.float32)


def moved(kind, when, by_s):
    """Edit of `remux`: moves the packets of a kind, or of both, whose time in s is in `when`, by `by_s`."""

    def edit(packet):
        if kind in (None, packet.stream.type) and when[0] <= float(packet.pts * packet.time_base) < when[1]:
            ticks = round(by_s / packet.time_base)
            packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks

    return edit


def dropped(kind, begin_s, end_s):
    def edit(packet):
        return not (kind in (None, packet.stream.type) and begin_s <= float(packet.pts * packet.time_base) < end_s)

    return edit


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts", "flv"])
def test_sound_that_begins_late_is_late(tmp_path, suffix):
    source = film(tmp_path / "a.mkv", 6)
    path = tmp_path / f"b.{suffix}"
    late = ("-i", source, "-itsoffset", 3, "-t", 2, "-i", source, "-map", "0:v", "-map", "1:a")
    make.ffmpeg(*late, "-c:v", "copy", "-c:a", "aac", path)
    samples, _ = heard(path)
    times, _ = seen(path)
    begin = int(np.flatnonzero(np.abs(samples) > 0.02)[0]) / RATE_HZ
    assert times[0] == pytest.approx(0, abs=0.001)
    assert begin == pytest.approx(3, abs=0.06)
    if suffix == "ts":
        return  # there ffmpeg starts its clock at the stream that it is asked for
    expected = of_ffmpeg(path)
    np.testing.assert_allclose(samples, expected[: len(samples)], atol=1e-4)
    assert abs(len(samples) - len(expected)) < 0.05 * RATE_HZ


def test_pictures_that_begin_late_are_late(tmp_path):
    source = film(tmp_path / "a.mkv", 4)
    path = tmp_path / "b.mkv"
    make.ffmpeg(
        "-i", source, "-itsoffset", 1.5, "-t", 2, "-i", source, "-map", "1:v", "-map", "0:a", "-c", "copy", path
    )
    assert seen(path)[0][0] == pytest.approx(1.5, abs=0.01)
    np.testing.assert_array_equal(heard(path)[0], of_ffmpeg(path))


def test_the_clock_starts_at_the_earlier_stream_wherever_the_file_starts(tmp_path):
    source = film(tmp_path / "a.mkv", 2)
    path = tmp_path / "b.mkv"
    make.remux(source, path, moved(None, (-1, 9), 100))
    assert seen(path)[0] == pytest.approx(seen(source)[0], abs=1e-6)
    np.testing.assert_array_equal(heard(path)[0], heard(source)[0])
    assert seen(path)[1].n_jumps == 0


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
@pytest.mark.parametrize("gap", [(1, 1.5), (1, 14)])
def test_a_gap_of_the_sound_is_silent(tmp_path, suffix, gap):
    source = film(tmp_path / f"a.{suffix}", gap[1] + 2)
    path = tmp_path / f"b.{suffix}"
    start = 1.4 if suffix == "ts" else 0  # a transport stream does not start at zero
    make.remux(source, path, dropped("audio", gap[0] + start, gap[1] + start))
    samples, facts = heard(path)
    if (suffix, gap[1]) != ("ts", 14):  # which ffmpeg closes, although the pictures go on
        expected = of_ffmpeg(path)
        assert abs(len(samples) - len(expected)) < 0.01 * RATE_HZ
        n = min(len(samples), len(expected))
        np.testing.assert_allclose(samples[:n], expected[:n], atol=1e-4)
    assert not samples[round((gap[0] + 0.1) * RATE_HZ) : round((gap[1] - 0.1) * RATE_HZ)].any()
    assert facts.duration_s == pytest.approx(gap[1] + 2, abs=0.1)
    assert facts.n_jumps == 0
    assert len(seen(path)[0]) == round(25 * (gap[1] + 2))


def test_a_gap_of_the_pictures_stays_one(tmp_path):
    source = film(tmp_path / "a.mkv", 6)
    make.remux(source, tmp_path / "b.mkv", dropped("video", 2, 4))
    times, facts = seen(tmp_path / "b.mkv")
    assert max(np.diff(times)) == pytest.approx(2.04, abs=0.01)
    assert facts.end_s == pytest.approx(6, abs=0.05)
    np.testing.assert_array_equal(heard(tmp_path / "b.mkv")[0], heard(source)[0])


def test_sound_that_overlaps_is_dropped_as_by_ffmpeg(tmp_path):
    source = film(tmp_path / "a.mkv")
    path = tmp_path / "b.mkv"

    def crowded(packet):  # every packet of sound 10 ms early after the one before
        if packet.stream.type == "audio":
            packet.pts = packet.dts = round(float(packet.pts) * 0.85)

    make.remux(source, path, crowded)
    samples, _ = heard(path)
    assert len(samples) == pytest.approx(0.85 * 3 * RATE_HZ, abs=0.15 * RATE_HZ)
    np.testing.assert_allclose(samples, of_ffmpeg(path), atol=1e-6)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("by_s", [3600, 90])
def test_a_jump_of_the_clock_is_noticed_and_taken_back(tmp_path, suffix, by_s):
    source = film(tmp_path / f"a.{suffix}")
    path = tmp_path / f"b.{suffix}"
    make.remux(source, path, moved(None, (1, 9), by_s))
    times, facts = seen(path)
    samples, sound = heard(path)
    assert container.probe(path)["duration_s"] == pytest.approx(3, abs=0.1)
    assert facts.n_jumps == sound.n_jumps == 1
    np.testing.assert_allclose(times, seen(source)[0], atol=0.03)
    assert facts.end_s == pytest.approx(3, abs=0.05)
    whole, _ = heard(source)
    assert abs(len(samples) - len(whole)) < 0.03 * RATE_HZ
    at = round(0.9 * RATE_HZ)
    np.testing.assert_allclose(samples[:at], whole[:at], atol=1e-4)
    shifts = range(-480, 481)  # up to a packet, of which the container rounds the length
    piece = whole[at + 8000 : at + 16000]
    assert max(np.corrcoef(piece, samples[at + 8000 + s : at + 16000 + s])[0, 1] for s in shifts) > 0.9


def test_a_clip_whose_parts_have_clocks_of_their_own_is_as_long_as_its_parts(tmp_path):
    parts = [film(tmp_path / f"{i}.ts", 2, more=("-output_ts_offset", offset)) for i, offset in enumerate((3600, 0))]
    for order in (parts, parts[::-1]):
        path = tmp_path / "both.ts"
        path.write_bytes(b"".join(part.read_bytes() for part in order))
        times, facts = seen(path)
        assert len(times) == 100
        assert times == sorted(times)
        assert facts.end_s == pytest.approx(4, abs=0.15)
        assert heard(path)[1].duration_s == pytest.approx(4, abs=0.15)
        assert facts.n_jumps == 1
        assert container.probe(path)["duration_s"] == pytest.approx(4, abs=0.15)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov", "flv"])
def test_a_jump_of_the_sound_alone_is_taken_back_too(tmp_path, suffix):
    source = film(tmp_path / f"a.{suffix}", 4)
    path = make.remux(source, tmp_path / f"b.{suffix}", moved("audio", (1, 9), 3600))
    samples, sound = heard(path)
    times, facts = seen(path)
    assert max(sound.n_jumps, facts.n_jumps) >= 1
    np.testing.assert_allclose(times, seen(source)[0], atol=0.03)
    assert len(samples) / RATE_HZ == pytest.approx(4, abs=0.15)
    assert container.probe(path)["duration_s"] == pytest.approx(4, abs=0.15)


def test_no_picture_lies_before_the_start(tmp_path):
    source = film(tmp_path / "a.mkv", 4)
    make.ffmpeg("-i", source, "-c:v", "libtheora", "-c:a", "libvorbis", tmp_path / "a.ogv")
    make.ffmpeg("-ss", 1.3, "-i", tmp_path / "a.ogv", "-c", "copy", tmp_path / "b.ogv")
    times, facts = seen(tmp_path / "b.ogv")
    assert times[0] == 0
    assert times == sorted(times)
    assert facts.end_s < 4


@pytest.mark.parametrize(
    ("name", "coding"),
    [
        ("a.ts", ("-c:v", "libx264", "-c:a", "aac")),
        ("a.ts", ("-c:v", "mpeg2video", "-bf", 2, "-c:a", "mp2")),
        ("a.vob", ("-c:v", "mpeg2video", "-c:a", "mp2")),
        ("a.mpg", ("-c:v", "mpeg1video", "-c:a", "mp2")),
        ("a.ts", ("-vn", "-c:a", "mp2")),
        ("a.ogg", ("-vn", "-c:a", "libvorbis")),
    ],
)
def test_parts_whose_clocks_begin_alike_follow_each_other(tmp_path, name, coding):
    part = tmp_path / name
    make.ffmpeg("-i", film(tmp_path / "plain.mkv"), *coding, part)
    path = tmp_path / f"joined{part.suffix}"
    path.write_bytes(3 * part.read_bytes())
    once, _ = heard(part)
    samples, sound = heard(path)
    assert sound.n_jumps >= 2
    assert len(samples) / RATE_HZ == pytest.approx(len(of_ffmpeg(path)) / RATE_HZ, abs=0.25)
    assert container.probe(path)["duration_s"] == pytest.approx(9, abs=0.25)
    piece = once[RATE_HZ : RATE_HZ + 8000]
    for begin_s in (4, 7):  # of the same piece in the other parts
        around = samples[round((begin_s - 0.3) * RATE_HZ) :][: 8000 + round(0.6 * RATE_HZ)]
        assert np.abs(np.correlate(around, piece)).max() > 0.9 * np.square(piece).sum()
    if "-vn" not in coding:
        times, facts = seen(path)
        assert len(times) == 225
        assert times == sorted(times)
        assert facts.end_s == pytest.approx(9, abs=0.2)


@pytest.mark.parametrize("kind", ["video", "audio"])
@pytest.mark.parametrize("number", [0, 1, 20])
@pytest.mark.parametrize("by_s", [3600, 5])
def test_a_stray_stamp_changes_nothing_but_itself(tmp_path, kind, number, by_s):
    source = film(tmp_path / "a.mkv")
    count = {"n": -1}

    def stray(packet):
        if packet.stream.type == kind:
            count["n"] += 1
            packet.pts += round(by_s / packet.time_base) if count["n"] == number else 0

    path = make.remux(source, tmp_path / "b.mkv", stray)
    assert container.probe(path)["duration_s"] == pytest.approx(3, abs=0.1 + (by_s if by_s < clock.JUMP_S else 0))
    times, facts = seen(path)
    np.testing.assert_allclose(times, seen(source)[0], atol=0.041)
    samples, sound = heard(path)
    whole, _ = heard(source)
    assert abs(len(samples) - len(whole)) < 0.03 * RATE_HZ
    np.testing.assert_allclose(samples[RATE_HZ + 4000 :][:16000], whole[RATE_HZ + 4000 :][:16000], atol=1e-3)
    is_padding = (kind, number) == ("audio", 0)  # the first packet of AAC is heard nowhere
    assert max(facts.n_jumps, sound.n_jumps) >= (0 if is_padding else 1)
    if by_s > 60:
        assert facts.n_jumps == sound.n_jumps


def test_a_header_without_a_jump_is_believed_and_one_without_a_length_is_not_needed(tmp_path, monkeypatch):
    source = film(tmp_path / "a.mkv", 4)
    make.ffmpeg("-i", source, "-c", "copy", "-f", "matroska", "-live", 1, tmp_path / "live.mkv")
    assert container.probe(tmp_path / "live.mkv")["duration_s"] == pytest.approx(4, abs=0.1)
    long = make.remux(source, tmp_path / "long.mkv", moved(None, (1, 9), 50))  # a gap of both streams that is believed
    again = make.remux(long, tmp_path / "longer.mkv", moved(None, (52, 99), 50))
    assert container.probe(again)["duration_s"] == pytest.approx(104, abs=0.1)
    jumped = make.remux(source, tmp_path / "jumped.mkv", moved(None, (1, 9), 3600))
    assert container.probe(jumped)["duration_s"] == pytest.approx(4, abs=0.1)
    monkeypatch.setattr(container, "N_PROBED", 20)
    assert container.probe(jumped)["duration_s"] == pytest.approx(3604, abs=0.1)


def test_the_length_of_a_film_that_is_too_long_is_told_although_jumps_are_believed_to_be_none(tmp_path):
    path = film(tmp_path / "a.mkv", 4)
    with pytest.raises(LengthError, match=r"lasts 4\.\d s; expected at most 2 s"):
        seen(path, LIMITS | {"max_duration_s": 2})
    jumped = make.remux(path, tmp_path / "b.mkv", moved(None, (1, 9), 3600))
    assert len(seen(jumped, LIMITS | {"max_duration_s": 5})[0]) == 100
    with pytest.raises(LengthError, match=r"expected at most 2 s"):
        heard(jumped, LIMITS | {"max_duration_s": 2})


def test_a_still_picture_may_last_as_long_as_it_likes(tmp_path):
    path = make.clip(tmp_path / "a.mp4", n=3, times=[0, 100, 250])
    assert seen(path)[0] == pytest.approx([0, 100, 250])


def test_a_still_picture_outlasts_the_sound(tmp_path):
    path = make.clip(tmp_path / "a.mp4", n=2, times=[0, 300], codec="libx264", sound=make.tone(0.8))
    assert seen(path)[0] == pytest.approx([0, 300])
    with pytest.raises(LengthError, match=r"lasts 300\.\d s; expected at most 60 s"):
        heard(path, LIMITS | {"max_duration_s": 60})


def test_a_second_of_silence_has_the_format_of_the_sound_for_any_number_of_channels(tmp_path):
    path = tmp_path / "a.mkv"
    source = film(tmp_path / "s.mkv", 16)
    make.ffmpeg("-i", source, "-c:v", "copy", "-c:a", "pcm_s16le", "-ac", 8, path)
    make.remux(path, tmp_path / "b.mkv", dropped("audio", 1, 14))
    samples, facts = heard(tmp_path / "b.mkv")
    assert facts.channels == 8
    assert facts.duration_s == pytest.approx(16, abs=0.1)
    assert not samples[round(1.2 * RATE_HZ) : round(13.8 * RATE_HZ)].any()


def test_stamps_without_sense_are_bounded():
    stream = SimpleNamespace(
        type="video", index=0, time_base=Fraction(1, 1000), start_time=0, duration=None, metadata={}
    )
    chaos = clock.Clock([stream], broadcast=False)
    rng = np.random.default_rng(0)
    for stamp in rng.integers(-(1 << 40), 1 << 40, 500):
        packet = SimpleNamespace(pts=int(stamp), dts=int(stamp), duration=40, stream_index=0)
        chaos.place(packet)
        assert -10_000 <= packet.pts <= 60_000 + 500 * 40
    assert chaos.n_jumps > 400
    assert chaos.end_s < 60 + 500 * 0.04
