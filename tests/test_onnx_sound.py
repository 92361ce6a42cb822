"""Features of sound by any ONNX network: what it is given, what it gives, and which files are refused."""

import runpy

import numpy as np
import pytest
import whisper_onnx
from onnx import TensorProto, helper

import sound_network_fixtures as networks
from emotiw.audio import log_mel, onnx_sound, whisper
from emotiw.audio.sound import TooShortError
from emotiw.core.device_choice import ACCELERATOR
from emotiw.core.errors import FeatureError, WeightsError
from emotiw.core.status import Status
from emotiw.jobs import store
from emotiw.jobs.identity import Stage
from emotiw.jobs.settings import load
from emotiw.jobs.store import Entry
from emotiw.media import soundtrack
from emotiw.weights import whisper_weights
from onnx_fixtures import FLOAT, model
from sound_network_fixtures import CLIP, MEL, identity, masked, settings, strided
from test_onnx_embedding import elsewhere
from test_whisper import ROOT, SMALL, SPEECH, WEIGHTS, needs_weights, voice

RATE_HZ = 16000
CLOSE = 2e-5  # of the largest value: the built-in encoder and its export, in 32 bits


@pytest.fixture
def read(tmp_path):
    """Write a network to a file and read it."""

    def written(data=None, **changed):
        data = strided() if data is None else data
        path = tmp_path / "tiny.onnx"
        path.write_bytes(data)
        return onnx_sound.read(path, "tiny", settings(data, **changed))

    return written


def windows(samples):
    """(mean, first sample) of each window, by hand."""
    starts = range(0, samples.size - networks.KERNEL + 1, networks.STRIDE)
    return np.array([[samples[i : i + networks.KERNEL].mean(), samples[i]] for i in starts])


# --- frames ----------------------------------------------------------------------------------------------------------


def test_vectors_of_the_waveform_become_frames_with_times(read):
    found = onnx_sound.features(voice(1), read())
    assert found["features"].dtype == np.float32
    np.testing.assert_allclose(found["features"], windows(voice(1)), atol=1e-6)
    np.testing.assert_allclose(found["time"], 0.02 * np.arange(49))


