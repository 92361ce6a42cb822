"""Altered copies of sound: each alteration against what it is meant to do, and what decides the numbers."""

import numpy as np
import pytest
from scipy.signal import welch

from emotiw.audio import augmentation
from emotiw.core.errors import FeatureError
from emotiw.jobs import settings

SETTINGS = settings.load([])["augmentation"]
RATE_HZ = 16000
ALTERATIONS = ("SPEED", "EQUALISER", "ROOM", "BAND", "NOISE")


def tone(hz=440.0, seconds=2.0):
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ)).astype(np.float32)


def hiss(seconds=4.0):
    return np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * RATE_HZ)).astype(np.float32)


def power(waveform):
    return welch(waveform, RATE_HZ, nperseg=1024)


@pytest.fixture
def only(monkeypatch):
    """Let a single alteration be made, always."""

    def chosen(name):
        for other in ALTERATIONS:
            monkeypatch.setattr(augmentation, other, float(other == name))

    return chosen


def test_a_copy_is_determined_by_the_sound_its_number_and_the_settings():
    sound = hiss(1.0)
    first = augmentation.copy(sound, 0, SETTINGS)
    np.testing.assert_array_equal(first, augmentation.copy(sound.copy(), 0, SETTINGS))
    others = [augmentation.copy(sound, 1, SETTINGS), augmentation.copy(sound[:-1], 0, SETTINGS)]
    for other in others:
        assert first.shape != other.shape or not np.array_equal(first, other)


def test_a_copy_is_sound_of_one_loudness():
    for number in range(20):
        copy = augmentation.copy(tone(), number, SETTINGS)
        assert copy.dtype == np.float32
        assert np.isfinite(copy).all()
        assert np.abs(copy).max() == pytest.approx(augmentation.PEAK)


def test_copies_are_altered_in_different_ways():
    lengths = {augmentation.copy(tone(), number, SETTINGS).size for number in range(20)}
    assert len(lengths) > 8


def test_without_an_alteration_only_the_loudness_changes(only):
    only("")
    np.testing.assert_allclose(augmentation.copy(tone(), 0, SETTINGS), tone() * 0.9 / np.abs(tone()).max(), rtol=1e-6)


def test_silence_stays_silence():
    for number in range(10):
        assert not augmentation.copy(np.zeros(RATE_HZ, np.float32), number, SETTINGS).any()


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_faster_sound_is_shorter_and_higher(only, speed):
    only("SPEED")
    copy = augmentation.copy(tone(), 0, SETTINGS | {"speed": [speed, speed]})
    assert copy.size == pytest.approx(2 * RATE_HZ / speed, abs=2)
    frequencies, density = welch(copy, RATE_HZ, nperseg=8192)
    assert frequencies[density.argmax()] == pytest.approx(440 * speed, abs=2)


def test_the_equaliser_stays_within_its_gain(only):
    only("EQUALISER")
    _, before = power(hiss())
    gains = []
    for number in range(10):
        copy = augmentation.copy(hiss(), number, SETTINGS | {"equaliser_db": 6.0})
        gain = 10 * np.log10(power(copy)[1] / before)
        gains.append(gain[2:-2] - np.median(gain))
    assert 3 < np.ptp(gains) <= 24 + 2
    assert np.abs(np.diff(gains, axis=1)).max() < 2  # a slope over an octave, no notch


def test_a_room_goes_on_after_the_sound_and_falls_by_60_db_in_its_time(only):
    only("ROOM")
    click = np.zeros(RATE_HZ, np.float32)
    click[100] = 1
    copy = augmentation.copy(click, 0, SETTINGS | {"reverberation_s": [0.4, 0.4]})
    energy = np.add.reduceat(copy[100 + 320 :] ** 2, np.arange(0, 5760, 640))  # 40 ms each, after the direct sound
    slope = np.polyfit(0.04 * np.arange(len(energy)), 10 * np.log10(energy), 1)[0]
    assert slope == pytest.approx(-60 / 0.4, rel=0.15)
    assert np.abs(copy[100 + RATE_HZ // 2 :]).max() < 1e-12


def test_the_band_pass_takes_away_what_lies_outside(only):
    only("BAND")
    copy = augmentation.copy(hiss(), 0, SETTINGS | {"low_hz": [300, 300], "high_hz": [3400, 3400]})
    frequencies, density = power(copy)
    level = 10 * np.log10(density / density[(frequencies > 800) & (frequencies < 2000)].mean())
    assert level[np.abs(frequencies - 300).argmin()] == pytest.approx(-3, abs=1.5)
    assert level[np.abs(frequencies - 3400).argmin()] == pytest.approx(-3, abs=1.5)
    assert level[frequencies > 7000].max() < -15


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_has_the_power_that_is_asked_for(only, snr_db):
    only("NOISE")
    sound = tone(seconds=4.0)
    copy = augmentation.copy(sound, 0, SETTINGS | {"snr_db": [snr_db, snr_db]}).astype(np.float64)
    part = sound * (copy @ sound) / (sound @ sound)  # of the copy, what is the tone
    assert 10 * np.log10((part**2).sum() / ((copy - part) ** 2).sum()) == pytest.approx(snr_db, abs=0.5)


def test_a_waveform_of_another_form_is_refused():
    with pytest.raises(FeatureError, match="expected float32"):
        augmentation.copy(np.zeros(100), 0, SETTINGS)
