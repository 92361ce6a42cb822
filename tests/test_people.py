"""One result a person: tracks of everyone, the voice given to the one who speaks, and what is written of it."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import voices as benchmark
from typer.testing import CliRunner

import media_fixtures as made
from emotiw import cli
from emotiw.demo import design, render
from emotiw.faces.everyone import Everyone
from emotiw.faces.tracking import MAX_GAP, Face, Sighting
from emotiw.jobs import settings
from emotiw.prediction import people, records, voices
from emotiw.prediction.predictor import Predictor
from emotiw.weights import loading

LEFT, RIGHT = Face((0, 0, 99, 99), 1.0), Face((300, 0, 399, 99), 1.0)


def see(everyone, *faces):
    everyone.see(list(faces), lambda face: Sighting(face, 0, 0.0, np.zeros((2, 2, 3), np.uint8), ()))


def test_everyone_is_followed_and_taken_once():
    everyone = Everyone()
    for _ in range(3):
        see(everyone, LEFT, RIGHT)
    see(everyone, RIGHT)
    assert [(number, len(it)) for number, it in everyone.take().items()] == [(1, 3), (2, 4)]
    assert everyone.take() == {}
    see(everyone, LEFT, RIGHT)
    assert {number: it[0].face for number, it in everyone.take().items()} == {1: LEFT, 2: RIGHT}


@pytest.mark.parametrize(("missed", "number"), [(MAX_GAP, 1), (MAX_GAP + 1, 2)])
def test_a_face_that_was_out_of_sight_for_long_is_another_person(missed, number):
    everyone = Everyone()
    see(everyone, LEFT)
    everyone.take()
    for _ in range(missed):
        see(everyone)
    see(everyone, LEFT)
    assert list(everyone.take()) == [number]


def test_a_cut_ends_all_tracks_and_their_faces_are_kept():
    everyone = Everyone()
    see(everyone, LEFT)
    everyone.cut()
    assert everyone.near == everyone.sure == []
    see(everyone, LEFT)
    see(everyone, LEFT)
    assert len(everyone.kept) == 2
    assert [len(it) for it in everyone.take().values()] == [1, 2]


def course(seed, n=120):
    """Loudness of syllables and pauses."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.uniform(0.01, 1, n // 4), 4) * rng.uniform(0.8, 1.2, n)


def test_the_voice_belongs_to_the_mouth_that_moves_with_it_and_else_to_none():
    loud = course(0)
    own, other = np.log(loud) + 0.3 * course(3), np.log(course(1))
    matches = {1: voices.match(other, loud), 2: voices.match(own, loud)}
    assert matches[2].correlation > 0.8
    assert matches[2].p < 0.05
    assert voices.speaker(matches) == 2
    assert voices.speaker({1: voices.match(other, loud)}) is None
    assert voices.speaker({1: voices.match(-own, loud)}) is None
    assert voices.match(np.roll(own, 2), loud).correlation > 0.7


def test_too_few_frames_and_a_still_face_decide_nothing():
    loud = course(0)
    assert voices.match(loud[: voices.MIN_FRAMES - 1], loud[: voices.MIN_FRAMES - 1]) == voices.Match(0.0, 1.0)
    assert voices.match(np.zeros(120), loud).p == 1
    assert voices.match(loud, np.zeros(120)).p == 1
    assert voices.speaker({}) is None


def test_movement_is_of_the_mouth_alone():
    faces = np.full((4, 128, 128, 3), 100, np.uint8)
    faces[1, :80] = 0
    faces[3, 90:110, 50:78] = 0
    still, again, moved = voices.movement(faces)
    assert still == again == pytest.approx(np.log(0.5))
    assert moved > np.log(10)


def test_loudness_is_the_root_mean_square_around_each_time():
    waveform = np.concatenate([np.zeros(16000), np.full(16000, 0.5)]).astype(np.float32)
    np.testing.assert_allclose(voices.loudness(waveform, 16000, np.array([0.5, 1.0, 1.5, 9.0])), [0, 0.5**1.5, 0.5, 0])


@pytest.fixture(scope="module")
def talking(tmp_path_factory):
    """A rendered person who speaks."""
    plan = design.Design(n_subjects=7, n_train=3, n_val=2)
    clip = next(it for it in design.clips(plan) if it.label == "happiness" and not it.defect)
    path = tmp_path_factory.mktemp("clips") / "talking.mp4"
    path.write_bytes(render.encoded(replace(clip, nuisance={**clip.nuisance, "duration_s": 2.4}), plan))
    return path


@pytest.fixture(scope="module")
def pair(talking, tmp_path_factory):
    """A picture of a person on the left of a person who speaks."""
    folder = tmp_path_factory.mktemp("pair")
    first = next(benchmark.pictures(talking))
    height, width, _ = first.shape
    still = made.clip(folder / "still.mp4", n=60, size=(width, height), paint=lambda *_: first)
    return benchmark.side_by_side(folder / "pair.mp4", still, talking, talking)