def test_a_frame_is_the_mean_of_the_vectors_of_its_length(read):
    found = onnx_sound.features(voice(1), read(frame_length_s=0.06))
    np.testing.assert_allclose(found["features"], windows(voice(1))[:48].reshape(16, 3, 2).mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(found["time"], 0.06 * np.arange(16))


@pytest.mark.parametrize("layout", ["ndt", "td", "dt"])
def test_the_axes_of_the_output_may_have_any_order(read, layout):
    found = onnx_sound.features(voice(1), read(output=layout, output_layout=layout))
    np.testing.assert_array_equal(found["features"], onnx_sound.features(voice(1), read())["features"])


@pytest.mark.parametrize("layout", ["t", "nct"])
def test_the_axes_of_the_input_may_be_one_or_three(read, layout):
    found = onnx_sound.features(voice(1), read(strided(layout=layout), layout=layout))
    np.testing.assert_array_equal(found["features"], onnx_sound.features(voice(1), read())["features"])


def test_a_waveform_is_standardised_over_the_clip(read):
    sound = voice(1) * 0.1 + np.float32(0.3)
    found = onnx_sound.features(sound, read(normalise="clip"))["features"]
    wide = sound.astype(np.float64)
    np.testing.assert_allclose(found, windows((wide - wide.mean()) / wide.std()), atol=1e-4)
    assert np.isfinite(onnx_sound.features(np.zeros(8000, np.float32), read(normalise="clip"))["features"]).all()


def test_long_sound_is_cut_into_pieces_and_times_go_on(read):
    sound = voice(2.35)
    found = onnx_sound.features(sound, read(piece_s=1.0))
    parts = [windows(sound[i : i + RATE_HZ]) for i in (0, RATE_HZ, 2 * RATE_HZ)]
    np.testing.assert_allclose(found["features"], np.concatenate(parts), atol=1e-6)
    starts = [i + 0.02 * np.arange(len(part)) for i, part in enumerate(parts)]
    np.testing.assert_allclose(found["time"], np.concatenate(starts))


def test_a_last_piece_that_is_too_short_is_left_out(read):
    whole = onnx_sound.features(voice(1), read(piece_s=1.0))
    longer = onnx_sound.features(np.append(voice(1), np.zeros(399, np.float32)), read(piece_s=1.0))
    np.testing.assert_array_equal(longer["features"], whole["features"])


def test_pieces_of_fixed_length_are_filled_with_zeros_whose_vectors_are_dropped(read):
    sound = voice(0.75)
    data = strided(length=RATE_HZ)
    found = onnx_sound.features(sound, read(data, padded=True, piece_s=1.0))
    expected = windows(np.pad(sound, (0, 4000)))[:37]
    np.testing.assert_allclose(found["features"], expected, atol=1e-6)


def test_the_step_of_a_network_of_fixed_length_follows_from_its_vectors(read):
    data = strided(length=RATE_HZ)
    found = onnx_sound.features(voice(1), read(data, padded=True, piece_s=1.0, step_s=None))
    np.testing.assert_allclose(found["time"], np.arange(49) / 49)


# --- clips -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["nd", "d"])
def test_a_clip_has_one_vector(read, layout):
    found = onnx_sound.features(voice(1), read(**CLIP | {"output": layout, "output_layout": layout}))
    assert set(found) == {"features"}
    np.testing.assert_allclose(found["features"], windows(voice(1)).mean(axis=0), atol=1e-6)


def test_the_vector_of_a_long_clip_is_the_mean_over_its_pieces_by_their_length(read):
    sound = voice(1.5)
    found = onnx_sound.features(sound, read(**CLIP, piece_s=1.0))["features"]
    first, second = windows(sound[:RATE_HZ]).mean(axis=0), windows(sound[RATE_HZ:]).mean(axis=0)
    np.testing.assert_allclose(found, (2 * first + second) / 3, atol=1e-6)


@pytest.mark.parametrize("kind", [TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.FLOAT])
def test_a_mask_and_a_length_say_where_the_sound_is(read, kind):
    options = {"mask": "mask", "length": "length", "padded": True, "piece_s": 1.0}
    found = onnx_sound.features(voice(0.5), read(masked(kind), **CLIP, **options))["features"]
    np.testing.assert_allclose(found, [8000, 8000, voice(0.5).sum()], rtol=1e-4)


# --- spectrograms ----------------------------------------------------------------------------------------------------

HTK = {
    **{"n_fft": 512, "window": 400, "hop": 160, "bands": 64, "low_hz": 60.0, "high_hz": 7600.0, "scale": "htk"},
    **{"norm": "none", "power": 1, "centred": False, "log": "ln", "floor": 0.01, "floored": "sum", "range": None},
    **{"offset": 0.5, "divisor": 2.0},
}


def htk_log_mel(samples):
    """The settings of `HTK`, one window and one filter at a time."""
    corners = 700 * (10 ** (np.linspace(2595 * np.log10(1 + 60 / 700), 2595 * np.log10(1 + 7600 / 700), 66) / 2595) - 1)
    frequencies = np.arange(257) * RATE_HZ / 512
    columns = []
    for start in range(0, samples.size - 511, 160):
        window = np.zeros(512)
        window[56:456] = np.sin(np.pi * np.arange(400) / 400) ** 2
        magnitudes = np.abs(np.fft.fft(samples[start : start + 512].astype(np.float64) * window)[:257])
        sums = [
            sum(
                magnitude * max(0, min((f - low) / (centre - low), (high - f) / (high - centre)))
                for f, magnitude in zip(frequencies, magnitudes, strict=True)
            )
            for low, centre, high in zip(corners[:-2], corners[1:-1], corners[2:], strict=True)
        ]
        columns.append((np.log(np.array(sums) + 0.01) + 0.5) / 2)
    return np.array(columns).T


def test_a_spectrogram_of_other_settings_is_that_of_their_words():
    found = log_mel.log_mel(voice(0.1), log_mel.Settings.of(HTK))
    assert found.shape == (64, log_mel.Settings.of(HTK).columns(1600)) == (64, 7)
    np.testing.assert_allclose(found, htk_log_mel(voice(0.1)), atol=1e-5)


def test_the_settings_that_config_yaml_shows_are_whisper_s(root):
    shown = (root / "config.yaml").read_text().partition("# {n_fft")[2].partition("#     normalise:")[0]
    for name, value in log_mel.WHISPER.__dict__.items():
        text = {"floor": "1.0e-10", "centred": "true"}.get(name, str(value))
        assert f"{name}: {text}" in f"n_fft{shown}"
    assert log_mel.Settings.of("whisper") == log_mel.Settings.of(log_mel.WHISPER.__dict__) == log_mel.WHISPER


@pytest.mark.parametrize("layout", ["ft", "tf", "nft", "ntf", "ncft", "nctf"])
def test_a_spectrogram_is_given_in_the_order_of_the_layout(read, layout):
    found = onnx_sound.features(voice(1), read(identity(layout), **MEL | {"layout": layout}))
    np.testing.assert_array_equal(found["features"], log_mel.log_mel(voice(1)).T)
    np.testing.assert_allclose(found["time"], 0.01 * np.arange(100))


def test_a_spectrogram_of_the_user_s_settings_is_given(read):
    found = onnx_sound.features(voice(1), read(identity("nft", 64), **MEL | {"log_mel": HTK}))
    np.testing.assert_array_equal(found["features"], log_mel.log_mel(voice(1), log_mel.Settings.of(HTK)).T)


# --- the exported encoder of Whisper ---------------------------------------------------------------------------------


def whisper_settings(data, layer, **changed):
    about = MEL | {"output": f"layer_{layer}", "output_layout": "ntd", "step_s": 0.02, "frame_length_s": 0.04}
    return settings(data, **about | {"shortest_s": 0.02} | changed)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("layer", range(4))
def test_an_exported_encoder_gives_the_frames_of_the_built_in_one(tmp_path, layer, padded):
    """With random weights, on 1.3 s in pieces of 1 s."""
    rng = np.random.default_rng(0)
    arrays = {name: 0.2 * rng.normal(size=shape).astype(np.float32) for name, shape in whisper.shapes(SMALL).items()}
    data = whisper_onnx.encoder(arrays, layer, SMALL.heads)
    (tmp_path / "tiny.onnx").write_bytes(data)
    about = whisper_settings(data, layer, padded=padded, piece_s=1.0)
    found = onnx_sound.features(voice(1.3), onnx_sound.read(tmp_path / "tiny.onnx", "tiny", about))
    model = whisper.encoder(arrays, SMALL)
    times, expected = whisper.frames(voice(1.3), model, layer=layer, frame_length_s=0.04, padded=padded)
    np.testing.assert_allclose(found["time"], times, atol=1e-9)
    np.testing.assert_allclose(found["features"], expected, atol=CLOSE * np.abs(expected).max())


@needs_weights
@pytest.mark.parametrize("layer", [3, 6])
def test_the_published_encoder_exported_gives_the_frames_of_the_built_in_one(tmp_path, layer):
    limits = {"max_pixels": 1, "max_duration_s": 60.0, "min_decoded_fraction": 0.98}
    waveform, _ = soundtrack.waveform(sorted(SPEECH.rglob("*.flac"))[0], RATE_HZ, limits)
    arrays = whisper_weights.load(WEIGHTS[0])
    data = whisper_onnx.encoder(arrays, layer)
    (tmp_path / "tiny.onnx").write_bytes(data)
    network = onnx_sound.read(tmp_path / "tiny.onnx", "tiny", whisper_settings(data, layer))
    found = onnx_sound.features(waveform, network)
    model = whisper.encoder(arrays)
    times, expected = whisper.frames(waveform, model, layer=layer, frame_length_s=0.04, padded=False)
    np.testing.assert_allclose(found["time"], times, atol=1e-9)
    np.testing.assert_allclose(found["features"], expected, atol=CLOSE * np.abs(expected).max())


@needs_weights
def test_the_example_names_the_file_that_its_command_makes():
    about = load([ROOT / "examples" / "sound_embedding.yaml"])["sound_embeddings"]["whisper_layer3"]
    assert about == whisper_settings(
        whisper_onnx.encoder(whisper_weights.load(WEIGHTS[0]), 3), 3, path=about["path"], storage="float16"
    )


# --- what is refused -------------------------------------------------------------------------------------------------


def test_a_missing_file_is_an_error(tmp_path):
    message = r"none\.onnx .*: cannot be read \(No such file.*sound_embeddings\.tiny\.path"
    with pytest.raises(WeightsError, match=message):
        onnx_sound.read(tmp_path / "none.onnx", "tiny", settings(b""))


def test_a_file_of_another_checksum_is_not_opened(read, monkeypatch):
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_: pytest.fail("opened"))
    with pytest.raises(WeightsError, match=rf"expected {'0' * 64}; .* correct sound_embeddings\.tiny\.sha256"):
        read(sha256="0" * 64)


