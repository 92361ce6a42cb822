"""openSMILE's features: shapes, meaning, and faults 3 to 8 of the list of faults."""

import warnings
from pathlib import Path

import numpy as np
import opensmile
import pytest

from emotiw.audio import egemaps, functionals, opensmile_features
from emotiw.audio.sound import TooShortError
from emotiw.core.errors import FeatureError
from emotiw.core.status import Status
from emotiw.jobs.store import Entry
from emotiw.media import soundtrack
from emotiw.statistics import standardisation

VERSIONS = ["eGeMAPSv01a", "eGeMAPSv01b", "eGeMAPSv02"]
FULL = 32767 / 32768


def voice(duration_s, seed=0, peak=0.5):
    """Harmonics of a gliding pitch for the first two thirds, then noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(duration_s * 16000)) / 16000
    phase = 2 * np.pi * (120 * time + 20 * time**2)
    sound = sum(np.sin(k * phase) / k for k in range(1, 20)) + 0.01 * rng.normal(size=time.size)
    sound[2 * time.size // 3 :] = 0.05 * rng.normal(size=time.size - 2 * time.size // 3)
    return (peak * sound / np.abs(sound).max(initial=1)).astype(np.float32)


def settings(mode="functionals", version="eGeMAPSv02", length=0.04, *, deltas=False):
    return {"feature_set": version, "mode": mode, "frame_length_s": length, "deltas": deltas}


def descriptors(waveform, level=opensmile.FeatureLevel.LowLevelDescriptors):
    return opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, level).process_signal(waveform, 16000)


def entry(status=Status.OK, waveform=None, rate_hz=16000):
    waveform = voice(0.5) if waveform is None else waveform
    arrays = {} if status in (Status.NO_AUDIO, Status.UNDECODABLE) else {"waveform": waveform}
    return Entry("a", arrays, status, {"rate_hz": rate_hz, "peak": 0.5})


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", ["functionals", "low_level", "both"])
@pytest.mark.parametrize("deltas", [False, True])
def test_shapes_times_and_columns(version, mode, deltas):
    times, features = egemaps.frames(voice(2.4), **settings(mode, version, deltas=deltas))
    names = egemaps.columns(**settings(mode, version, deltas=deltas))
    low_level = 26 if version == "eGeMAPSv02" else 24
    width = {"functionals": 88, "low_level": low_level, "both": 88 + low_level}[mode] * (1 + deltas)
    assert features.shape == (59, width)
    assert features.dtype == np.float32
    assert len(set(names)) == width
    np.testing.assert_allclose(times, 0.04 * np.arange(59))
    assert np.isfinite(features).all()


def test_times_are_those_of_opensmile():
    times, _ = egemaps.frames(voice(1), **settings())
    table = egemaps._extractor("eGeMAPSv02", "functionals", 0.04).process_signal(voice(1), 16000)
    np.testing.assert_allclose(times, table.index.get_level_values("start").total_seconds())


def test_mean_loudness_of_a_frame_is_the_mean_of_its_descriptors():
    _, values = egemaps.frames(voice(1), **settings())
    _, low_level = egemaps.frames(voice(1), **settings("low_level"))
    found = values[:, egemaps.columns(**settings()).index("loudness_sma3_amean")]
    expected = low_level[:, egemaps.columns(**settings("low_level")).index("Loudness_sma3")]
    np.testing.assert_allclose(found[:-1], expected[: len(found) - 1], rtol=1e-5)


def test_the_frame_length_reaches_opensmile():
    for length in (0.04, 0.1, 0.2):
        times, _ = egemaps.frames(voice(2), **settings(length=length))
        assert len(times) == pytest.approx(2 / length, abs=1)
        np.testing.assert_allclose(np.diff(times), length)


def test_low_level_means_equal_a_plain_loop():
    table = descriptors(voice(1))
    _, found = egemaps.frames(voice(1), **settings("low_level"))
    voiced = table["F0semitoneFrom27.5Hz_sma3nz"].to_numpy() > 0
    for row, start in enumerate(range(0, len(table), 4)):
        part, speaks = table.iloc[start : start + 4], voiced[start : start + 4]
        for column, name in enumerate(table.columns):
            chosen = (
                part[name] if "amplitude" not in name else part[name][speaks] if speaks.any() else table[name][voiced]
            )
            assert found[row, column] == pytest.approx(chosen.mean(), rel=1e-4, abs=1e-4), name
        assert found[row, -1] == speaks.mean()


@pytest.mark.parametrize("duration_s", [0.08, 1.0, 1.03])
def test_both_modes_stand_side_by_side_as_long_as_the_shorter(duration_s):
    (_, first), (_, second), (times, found) = (
        egemaps.frames(voice(duration_s), **settings(mode)) for mode in ("functionals", "low_level", "both")
    )
    assert len(times) == len(found) == min(len(first), len(second)) >= 1
    np.testing.assert_array_equal(found, np.hstack([first[: len(found)], second[: len(found)]]))
    names = egemaps.columns(**settings("both"))
    assert names == egemaps.columns(**settings()) + egemaps.columns(**settings("low_level"))


def test_deltas_are_the_slopes_of_regression_lines_and_follow_their_features():
    _, values = egemaps.frames(voice(1), **settings("low_level"))
    _, found = egemaps.frames(voice(1), **settings("low_level", deltas=True))
    np.testing.assert_array_equal(found[:, :26], values)
    ends = [values[:1]] * 2, [values[-1:]] * 2
    padded = np.concatenate([*ends[0], values, *ends[1]]).astype(np.float64)
    lines = [np.polyfit(np.arange(5), padded[i : i + 5], 1)[0] for i in range(len(values))]
    np.testing.assert_allclose(found[:, 26:], lines, rtol=1e-4, atol=1e-5)
    names = egemaps.columns(**settings("low_level", deltas=True))
    assert names[26:] == [f"{name}_delta" for name in names[:26]]


def test_a_ramp_has_its_slope_and_a_single_frame_none():
    ramp = np.array([[0, 1], [3, 1], [6, 1], [9, 1], [12, 1]], np.float32)
    assert egemaps.slopes(ramp)[2].tolist() == [3, 0]
    assert egemaps.slopes(ramp[:1]).tolist() == [[0, 0]]


def test_formant_amplitudes_hold_no_code_for_unvoiced_frames():
    _, features = egemaps.frames(voice(1), **settings("low_level"))
    names = egemaps.columns(**settings("low_level"))
    amplitudes = features[:, ["amplitude" in name for name in names]]
    assert descriptors(voice(1)).to_numpy().min() == -201
    assert amplitudes.min() > -150
    assert 0 < features[:, -1].mean() < 1


def test_silence_has_finite_features_and_no_voice():
    for mode in ("functionals", "low_level"):
        _, features = egemaps.frames(np.zeros(16000, np.float32), **settings(mode))
        assert np.isfinite(features).all()
    assert not features[:, -1].any()
    _, wide = egemaps.frames(np.zeros(16000, np.float32), **settings("both", deltas=True))
    assert np.isfinite(wide).all()
    assert not features[:, ["amplitude" in name for name in egemaps.columns(**settings("low_level"))]].any()


def test_features_are_bitwise_repeatable():
    first = egemaps.frames(voice(1), **settings())[1]
    egemaps.frames(voice(0.7, seed=1), **settings())
    np.testing.assert_array_equal(egemaps.frames(voice(1), **settings())[1], first)


@pytest.mark.parametrize("n_samples", [0, 1, 160, 480, 1040, 1279])
def test_sound_shorter_than_one_window_is_refused(n_samples):
    for mode in ("functionals", "both"):
        with pytest.raises(TooShortError, match="too short for one value; leave the clip out"):
            egemaps.frames(voice(1)[:n_samples], **settings(mode, deltas=mode == "both"))


def test_the_shortest_sound_gives_one_frame_without_nan():
    _, features = egemaps.frames(voice(1)[:1280], **settings())
    assert features.shape == (1, 88)
    assert np.isfinite(features).all()


def test_columns_that_are_dead_in_short_frames_are_found_and_become_0():
    clips = [egemaps.frames(voice(2, seed=seed), **settings())[1] for seed in range(3)]
    fitted = standardisation.fit_scaler(clips)
    names = egemaps.columns(**settings())
    assert {names[column] for column in fitted.constant} >= {
        *(f"F0semitoneFrom27.5Hz_sma3nz_stddev{way}Slope" for way in ("Rising", "Falling")),
        *(f"loudness_sma3_stddev{way}Slope" for way in ("Rising", "Falling")),
        *("loudnessPeaksPerSec", "StddevVoicedSegmentLengthSec", "StddevUnvoicedSegmentLength"),
    }
    scaled = np.concatenate(standardisation.standardise(clips, fitted, clip=10.0))
    assert not scaled[:, list(fitted.constant)].any()


def test_quotients_by_a_mean_near_0_explode_and_are_limited_after_standardising():
    clips = [egemaps.frames(voice(2, seed=seed), **settings())[1] for seed in range(3)]
    quotients = ["stddevNorm" in name for name in egemaps.columns(**settings())]
    assert np.abs(np.concatenate(clips)[:, quotients]).max() > 50
    assert (
        np.abs(np.concatenate(standardisation.standardise(clips, standardisation.fit_scaler(clips), clip=10.0))).max()
        <= 10
    )


def test_full_scale_does_not_wrap():
    loud = np.clip(10 * voice(0.5), -1, 1)
    found = egemaps.frames(loud, **settings())[1]
    np.testing.assert_array_equal(found, egemaps.frames(np.clip(loud, -FULL, FULL), **settings())[1])
    near = egemaps.frames(np.clip(loud, -0.9999, 0.9999), **settings())[1]
    loudness = egemaps.columns(**settings()).index("loudness_sma3_amean")
    np.testing.assert_allclose(found[:, loudness], near[:, loudness], rtol=1e-3)


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        (np.zeros(16000, np.int16), r"waveform is int16 \(16000,\); expected float32"),
        (np.zeros(16000), r"waveform is float64"),
        (np.zeros((1, 16000), np.float32), r"waveform is float32 \(1, 16000\)"),
        (np.array([0, np.nan], np.float32), "holds NaN or infinity"),
        (np.array([0, -np.inf], np.float32), "holds NaN or infinity"),
        (np.array([0, 1.5], np.float32), r"peaks at 1\.5; expected samples in \[-1, 1\]"),
    ],
)
def test_other_waveforms_are_refused(waveform, message):
    with pytest.raises(FeatureError, match=message):
        egemaps.frames(waveform, **settings())


def test_a_frame_length_between_descriptors_is_refused():
    with pytest.raises(FeatureError, match=r"frame_length_s is 0\.045; expected a multiple of 0\.01"):
        egemaps.frames(voice(1), **settings("low_level", length=0.045))


def test_a_feature_that_is_not_finite_is_refused(monkeypatch):
    table = descriptors(voice(1))
    table.iloc[3, 2] = np.inf
    broken = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02)
    monkeypatch.setattr(broken, "process_signal", lambda *_: table)
    monkeypatch.setattr(egemaps, "_extractor", lambda *_: broken)
    with pytest.raises(FeatureError, match="hammarbergIndex_sma3 not finite"):
        egemaps.frames(voice(1), **settings())


def test_the_include_file_is_made_once_a_process():
    first = egemaps._extractor("eGeMAPSv02", "functionals", 0.04)
    assert egemaps._extractor("eGeMAPSv02", "functionals", 0.04) is first
    text = Path(first.options["frameModeFunctionalsConf"]).read_text(encoding="utf-8")
    assert "frameStep = 0.04" in text
    assert "$" not in text


@pytest.mark.parametrize(("feature_set", "n"), [("emobase", 988), ("ComParE_2016", 6373)])
def test_utterance_functionals(feature_set, n):
    features = functionals.utterance_functionals(voice(1), feature_set=feature_set)
    assert features.shape == (n,)
    assert features.dtype == np.float32
    assert len(set(functionals.utterance_columns(feature_set=feature_set))) == n
    with pytest.raises(TooShortError):
        functionals.utterance_functionals(voice(1)[:400], feature_set=feature_set)


@pytest.mark.parametrize("status", [Status.NO_AUDIO, Status.SHORT_AUDIO, Status.UNDECODABLE])
def test_unusable_sound_gives_a_status_and_no_arrays(status):
    for entries in (
        egemaps.frame_entries([entry(status)], settings()),
        functionals.utterance_entries([entry(status)], {}),
    ):
        (found,) = entries
        assert (found.name, dict(found.arrays), found.status) == ("a", {}, status)
        assert found.facts["peak"] == 0.5


@pytest.mark.parametrize("status", [Status.OK, Status.SILENT_AUDIO])
def test_usable_and_silent_sound_keep_their_status_and_features(status):
    (frames,) = egemaps.frame_entries([entry(status)], settings())
    (utterance,) = functionals.utterance_entries([entry(status)], {"feature_set": "emobase"})
    assert frames.status == utterance.status == status
    assert frames.arrays["features"].shape == (len(frames.arrays["time"]), 88)
    assert utterance.arrays["features"].shape == (988,)


def test_sound_that_is_too_short_for_the_frame_is_short_audio():
    (found,) = egemaps.frame_entries([entry()], settings(length=1.0))
    assert (dict(found.arrays), found.status) == ({}, Status.SHORT_AUDIO)


def test_sound_of_another_rate_is_refused():
    with pytest.raises(FeatureError, match=r"a: sound at 8000 Hz; expected 16000 Hz; set audio\.rate_hz"):
        list(egemaps.frame_entries([entry(rate_hz=8000)], settings()))


def test_an_error_names_the_clip():
    with pytest.raises(FeatureError, match="a: waveform peaks at 2"):
        list(egemaps.frame_entries([entry(waveform=np.full(16000, 2, np.float32))], settings()))


def test_no_warning_of_opensmile_escapes():
    opensmile_features.extractor.cache_clear()
    egemaps._frame_mode.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        egemaps.frames(voice(0.5), **settings(version="eGeMAPSv01a"))


def test_real_speech_has_finite_features(shared):
    limits = {"max_pixels": 1 << 24, "max_duration_s": 600.0, "min_decoded_fraction": 0.98}
    path = shared / "speech" / "ravdess" / "Actor_01" / "03-01-05-02-02-01-01.flac"
    samples, _ = soundtrack.waveform(path, 16000, limits)
    for mode, width in (("functionals", 88), ("low_level", 26), ("both", 114)):
        times, features = egemaps.frames(samples, **settings(mode))
        assert features.shape == (len(times), width)
        assert len(times) == pytest.approx(len(samples) / 640, abs=2)