@pytest.fixture(scope="module")
def everyone(run):
    return replace(Predictor.load(run.bundle), everyone=True)


def test_each_person_has_a_result_and_one_has_the_voice(everyone, pair, monkeypatch):
    monkeypatch.setattr(voices, "speaker", max)
    silent, speaks = everyone.predict([pair])
    assert [(it.person, it.n_people) for it in (silent, speaks)] == [(1, 2), (2, 2)]
    assert silent.parts[0].n_faces >= speaks.parts[0].n_faces
    assert silent.notes == speaks.notes
    assert "the voice is given to person 2, whose mouth moves with it" in silent.notes[0]
    assert (speaks.source, speaks.status["audio"]) == ("fusion", "ok")
    assert (silent.source, silent.status["audio"]) == ("video", people.NOT_GIVEN)
    np.testing.assert_array_equal(silent.posteriors["fusion"], silent.posteriors["video"])
    assert np.isnan(silent.timeline.posteriors["audio"]).all()


def test_a_voice_of_nobody_in_sight_is_given_to_nobody(everyone, pair, monkeypatch):
    monkeypatch.setattr(voices, "speaker", lambda matches: None)
    found = list(everyone.predict([pair]))
    assert [it.source for it in found] == ["video", "video"]
    assert all(it.notes == ("the voice is given to no person: no mouth moves with it beyond chance",) for it in found)


def test_segments_do_not_divide_a_person(everyone, pair):
    found = list(replace(everyone, segment_s=1.0).predict([pair]))
    assert [it.n_people for it in found] == [2, 2]
    assert all([part.start_s for part in it.parts] == [0.0, 1.0, 2.0] for it in found)


def test_a_clip_without_a_face_is_judged_by_its_voice(everyone, tmp_path):
    (found,) = everyone.predict([made.sound_file(tmp_path / "x.wav", made.tone(1))])
    assert (found.source, found.person, found.n_people, found.notes) == ("audio", 1, 1, ())


def test_without_the_option_one_face_is_judged(everyone, pair):
    (found,) = replace(everyone, everyone=False).predict([pair])
    assert (found.person, found.n_people, found.status["audio"]) == (1, 1, "ok")


def test_the_command_writes_a_row_and_a_picture_of_each_person(run, pair, tmp_path):
    options = ["--self-test", "--people", "all", "--bundle", str(run.bundle), "--output", str(tmp_path)]
    result = CliRunner().invoke(cli.app, ["predict", str(pair), *options])
    assert result.exit_code == 0, result.output
    assert "1 of 1 clips judged" in result.output
    assert all(f"pair.mp4, person {i}" in result.output for i in (1, 2))
    rows = list(csv.DictReader((tmp_path / "predictions.csv").read_text().splitlines()))
    assert [row["person"] for row in rows] == ["1", "2"]
    clips = json.loads((tmp_path / "predictions.json").read_text())["clips"]
    assert [(clip["person"], clip["n_people"]) for clip in clips] == [(1, 2), (2, 2)]
    assert len({clip["timeline_file"] for clip in clips}) == 2
    page = (tmp_path / "predictions.html").read_text()
    assert "1 clip, by" in page
    assert "pair.mp4, person 2</h2>" in page


def test_records_of_one_person_say_so(everyone, tmp_path):
    (found,) = everyone.predict([tmp_path / "none.mp4"])
    assert records.record(found)["person"] == 1


@pytest.mark.slow
def test_real_people_side_by_side_keep_their_voices(root, tmp_path):
    clips = sorted((root.parent / "shared/data/clips/javanese").glob("??-03-02_*.mp4"))
    models = list((root / "results/weights").glob("landmarks-*.dat"))
    if len(clips) < 4 or not models:
        pytest.skip("needs the Javanese clips in ../shared/data and dlib's landmark model in results/weights")
    config = settings.load([])
    chosen = {name: config[name] for name in ("faces", "audio", "limits")}
    landmarks = loading.read_landmarks(models[0])
    found = []
    for i, (left, right) in enumerate(zip(clips, [*clips[1:], clips[0]], strict=True)):
        film = benchmark.side_by_side(tmp_path / "film.mp4", left, right, (left, right)[i % 2])
        found.append(benchmark.given(film, landmarks, chosen) == ("left", "right")[i % 2])
    assert sum(found) > len(found) / 2


def test_a_face_that_is_seen_shortly_is_left_out_unless_it_is_the_only_one(everyone, pair, monkeypatch):
    monkeypatch.setattr(people, "SHORTEST_S", 60.0)
    (found,) = everyone.predict([pair])
    assert (found.person, found.n_people) == (1, 1)
