"""Packets that cannot be decoded count against `min_decoded_fraction`, for sound as for pictures."""

import av
import numpy as np
import pytest

import media_fixtures as make
from emotiw.core.errors import MediaError
from emotiw.media import packets, video_frames
from test_clock import LIMITS, RATE_HZ, babble, film, heard, of_ffmpeg, seen

INVALID = "Invalid data found when processing input"


def spoiled(source, path, kind, numbers, track=None):
    """Copy of a clip in which some packets of a kind, or of one track of it, hold noise."""
    rng = np.random.default_rng(0)
    count = -1
    with av.open(str(source)) as clip, av.open(str(path), "w") as output:
        copies = {stream.index: output.add_stream_from_template(stream) for stream in clip.streams}
        for stream in clip.streams:
            copies[stream.index].disposition = stream.disposition
        of_kind = [stream.index for stream in clip.streams if stream.type == kind]
        chosen = of_kind if track is None else of_kind[track : track + 1]
        for packet in clip.demux():
            if packet.dts is None:
                continue
            count += packet.stream_index in chosen
            is_bad = packet.stream_index in chosen and count in numbers
            copied = noise_of(packet, rng) if is_bad else packet
            copied.stream = copies[packet.stream_index]
            output.mux(copied)
    return path


def noise_of(packet, rng):
    """Packet of noise with the times of another one."""
    bad = av.Packet(b"\xff" + rng.integers(0, 256, max(40, packet.size), dtype=np.uint8).tobytes())
    bad.pts, bad.dts, bad.duration, bad.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    return bad


def sliced(path, n=20, suffix="mpg"):
    """Film as recorded from a broadcast, in program or transport streams, with pictures of MPEG-2 and sound of MP2."""
    plain = make.clip(
        path.with_suffix(".plain.mkv"), n=75, codec="libx264", paint=make.noise, sound=babble(3, 48000), rate_hz=48000
    )
    make.ffmpeg("-i", plain, "-c:v", "mpeg2video", "-g", n, "-c:a", "mp2", "-f", suffix, path)
    return path


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts"])
def test_one_bad_packet_of_sound_costs_itself(tmp_path, suffix):
    path = spoiled(film(tmp_path / "a.mkv"), tmp_path / f"b.{suffix}", "audio", {20})
    samples, facts = heard(path)
    assert facts.n_undecodable == 1
    assert facts.decoder_error
    expected = of_ffmpeg(path)
    n = min(len(samples), len(expected))
    assert n > 2.9 * RATE_HZ
    np.testing.assert_allclose(samples[:n], expected[:n], atol=1e-3)


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_too_many_bad_packets_cost_the_modality_with_the_word_of_ffmpeg(tmp_path, kind):
    source = film(tmp_path / "a.mkv")
    path = spoiled(source, tmp_path / "b.mkv", kind, set(range(5, 40)))
    read, other = (heard, seen) if kind == "audio" else (seen, heard)
    with pytest.raises(
        MediaError, match=rf"b\.mkv: .* \(\d+ of \d+ packets of its {kind}\); expected that 98% of them"
    ):
        read(path)
    assert len(other(path)[0])
    assert len(read(path, LIMITS | {"min_decoded_fraction": 0.1})[0])


def test_the_fraction_decides_for_sound(tmp_path):
    path = spoiled(film(tmp_path / "a.mkv"), tmp_path / "b.mkv", "audio", {10, 20, 30})
    with pytest.raises(MediaError, match=r"\(3 of 48 packets of its audio\)"):
        heard(path)
    assert heard(path, LIMITS | {"min_decoded_fraction": 0.9})[1].n_undecodable == 3


