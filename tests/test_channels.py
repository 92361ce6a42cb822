"""Channels of a sound become one: FFmpeg's standard mix, any number of channels, and channels that cancel."""

import wave

import numpy as np
import pytest

import media_fixtures as make
from emotiw.media import mixing, soundtrack
from test_clock import LIMITS, RATE_HZ, babble, heard

LAYOUTS = ["2.1", "3.0", "4.0", "quad", "5.0", "5.1", "5.1(side)", "6.1", "7.1", "7.1(wide)"]


def voice(tmp_path):
    return make.sound_file(tmp_path / "voice.wav", babble(2))


def of_ffmpeg(path, n=1):
    raw = make.ffmpeg("-i", path, "-ar", RATE_HZ, "-ac", n, "-f", "f32le", "-")
    return np.frombuffer(raw, np.float32).reshape(-1, n)


def placed(tmp_path, layout, channel, name="a.mkv", codec="pcm_f32le"):
    """Sound with the voice in one channel of a layout."""
    path = tmp_path / name
    make.ffmpeg("-i", voice(tmp_path), "-af", f"pan={layout}|{channel}", "-c:a", codec, path)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_mix_is_the_standard_one_of_ffmpeg(tmp_path, layout):
    path = tmp_path / "a.mkv"
    rng = np.random.default_rng(1)
    n = {"2.1": 3, "3.0": 3, "4.0": 4, "quad": 4, "5.0": 5, "5.1": 6, "5.1(side)": 6, "6.1": 7}.get(layout, 8)
    gains = "|".join(f"c{i}={gain:.3f}*c0" for i, gain in enumerate(rng.uniform(0.05, 0.3, n)))
    make.ffmpeg("-i", voice(tmp_path), "-af", f"pan={layout}|{gains}", "-c:a", "pcm_f32le", path)
    samples, facts = heard(path)
    assert facts.channels == n
    assert facts.mix == f"standard mix of {n} channels"
    np.testing.assert_allclose(samples, np.clip(of_ffmpeg(path)[:, 0], -1, 1), atol=1e-4)


@pytest.mark.parametrize("layout", ["5.1", "7.1"])
def test_speech_in_the_centre_keeps_its_level(tmp_path, layout):
    samples, _ = heard(placed(tmp_path, layout, "FC=c0"))
    np.testing.assert_allclose(samples, babble(2)[0], atol=1e-3)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 11, 16, 24, 32, 64])
@pytest.mark.parametrize("width", [1, 2])
def test_sound_of_any_number_of_channels_is_read(tmp_path, n, width):
    path = tmp_path / "a.wav"
    sound = babble(2)[0][:, None] * np.linspace(0.9, 0.3, n)
    with wave.open(str(path), "wb") as output:
        output.setnchannels(n)
        output.setsampwidth(width)
        output.setframerate(RATE_HZ)
        levels = 128 + 100 * sound if width == 1 else 30000 * sound
        output.writeframes(levels.astype(np.uint8 if width == 1 else np.int16).tobytes())
    samples, facts = heard(path)
    assert facts.channels == n
    assert facts.duration_s == pytest.approx(2, abs=1e-3)
    assert np.corrcoef(samples, babble(2)[0])[0, 1] > 0.99
    if n > 8:
        assert facts.mix == f"mean of {n} channels"
        assert np.abs(samples).max() < 0.5


def test_aac_of_eight_channels_is_read(tmp_path):
    path = placed(tmp_path, "7.1", "FC=c0", name="a.mp4", codec="aac")
    samples, facts = heard(path)
    assert facts.mix == "standard mix of 8 channels"
    np.testing.assert_allclose(samples, np.clip(of_ffmpeg(path)[: len(samples), 0], -1, 1), atol=1e-4)
    assert np.sqrt(np.square(samples).mean()) == pytest.approx(np.sqrt(np.square(babble(2)).mean()), rel=0.15)


def test_inverted_stereo_is_noticed_and_the_louder_channel_taken(tmp_path):
    samples, facts = heard(placed(tmp_path, "stereo", "FL=0.8*c0|FR=-1*c0"))
    assert facts.cancelled_s == pytest.approx(2, abs=1e-3)
    np.testing.assert_allclose(samples, -babble(2)[0], atol=1e-3)
    samples, facts = heard(placed(tmp_path, "stereo", "FL=c0|FR=-1*c0", name="b.mp4", codec="aac"))
    assert facts.cancelled_s == pytest.approx(2, abs=0.1)
    assert np.abs(np.corrcoef(samples[:30000], babble(2)[0][:30000])[0, 1]) > 0.9


def test_inverted_channels_are_noticed_in_other_layouts_too(tmp_path):
    for layout in ("5.1", "quad"):
        samples, facts = heard(placed(tmp_path, layout, "FL=c0|FR=-1*c0", name=f"{layout}.mkv"))
        assert facts.cancelled_s == pytest.approx(2, abs=1e-3)
        assert np.abs(np.corrcoef(samples, babble(2)[0])[0, 1]) > 0.99


def test_ordinary_stereo_is_the_mean_to_the_last_bit(tmp_path):
    rng = np.random.default_rng(2)
    for left, right in ((1, 1), (1, 0), (0.3, 0.9)):
        sound = babble(2) * np.array([[left], [right]], np.float32)
        sound += rng.normal(0, 0.01, sound.shape).astype(np.float32)
        samples, facts = heard(make.sound_file(tmp_path / "a.wav", sound, codec="pcm_f32le"))
        np.testing.assert_array_equal(samples, np.clip(sound.mean(axis=0, dtype=np.float32), -1, 1))
        assert facts.cancelled_s == 0


def test_the_mix_is_taken_again_when_the_channels_no_longer_cancel():
    mixer = mixing.Mixer(1000)
    one = np.random.default_rng(0).normal(0, 0.1, 1000).astype(np.float32)
    silence, inverted, plain = np.zeros((2, 1000), np.float32), np.stack([one, -0.9 * one]), np.stack([one, one])
    found = np.concatenate(list(mixer.mixed([silence, inverted, silence, inverted, plain])))
    np.testing.assert_array_equal(found[1000:2000], one)
    np.testing.assert_array_equal(found[3000:4000], one)
    np.testing.assert_array_equal(found[4000:], one)
    assert mixer.n_cancelled == 3000


def test_the_mixer_holds_a_window_at_most():
    mixer = mixing.Mixer(1000)
    blocks = (np.zeros((2, 300), np.float32) for _ in range(100))
    sizes = [len(block) for block in mixer.mixed(blocks)]
    assert sum(sizes) == 30_000
    assert max(sizes) <= 1200


def test_channels_that_change_midway_are_read(tmp_path):
    parts = []
    for n in (1, 2):
        make.ffmpeg("-i", voice(tmp_path), "-ac", n, "-c:a", "aac", tmp_path / f"{n}.aac")
        parts.append((tmp_path / f"{n}.aac").read_bytes())
    (tmp_path / "both.aac").write_bytes(b"".join(parts))
    samples, facts = soundtrack.waveform(tmp_path / "both.aac", RATE_HZ, LIMITS)
    assert facts.duration_s == pytest.approx(4, abs=0.3)
    assert facts.mix == "mean of 2 channels"
    halves = (samples[k * len(samples) // 2 + 8000 :][:16000] for k in (0, 1))
    assert all(np.sqrt(np.square(half).mean()) > 0.1 for half in halves)