def test_tensors_in_another_file_are_refused(read):
    node = helper.make_node("Add", ["sound", "w"], ["ntd"])
    data = model([node], [("sound", FLOAT, [1, "t"])], [("ntd", FLOAT, None)], [elsewhere("w.bin")])
    with pytest.raises(WeightsError, match=r"keeps the tensor 'w' in 'w\.bin'; refused"):
        read(data)


@pytest.mark.parametrize(
    ("data", "changed", "message"),
    [
        (strided(), {"layout": "nct"}, r"sound: tensor\(float\) \[1, 't'\]; expected one input .* \[1, 1, 'any'\]"),
        (
            strided(length=RATE_HZ),
            {},
            r"\(float\) \[1, 16000\]; expected .* \[1, 'any'\].*piece_s, padded",
        ),
        (strided(length=RATE_HZ), {"padded": True, "piece_s": 2.0}, r"\[1, 16000\]; expected .* \[1, 32000\]"),
        (identity("nft", 64), MEL, r"\[1, 64, 't'\]; expected .* \[1, 80, 'any'\]"),
        (
            identity("nft", columns=3000),
            MEL | {"padded": True, "piece_s": 20},
            r"\[1, 80, 3000\]; .* \[1, 80, 2000\]",
        ),
        (masked(), CLIP, r"mask: tensor\(int64\) \[1, 't'\], length: .*; expected one input"),
        (masked(), CLIP | {"mask": "mask", "length": "size"}, r"expected 'size' among these, of rank 1 .* its length"),
        (masked(TensorProto.UINT8), CLIP | {"mask": "mask", "length": "length"}, r"expected 'mask' .* its mask"),
        (masked(length=FLOAT), CLIP | {"mask": "mask", "length": "length"}, r"expected 'length' .* its length"),
        (strided(), {"output": "logits"}, "has no output 'logits'; expected one of ntd, ndt"),
        (strided(), {"output": "integers"}, r"'integers' is tensor\(int64\), expected tensor\(float\)"),
        (b"hello", {}, "not a model that ONNX Runtime"),
    ],
    ids=[
        "rank",
        "fixed",
        "length",
        "bands",
        "columns",
        "others",
        "no input",
        "mask",
        "length type",
        "output",
        "type",
        "text",
    ],
)
def test_a_network_that_does_not_fit_its_settings_is_refused(read, data, changed, message):
    with pytest.raises(WeightsError, match=message):
        read(data, **changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"output": "td"}, r"output 'td' has the shape \(49, 2\), expected \(1, t, d\); correct its output, level"),
        ({"output": "td", "output_layout": "nd", **{"level": "clip", "step_s": None}}, r"\(49, 2\), expected \(1, d\)"),
        ({"output_layout": "ndt"}, r"gives 2 vectors for 1\.0 s of sound, expected about 50; correct its step_s or"),
        ({"step_s": 0.01}, r"gives 49 vectors for 1\.0 s of sound, expected about 100; correct its step_s"),
        ({"output": "roots"}, r"\(sound_embeddings\.tiny\): values of its output 'roots' are not finite"),
    ],
)
def test_an_output_that_cannot_be_used_is_an_error(read, changed, message):
    with pytest.raises(FeatureError, match=message) as caught:
        onnx_sound.features(voice(1), read(**changed))
    assert not isinstance(caught.value, TooShortError)


