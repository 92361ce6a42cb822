"""Weights that a bundle names instead of carrying them: found, fetched, refused, or done without."""

import json
import shutil

import numpy as np
import pytest

import bundle_fixtures as tiny
import media_fixtures as made
from emotiw.core import files
from emotiw.core.errors import BundleError, WeightsError
from emotiw.prediction import bundle, describers, fetched_weights
from emotiw.prediction.predictor import WITHOUT_WEIGHTS, Predictor
from emotiw.weights import acquisition, whisper_weights
from test_bundle_systems import write_whisper

NAME, FILE = "whisper_base", "weights/whisper_base.safetensors"


@pytest.fixture(scope="module")
def carrying(tmp_path_factory):
    """A run whose bundle carries Whisper's encoder."""
    folder = tmp_path_factory.mktemp("run")
    write_whisper(folder)
    over = {"video": tiny.system(["hog"], "pooled_svm"), "audio": tiny.system(["whisper"], "pooled_logistic")}
    return tiny.write_run(folder, over)


@pytest.fixture
def naming(carrying, tmp_path):
    """The same bundle, which names the encoder."""
    copy = shutil.copytree(carrying.bundle, tmp_path / "bundle")
    (copy / FILE).unlink()

    def change(about):
        about["files"].pop(FILE)
        about["weights"][NAME]["file"] = None

    tiny.rewrite(copy, change)
    return copy


@pytest.fixture(autouse=True)
def _nowhere(tmp_path, monkeypatch):
    """No weights on this machine, and no access to a package index."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("emotiw.jobs.settings.ROOT", tmp_path / "checkout")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def refuse(*_):
        raise WeightsError("the index cannot be reached")

    monkeypatch.setattr(acquisition, "original", refuse)


def place(carrying, folder, name=f"{NAME}-abc"):
    """Write the encoder and its record into a folder."""
    folder.mkdir(parents=True)
    for suffix in (".safetensors", ".json"):
        shutil.copy((carrying.folder / FILE).with_suffix(suffix), folder / f"{name}{suffix}")
    return folder / f"{name}.safetensors"


@pytest.mark.parametrize("where", ["cache/emotiw/weights", "work/results/weights", "checkout/results/weights"])
def test_weights_on_this_machine_are_used(carrying, naming, tmp_path, where):
    place(carrying, tmp_path / where)
    waveform = made.tone(1.3).astype(np.float32)[0]
    found = describers.of_sound(bundle.read(naming))["whisper"](waveform)
    expected = describers.of_sound(bundle.read(carrying.bundle))["whisper"](waveform)
    np.testing.assert_array_equal(found["features"], expected["features"])


def test_weights_of_other_content_are_not_used(carrying, naming, tmp_path):
    path = place(carrying, tmp_path / "cache/emotiw/weights")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"whisper_base: not on this machine, and it cannot be fetched \(the index"):
        describers.of_sound(bundle.read(naming))


def test_weights_are_fetched_once_for_the_user(carrying, naming, tmp_path, monkeypatch):
    asked, told = [], []

    def original(settings, expected, tell):
        asked.append(expected)
        tell("part 1", 10, 20)
        return "model.bin", b""

    monkeypatch.setattr(acquisition, "original", original)
    arrays = whisper_weights.load(carrying.folder / FILE)
    half = {name: values.astype(np.float16) for name, values in arrays.items()}
    monkeypatch.setattr(whisper_weights, "from_file", lambda subject, data: half)
    about = bundle.read(naming)
    with pytest.raises(WeightsError, match="the bundle was made with other weights"):  # their record is another one
        describers.of_sound(about, lambda *state: told.append(state))
    fetched = next((tmp_path / "cache/emotiw/weights").glob("*.safetensors"))
    tiny.rewrite(naming, lambda about: about["weights"][NAME]["record"].update(sha256=files.sha256(fetched)))
    fetched.unlink()
    for _ in range(2):
        describers.of_sound(bundle.read(naming), lambda *state: told.append(state))
    assert len(asked) == 2  # the second time it lay there
    assert told == [("part 1", 10, 20)] * 2
    default = json.loads(json.dumps(tiny.settings.read(tiny.settings.DEFAULTS)["weights"][NAME]))
    assert set(asked) == {default["source"]["sha256"]}


def test_without_them_the_face_answers_alone_and_says_so(naming, tmp_path):
    predictor = Predictor.load(naming)
    assert "copy whisper_base-" in predictor.missing["audio"]
    assert str(tmp_path / "cache/emotiw/weights") in predictor.missing["audio"]
    clip = made.sound_file(tmp_path / "clip.wav", made.tone(1.5))
    (judged,) = predictor.predict([clip])
    assert judged.status["audio"] == WITHOUT_WEIGHTS
    assert judged.posteriors["audio"] is None


def test_a_bundle_of_the_voice_alone_cannot_do_without_them(naming):
    def change(about):
        about["features"]["video"] = []
        for member in about["members"]:
            member["video"] = {}

    tiny.rewrite(naming, change)
    with pytest.raises(WeightsError, match="not on this machine"):
        Predictor.load(naming)


def test_a_bundle_names_no_other_weights(naming):
    tiny.rewrite(
        naming, lambda about: about["weights"].update(landmarks={"file": None, "record": {"sha256": "0" * 64}})
    )
    with pytest.raises(BundleError):
        Predictor.load(naming)
    with pytest.raises(BundleError, match="has no file of 'landmarks'"):
        fetched_weights.arrays(bundle.read(naming), "landmarks")
