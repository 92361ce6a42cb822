"""The encoder of Whisper against other formulations of it: its spectrogram, its layers, its frames."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import get_window
from torch import nn

from emotiw.audio import log_mel, whisper
from emotiw.audio.sound import TooShortError
from emotiw.core.errors import FeatureError
from emotiw.media import soundtrack
from emotiw.weights import whisper_weights

RATE_HZ = 16000
ROOT = Path(__file__).resolve().parents[1]
SPEECH = ROOT.parent / "shared" / "data" / "speech"
WEIGHTS = sorted((ROOT / "results" / "weights").glob("whisper_base-*.safetensors"))
needs_weights = pytest.mark.skipif(
    not (WEIGHTS and SPEECH.is_dir()),
    reason="needs results/weights/whisper_base-*.safetensors and the recordings in ../shared/data",
)
SMALL = whisper.Size(width=32, hidden=64, heads=4, layers=3, positions=50)


def voice(seconds, seed=0):
    """A harmonic sound with noise, gliding, and silence at its end."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * (150 * time + 20 * time**2)
    noise = np.random.default_rng(seed).normal(size=time.size)
    sound = sum(np.sin(k * phase) / k for k in range(1, 20)) + 0.05 * noise
    sound[3 * time.size // 4 :] = 0
    return (0.9 * sound / max(1e-9, np.abs(sound).max(initial=0))).astype(np.float32)


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    return {name: 0.2 * rng.normal(size=shape).astype(np.float32) for name, shape in whisper.shapes(SMALL).items()}


@pytest.fixture(scope="module")
def model(arrays):
    return whisper.encoder(arrays, SMALL)


def frames(waveform, model, **changed):
    return whisper.frames(waveform, model, **{"layer": 2, "frame_length_s": 0.04, "padded": False, **changed})


# --- the spectrogram -------------------------------------------------------------------------------------------------


def slaney_filters():
    """Slaney's filters, one value at a time, by the words of the Auditory Toolbox."""

    def hz(mel):
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    top = 15 + 27 * np.log(8) / np.log(6.4)
    corners = [hz(top * k / 81) for k in range(82)]
    filters = np.zeros((80, 201))
    for k in range(80):
        low, centre, high = corners[k : k + 3]
        for j in range(201):
            f = 40.0 * j
            side = (f - low) / (centre - low) if f <= centre else (high - f) / (high - centre)
            filters[k, j] = max(0.0, side) * 2 / (high - low)
    return filters


def published_log_mel(waveform):
    """The lines of OpenAI's program, with torch's transform."""
    window = torch.from_numpy(get_window("hann", 400))  # periodic
    stft = torch.stft(torch.from_numpy(waveform).double(), 400, 160, window=window, return_complex=True)
    power = stft[..., :-1].abs() ** 2
    spectrum = torch.clamp(torch.from_numpy(slaney_filters()) @ power, min=1e-10).log10()
    return ((torch.maximum(spectrum, spectrum.max() - 8.0) + 4.0) / 4.0).numpy()


def test_filters_are_slaney_s():
    np.testing.assert_allclose(log_mel.mel_filters(), slaney_filters(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", [201, 400, 1599, 1600, 16000, 16161])
def test_the_spectrogram_is_that_of_the_published_lines(n):
    waveform = voice(2)[:n]
    found = log_mel.log_mel(waveform)
    assert found.shape == (80, n // 160)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, published_log_mel(waveform), atol=1e-6)


def test_silence_has_the_lowest_value_everywhere():
    assert (log_mel.log_mel(np.zeros(16000, np.float32)) == -1.5).all()  # (log10(1e-10) + 4) / 4


@pytest.mark.parametrize("shape", [(0,), (200,), (2, 800)])
def test_a_waveform_of_another_form_has_no_spectrogram(shape):
    with pytest.raises(FeatureError, match=r"expected \(n_samples,\), more than 200"):
        log_mel.log_mel(np.zeros(shape, np.float32))


# --- the layers ------------------------------------------------------------------------------------------------------


def reference_layer(arrays, number, size=SMALL):
    """Layer of torch's own transformer with the same weights."""
    layer = nn.TransformerEncoderLayer(
        size.width, size.heads, size.hidden, dropout=0, activation="gelu", batch_first=True, norm_first=True
    )
    ours = {name.removeprefix(f"layers.{number}."): torch.from_numpy(values) for name, values in arrays.items()}
    projections = [f"self_attn.{kind}_proj" for kind in "qkv"]
    zeros = torch.zeros(size.width)
    state = {
        "self_attn.in_proj_weight": torch.cat([ours[f"{name}.weight"] for name in projections]),
        "self_attn.in_proj_bias": torch.cat([ours.get(f"{name}.bias", zeros) for name in projections]),
    }
    pairs = {
        "self_attn.out_proj": "self_attn.out_proj",
        "linear1": "fc1",
        "linear2": "fc2",
        "norm1": "self_attn_layer_norm",
        "norm2": "final_layer_norm",
    }
    state |= {f"{to}.{kind}": ours[f"{name}.{kind}"] for to, name in pairs.items() for kind in ("weight", "bias")}
    layer.load_state_dict(state)
    return layer.eval()


def convolved(rows, weight, bias, stride):
    """A convolution of width 3 over (n, channels), padded by a zero at each end, as sums of products."""
    padded = np.pad(rows.astype(np.float64), ((1, 1), (0, 0)))
    starts = range(0, len(rows), stride)
    return np.stack([np.einsum("kc,ock->o", padded[i : i + 3], weight) + bias for i in starts])


def gelu(values):
    return values * 0.5 * (1 + torch.erf(torch.from_numpy(values / np.sqrt(2))).numpy())


def normalised(arrays, values):
    """Layer normalisation at the end of the encoder, by its definition."""
    mean, deviation = values.mean(dim=1, keepdim=True), values.std(dim=1, keepdim=True, correction=0)
    weight, bias = (torch.from_numpy(arrays[f"layer_norm.{name}"]) for name in ("weight", "bias"))
    return (values - mean) / (deviation**2 + 1e-5).sqrt() * weight + bias


def test_layer_0_is_the_convolutions_with_the_positions(arrays, model):
    spectrogram = log_mel.log_mel(voice(0.6))
    first = gelu(convolved(spectrogram.T, arrays["conv1.weight"], arrays["conv1.bias"], 1))
    second = gelu(convolved(first, arrays["conv2.weight"], arrays["conv2.bias"], 2))
    expected = second + arrays["embed_positions.weight"][: len(second)]
    np.testing.assert_allclose(model(torch.from_numpy(spectrogram), 0).numpy(), expected, atol=1e-4)


def test_every_layer_agrees_with_torch_s_own(arrays, model):
    spectrogram = torch.from_numpy(log_mel.log_mel(voice(0.6)))
    values = model(spectrogram, 0)
    with torch.inference_mode():
        for number in range(SMALL.layers):
            values = reference_layer(arrays, number)(values[None])[0]
            if number + 1 < SMALL.layers:
                torch.testing.assert_close(model(spectrogram, number + 1), values, rtol=1e-4, atol=1e-4)
    expected = normalised(arrays, values)
    torch.testing.assert_close(model(spectrogram, SMALL.layers), expected, rtol=1e-4, atol=1e-4)


def test_several_layers_stand_side_by_side_and_equal_each_alone(model):
    about = {"frame_length_s": 0.04, "padded": False}
    alone = [whisper.frames(voice(0.6), model, layer=number, **about)[1] for number in (2, 0, 1)]
    times, together = whisper.frames(voice(0.6), model, layer=[2, 0, 1], **about)
    assert np.array_equal(together, np.concatenate(alone, axis=1))
    assert len(times) == len(together)
    with pytest.raises(FeatureError, match="expected 0 to"):
        whisper.frames(voice(0.6), model, layer=[], **about)


def test_silent_frames_are_left_out_and_the_others_stay_as_they_were(model):
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, 9600).astype(np.float32)
    waveform[3200:6400] *= np.float32(0.001)  # 60 dB
    about = {"layer": 1, "frame_length_s": 0.04, "padded": False}
    times, values = whisper.frames(waveform, model, **about)
    heard_times, heard = whisper.heard_frames(waveform, model, **about, silence_db=40.0)
    loud = (np.arange(15) < 5) | (np.arange(15) >= 10)
    assert np.array_equal(heard_times, times[loud])
    assert np.array_equal(heard, values[loud])
    assert len(whisper.heard_frames(waveform, model, **about, silence_db=80.0)[0]) == len(times)


def test_sound_of_zeros_has_no_silent_frame(model):
    silent = np.zeros(16000, np.float32)
    assert (
        len(whisper.heard_frames(silent, model, layer=1, frame_length_s=0.04, padded=False, silence_db=30.0)[0]) == 25
    )


@needs_weights
def test_every_layer_agrees_with_torch_s_own_on_real_speech():
    """With the published weights: in double precision to 1e-9 of the largest value, in single to 5e-5 of it."""
    limits = {"max_pixels": 1, "max_duration_s": 60.0, "min_decoded_fraction": 0.98}
    waveform, _ = soundtrack.waveform(sorted(SPEECH.rglob("*.flac"))[0], RATE_HZ, limits)
    arrays = whisper_weights.load(WEIGHTS[0])
    np.testing.assert_allclose(log_mel.log_mel(waveform), published_log_mel(waveform), atol=1e-6)
    spectrogram = torch.from_numpy(log_mel.log_mel(waveform))
    single, double = whisper.encoder(arrays), whisper.encoder(arrays).double()
    values = double(spectrogram.double(), 0)
    with torch.inference_mode():
        for number in range(6):
            values = reference_layer(arrays, number, whisper.BASE).double()(values[None])[0]
            expected = normalised(arrays, values) if number == 5 else values
            largest = expected.abs().max()
            assert (double(spectrogram.double(), number + 1) - expected).abs().max() <= 1e-9 * largest, number + 1
            assert (single(spectrogram, number + 1) - expected).abs().max() <= 5e-5 * largest, number + 1


def test_whisper_base_has_the_published_size():
    shapes = whisper.shapes()
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 20_590_592
    assert "layers.0.self_attn.k_proj.bias" not in shapes


# --- frames ----------------------------------------------------------------------------------------------------------


def test_a_frame_is_the_mean_of_the_vectors_of_its_length(model):
    waveform = voice(0.93)
    _, vectors = frames(waveform, model, frame_length_s=0.02)
    times, found = frames(waveform, model, frame_length_s=0.06)
    assert vectors.shape == (46, 32)
    assert found.shape == (15, 32)
    np.testing.assert_allclose(found[3], vectors[9:12].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(times, 0.06 * np.arange(15))


def test_longer_sound_is_cut_into_pieces_of_all_positions(model):
    waveform = voice(2.35)  # 50 positions are one second
    _, whole = frames(waveform, model, frame_length_s=0.02)
    parts = [frames(waveform[i : i + RATE_HZ], model, frame_length_s=0.02)[1] for i in range(0, 37600, RATE_HZ)]
    assert list(map(len, parts)) == [50, 50, 17]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_frames_go_on_over_the_ends_of_pieces(model):
    _, vectors = frames(voice(2), model, frame_length_s=0.02)
    _, found = frames(voice(2), model, frame_length_s=0.08)
    np.testing.assert_allclose(found[12], vectors[48:52].mean(axis=0), rtol=1e-6)


def test_padded_frames_are_those_of_the_sound_followed_by_zeros(model):
    waveform = voice(0.5)
    _, found = frames(waveform, model, padded=True)
    _, expected = frames(np.pad(waveform, (0, 8000)), model)
    assert found.shape == (12, 32)
    np.testing.assert_array_equal(found, expected[:12])
    assert not np.allclose(found, frames(waveform, model)[1])


@pytest.mark.parametrize(("n", "n_frames"), [(640, 1), (1279, 1), (1280, 2)])
def test_a_frame_that_the_sound_does_not_fill_is_left_out(model, n, n_frames):
    for padded in (False, True):
        times, values = frames(voice(1)[:n], model, padded=padded)
        assert times.shape == (n_frames,)
        assert values.shape == (n_frames, 32)


@pytest.mark.parametrize("n", [0, 319, 639])
@pytest.mark.parametrize("padded", [False, True])
def test_sound_that_is_shorter_than_a_frame_is_too_short(model, n, padded):
    with pytest.raises(TooShortError, match=rf"{n / RATE_HZ} s of sound, too short for one frame of 0\.04 s"):
        frames(voice(1)[:n], model, padded=padded)


def test_the_same_sound_has_the_same_frames(model):
    np.testing.assert_array_equal(frames(voice(0.9), model)[1], frames(voice(0.9), model)[1])


@pytest.mark.parametrize(
    ("waveform", "changed", "message"),
    [
        (np.full(1600, np.nan, np.float32), {}, "NaN or infinity"),
        (np.full(1600, 1.5, np.float32), {}, "peaks at 1.5"),
        (np.zeros(1600), {}, "float64"),
        (np.zeros((2, 1600), np.float32), {}, r"\(2, 1600\)"),
        (np.zeros(1600, np.float32), {"layer": 4}, r"whisper\.layer is 4; expected 0 to 3"),
        (
            np.zeros(1600, np.float32),
            {"frame_length_s": 0.05},
            r"frame_length_s is 0\.05; .* multiple of 0\.02",
        ),
    ],
)
def test_what_cannot_be_computed_is_an_error(model, waveform, changed, message):
    with pytest.raises(FeatureError, match=message):
        frames(waveform, model, **changed)


def test_values_that_are_not_finite_are_an_error(arrays):
    broken = whisper.encoder(arrays | {"conv1.bias": np.full(32, np.nan, np.float32)}, SMALL)
    with pytest.raises(FeatureError, match="not finite"):
        frames(voice(0.5), broken)