@pytest.mark.parametrize("suffix", ["vob", "mpegts"])
def test_a_piece_of_a_broadcast_is_read_from_wherever_it_begins(tmp_path, suffix):
    whole = sliced(tmp_path / "w.bin", suffix=suffix).read_bytes()
    block = 2048 if suffix == "vob" else 188
    for i in range(1, 8):
        path = tmp_path / f"{i}.bin"
        path.write_bytes(whole[len(whole) * i // 12 // block * block :])
        samples, facts = heard(path)
        assert 1 < len(samples) / RATE_HZ < 3.1
        assert facts.n_undecodable <= 4
        times, _ = seen(path)
        assert len(times) > 10
        assert len(times) < 75


def test_zeros_behind_an_mp3_and_mp3s_joined_are_read(tmp_path):
    path = tmp_path / "a.mp3"
    make.ffmpeg("-i", make.sound_file(tmp_path / "a.wav", babble(3)), "-c:a", "libmp3lame", path)
    whole = heard(path)[0]
    for n in (3000, 300_000):
        longer = tmp_path / f"{n}.mp3"
        longer.write_bytes(path.read_bytes() + bytes(n))
        samples, facts = heard(longer)
        np.testing.assert_allclose(samples[: 2 * RATE_HZ], whole[: 2 * RATE_HZ], atol=1e-6)
        assert len(samples) == pytest.approx(len(whole), abs=0.1 * RATE_HZ)
        assert facts.n_undecodable >= 1
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(3 * path.read_bytes())
    samples, _ = heard(joined)
    assert len(samples) == pytest.approx(3 * len(whole), abs=0.3 * RATE_HZ)


def test_packets_without_content_are_no_end(tmp_path):
    plain = make.clip(
        tmp_path / "a.mkv", n=30, codec="libx264", paint=lambda i, w, h: make.noise(i // 10, w, h), sound=babble(1.2)
    )
    path = tmp_path / "a.ogv"
    make.ffmpeg("-i", plain, "-c:v", "libtheora", "-c:a", "libvorbis", path)
    with av.open(str(path)) as clip:
        assert any(not packet.size and packet.pts is not None for packet in clip.demux(video=0))
    reader = video_frames.read(path, LIMITS)
    images = [frame.image for frame in reader]
    assert reader.facts.n_undecodable == 0
    assert 3 <= len(images) <= 30
    assert reader.facts.end_s > 0.7
    np.testing.assert_allclose(heard(path)[0], of_ffmpeg(path), atol=1e-6)


def test_a_stream_of_which_nothing_decodes_is_refused_with_the_word_of_ffmpeg(tmp_path):
    for suffix in ("mkv", "ts"):
        path = spoiled(film(tmp_path / "a.mkv"), tmp_path / f"b.{suffix}", "audio", set(range(999)))
        with pytest.raises(MediaError, match=r"of its audio\); expected that 98% of them decode"):
            heard(path)
        assert len(seen(path)[0]) == 75


def test_an_account_forgives_one_packet_and_those_before_a_broadcast_begins():
    error = av.error.InvalidDataError(1, INVALID)
    account = packets.Account(n_packets=10)
    account.fail(error)
    account.has_begun = True
    account.check(None, "audio", 0.98)
    account.fail(error)
    with pytest.raises(MediaError, match=rf"{INVALID} \(2 of 10 packets of its audio\)"):
        account.check(None, "audio", 0.98)
    joined = packets.Account(joined=True, n_packets=10)
    for _ in range(3):
        joined.fail(error)
    joined.has_begun = True
    joined.check(None, "audio", 0.98)
    assert joined.n_undecodable == 3


def test_a_whole_file_that_lost_its_end_is_refused_whatever_decodes(tmp_path):
    path = film(tmp_path / "a.mp4", more=("-movflags", "faststart"))
    make.close_box(make.cut(path, 0.7))
    for read in (heard, seen):
        with pytest.raises(MediaError, match=r"header states|packets of its"):
            read(path)


@pytest.mark.parametrize("suffix", ["aac", "flac"])
def test_raw_sound_that_ends_within_a_packet_is_refused(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    make.ffmpeg("-i", make.sound_file(tmp_path / "a.wav", babble(3)), path)
    whole = heard(path)[0]
    make.cut(path, 0.6)
    with pytest.raises(MediaError, match=r"ends within a packet|header states"):
        heard(path)
    if suffix == "aac":
        assert 0.4 < len(heard(path, LIMITS | {"min_decoded_fraction": 0})[0]) / len(whole) < 0.8


def test_zeros_behind_raw_aac_are_no_cut(tmp_path):
    path = tmp_path / "a.aac"
    make.ffmpeg("-i", make.sound_file(tmp_path / "a.wav", babble(3)), path)
    n = len(heard(path)[0])
    path.write_bytes(path.read_bytes() + bytes(3000))
    assert len(heard(path)[0]) == pytest.approx(n, abs=0.1 * RATE_HZ)