def test_a_network_that_fails_says_on_what(read):
    with pytest.raises(FeatureError, match=r"\(sound_embeddings\.tiny\): fails on 0\.02 s of sound \("):
        onnx_sound.features(voice(1)[:320], read(shortest_s=0.01))


@pytest.mark.parametrize(("n", "changed"), [(0, {}), (399, {}), (400, {"frame_length_s": 0.04}), (0, CLIP)])
def test_sound_without_a_frame_is_too_short(read, n, changed):
    with pytest.raises(TooShortError, match=rf"{n / RATE_HZ} s of sound, too short for .* leave the clip out"):
        onnx_sound.features(voice(1)[:n], read(**changed))


@pytest.mark.parametrize("bad", [np.full(1600, np.nan, np.float32), np.zeros(1600), np.zeros((2, 1600), np.float32)])
def test_a_waveform_of_another_form_is_refused(read, bad):
    with pytest.raises(FeatureError, match="waveform"):
        onnx_sound.features(bad, read())


# --- the program -----------------------------------------------------------------------------------------------------


def sound(name, n, rate_hz=RATE_HZ):
    return Entry(name, {"waveform": voice(3)[:n]}, facts={"rate_hz": rate_hz})


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    """Run the program on some sounds, and return what it wrote."""

    def computed(entries, kind="frame_features", **changed):
        monkeypatch.setenv(ACCELERATOR, "auto")
        data = strided()
        (tmp_path / "tiny.onnx").write_bytes(data)
        store.write(tmp_path / "audio.h5", "audio", entries, stage={})
        stage = Stage(settings={"sound_embeddings": {"tiny": settings(data, **changed)}}, sound_embedding="tiny")
        options = {"audio": "audio.h5", "network": "tiny.onnx", "output": "out.h5"}
        paths = [text for name, file in options.items() for text in (f"--{name}", str(tmp_path / file))]
        runpy.run_path(str(root / "workflow_scripts" / "sound_embedding.py"))["main"]([*paths, "--stage", str(stage)])
        return store.read(tmp_path / "out.h5", kind)

    return computed


