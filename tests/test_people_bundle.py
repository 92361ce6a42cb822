"""The bundle that lies in the package: whole, small, licensed, and as its card says."""

from pathlib import Path

import numpy as np
import pytest

from emotiw.core.errors import WeightsError
from emotiw.prediction import bundle as bundles
from emotiw.prediction import card
from emotiw.prediction.predictor import Predictor
from emotiw.weights import acquisition

ROOT = Path(__file__).parents[1]
CARD = ROOT / "docs" / "people-bundle.md"


@pytest.fixture(scope="module")
def people():
    return bundles.read(bundles.default_folder())


def test_every_file_is_whole(people):
    for name in people.about["files"]:
        assert people.data(name)


def test_it_is_small_but_for_the_landmark_model(people):
    sizes = {name: about["bytes"] for name, about in people.about["files"].items()}
    landmarks = sizes.pop("weights/landmarks.safetensors")
    assert landmarks < 10e6
    assert sum(sizes.values()) + (people.folder / bundles.INDEX).stat().st_size < 16e6


def test_it_has_one_member_and_is_of_people(people):
    assert [member["fold"] for member in people.about["members"]] == ["everything"]
    assert not card.is_synthetic(people.about)
    assert people.about["weights"]["whisper_base"]["file"] is None


def test_no_path_of_a_machine_is_in_it(people):
    text = (people.folder / bundles.INDEX).read_text()
    assert '"/' not in text
    assert "/home/" not in text


def test_the_card_says_what_the_index_says(people):
    text = CARD.read_text(encoding="utf-8")
    for scored in people.about["card"]["tested"]:
        assert f"| {scored['n_clips']:,} | {scored['n_classes']} |" in text
        assert f"{100 * scored['accuracy']:.1f}" in text
        if scored["accuracy_interval"]:
            low, high = (f"{100 * bound:.1f}" for bound in scored["accuracy_interval"])
            assert f"{low} to {high}" in text
    threshold = people.about["calibration"]["min_confidence"]
    assert f"below {threshold:.0%}".replace("%", " %") in text


def test_the_licence_lies_beside_it(people, pytestconfig):
    licence = (people.folder / "LICENCE.md").read_text()
    assert "not for commercial use" in licence
    assert 'license = "BSD-3-Clause AND CC-BY-NC-SA-4.0"' in (ROOT / "pyproject.toml").read_text()


def test_it_answers_by_the_face_alone_without_whisper(people, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("emotiw.jobs.settings.ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)

    def refuse(*_):
        raise WeightsError("no network")

    monkeypatch.setattr(acquisition, "original", refuse)
    predictor = Predictor.load(people.folder)
    assert list(predictor.missing) == ["audio"]
    grey = np.full((4, 128, 128, 3), 128, np.uint8)
    faces = {name: describe(grey) for name, describe in predictor.face_features.items()}
    judged = predictor.recogniser.predict(predictor.recogniser.encode(faces, None))
    assert judged.source == "video"
    assert judged.mean["fusion"].sum() == pytest.approx(1)


def test_it_knows_from_when_on_sound_is_unlike_its_training_clips(people):
    assert people.about["novelty"]["audio"]["threshold"] > 1
    assert people.about["novelty"]["audio"]["n_clips"] == people.about["calibration"]["n_clips"]
