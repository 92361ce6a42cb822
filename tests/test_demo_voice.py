import numpy as np
import pytest
from scipy.signal import welch

from emotiw.core.emotions import EMOTIONS
from emotiw.demo import voice

SPEAKER = voice.Speaker(pitch_hz=140.0, formants=1.0, breath=0.0, tilt=0.0)


def said(manner, seed=3, duration_s=2.2):
    return voice.utterance(np.random.default_rng(seed), SPEAKER, manner, duration_s=duration_s)


def pitch_hz(manner, seed):
    rng = np.random.default_rng(seed)
    onsets = voice._onsets(rng, manner, 2.2)
    return voice._pitch(rng, SPEAKER, manner, onsets, 35200)


def brightness(samples):
    hz, power = welch(samples, voice.RATE_HZ, nperseg=512)
    return power[(hz > 1000) & (hz < 4500)].sum() / power[hz < 1000].sum()


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_an_utterance_is_finite_and_of_the_asked_length(emotion):
    spoken = said(voice.MANNERS[emotion])
    assert spoken.samples.shape == spoken.opening.shape == (35200,)
    assert np.isfinite(spoken.samples).all()
    assert spoken.opening.min() >= 0
    assert spoken.opening.max() <= 1


def test_the_same_seed_says_the_same_and_another_something_else():
    np.testing.assert_array_equal(said(voice.NEUTRAL).samples, said(voice.NEUTRAL).samples)
    assert not np.array_equal(said(voice.NEUTRAL).samples, said(voice.NEUTRAL, seed=4).samples)


def test_the_level_does_not_depend_on_the_manner():
    for manner in voice.MANNERS.values():
        spoken = said(manner)
        assert np.sqrt(np.mean(spoken.samples[spoken.opening > 0.05] ** 2)) == pytest.approx(1)


def test_fear_is_higher_and_sadness_lower_than_neutral():
    mean = {name: np.mean([pitch_hz(voice.MANNERS[name], s).mean() for s in range(5)]) for name in EMOTIONS}
    assert mean["fear"] > 1.3 * mean["neutral"]
    assert mean["sadness"] < 0.95 * mean["neutral"]


def test_surprise_rises():
    rise = [pitch_hz(voice.MANNERS["surprise"], s) for s in range(8)]
    assert np.mean([track[-8000:].mean() / track[:8000].mean() for track in rise]) > 1.2


def test_the_periods_are_those_of_the_pitch():
    rng = np.random.default_rng(0)
    source = voice._source(rng, SPEAKER, voice.Manner(jitter=-0.6, breath=-1.0), pitch=np.full(16000, 200.0))
    spectrum = np.abs(np.fft.rfft(source * np.hanning(16000)))
    assert 60 + np.argmax(spectrum[60:300]) == pytest.approx(200, abs=2)


def test_sadness_is_duller_than_anger():
    assert brightness(said(voice.MANNERS["sadness"]).samples) < 0.5 * brightness(said(voice.MANNERS["anger"]).samples)


def test_a_faster_manner_has_more_syllables():
    rng = np.random.default_rng(0)
    assert len(voice._onsets(rng, voice.Manner(rate=0.4), 2.2)) > len(voice._onsets(rng, voice.Manner(rate=-0.4), 2.2))


def test_the_resonators_peak_at_the_formants():
    impulse = np.zeros(8000)
    impulse[0] = 1.0
    formants = np.tile([500.0, 1500.0, 2500.0, 3500.0, 4500.0], (50, 1))
    spectrum = np.abs(np.fft.rfft(voice._filter(impulse, formants)))
    hz = np.fft.rfftfreq(8000, 1 / voice.RATE_HZ)
    for formant in formants[0]:
        near = np.abs(hz - formant) < 250
        assert abs(hz[near][np.argmax(spectrum[near])] - formant) < 60


def test_blending_interpolates_between_two_manners():
    anger, fear = voice.MANNERS["anger"], voice.MANNERS["fear"]
    assert voice.blend(anger, fear, 0.0, 1.0) == anger
    assert voice.blend(anger, fear, 1.0, 0.5).pitch == 0.5 * fear.pitch
    assert voice.blend(anger, fear, 0.3, 0.0) == voice.NEUTRAL


def test_variation_of_nothing_changes_nothing():
    rng = np.random.default_rng(0)
    assert voice.varied(voice.NEUTRAL, rng, 0.0) == voice.NEUTRAL
    assert voice.varied(voice.NEUTRAL, rng, 1.0) != voice.NEUTRAL


def test_the_noise_of_the_room_is_as_far_below_the_speech_as_asked():
    rng = np.random.default_rng(0)
    room = voice.with_noise(np.zeros(16000), rng, level_db=-20.0, noise_db=30.0)
    assert 20 * np.log10(np.sqrt(np.mean(room**2))) == pytest.approx(-50, abs=0.1)