ENTRIES = [
    *(sound("whole", RATE_HZ), sound("blink", 100)),
    *(Entry("deaf", status=Status.NO_AUDIO), Entry("torn", status=Status.UNDECODABLE)),
    Entry("quiet", {"waveform": np.zeros(RATE_HZ, np.float32)}, Status.SILENT_AUDIO, {"rate_hz": RATE_HZ}),
]
STATUSES = {
    **{"whole": Status.OK, "blink": Status.SHORT_AUDIO, "deaf": Status.NO_AUDIO, "torn": Status.UNDECODABLE},
    "quiet": Status.SILENT_AUDIO,
}


def test_the_program_writes_frames_and_passes_statuses_through(run):
    found = run(ENTRIES, storage="float16")
    assert found.statuses == STATUSES
    assert found.facts == {"device": "cpu", "storage": "float16"}
    arrays = found.entries["whole"].arrays
    np.testing.assert_allclose(arrays["features"], windows(voice(3)[:RATE_HZ]), rtol=1e-3, atol=1e-6)
    assert arrays["time"].shape == (49,)
    assert set(found.entries["quiet"].arrays) == {"features", "time"}


@pytest.mark.parametrize("storage", ["float16", "float32"])
def test_the_program_writes_a_vector_of_each_clip(run, storage):
    found = run(ENTRIES, "clip_features", **CLIP, storage=storage)
    assert found.statuses == STATUSES
    np.testing.assert_allclose(
        found.entries["whole"].arrays["features"], windows(voice(3)[:RATE_HZ]).mean(axis=0), rtol=1e-3, atol=1e-6
    )


def test_sound_at_another_rate_is_an_error(run):
    with pytest.raises(FeatureError, match=r"a: sound at 8000 Hz; expected 16000 Hz; set audio\.rate_hz"):
        run([sound("a", 8000, rate_hz=8000)])
