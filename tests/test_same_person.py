"""Clips of one person judged relative to each other: the formula, who is whose, and the command."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from typer.testing import CliRunner

import media_fixtures as made
from emotiw import cli
from emotiw.core.errors import ConfigError
from emotiw.demo import design
from emotiw.jobs.features import MODALITIES
from emotiw.prediction import recogniser, same_person
from emotiw.prediction.prediction import NAMES, Prediction, SegmentPrediction
from emotiw.statistics.pooling import PooledLinear

pytestmark = pytest.mark.usefixtures("one_process")

DESIGN = design.Design(n_subjects=7, n_train=3, n_val=2)


def predicted(run, predictor, clip, person):
    """Prediction of a clip of the run from its stored features, as if it lay in a folder of its person."""
    found = {modality: run.features(modality, clip) or None for modality in MODALITIES}
    encoded = predictor.recogniser.encode(found["video"], found["audio"])
    posteriors = predictor.recogniser.predict(encoded)
    status = {name: "ok" if found[name] else "no_face" for name in MODALITIES}
    part = SegmentPrediction(0.0, 2.0, status, posteriors, 6, 6)
    windows = [recogniser._whole(of) for of in (encoded.video[0], encoded.audio[0])]
    made = Prediction(Path(person, clip), predictor.bundle.classes, {n: posteriors.mean[n] for n in NAMES}, status)
    course = predictor.recogniser.timeline(encoded, [windows[0]], [windows[1]])
    return replace(made, parts=(part,), timeline=replace(made.timeline, time_s=np.zeros(1), posteriors=course))


@pytest.fixture(scope="module")
def clips(run, predictor):
    people = ["ann"] * 8 + ["bob"] * 2 + [""] * 6
    names = [f"clip{i:02}" for i in range(16)]
    return [predicted(run, predictor, name, person) for name, person in zip(names, people, strict=True)]


def test_linear_scores_relative_to_the_person_are_those_of_centred_vectors():
    rng = np.random.default_rng(0)
    model = PooledLinear(rng.normal(size=5), rng.uniform(1, 2, 5), rng.normal(size=(5, 3)), rng.normal(size=3))
    X = rng.normal(size=(7, 5)) + rng.normal(size=5)
    posteriors = softmax(model.decision_values(X), axis=1)
    found = recogniser.relative(posteriors, np.log(posteriors).mean(axis=0))
    centred = softmax(model.decision_values(X - X.mean(axis=0) + model.mean) - model.intercept, axis=1)
    np.testing.assert_allclose(found, centred, atol=1e-12)


def test_rows_without_posteriors_and_people_without_an_average_stay():
    rows = np.array([[0.2, 0.8], [np.nan, np.nan]])
    assert recogniser.relative(rows, None) is rows
    found = recogniser.relative(rows, np.log([0.2, 0.8]))
    np.testing.assert_allclose(found, [[0.5, 0.5], [np.nan, np.nan]])


def person(path):
    return path.parts[0] if len(path.parts) > 1 else ""


def test_each_member_is_relative_to_its_own_average(clips, predictor):
    found = list(same_person.together(clips, person, predictor.recogniser))
    assert [one.path for one in found] == [one.path for one in clips]
    fused = []
    for member in predictor.recogniser.members:
        alone = {}
        for name in MODALITIES:
            logs = np.log([clip.parts[0].posteriors.members[member.name][name] for clip in clips[:8]])
            alone[name] = softmax(logs - logs.mean(axis=0), axis=1)
        fused.append(member.fused(alone["video"], alone["audio"]))
    expected = np.mean(fused, axis=0)
    np.testing.assert_allclose([one.posteriors["fusion"] for one in found[:8]], expected, atol=1e-9)
    assert not np.allclose(expected, [clip.posteriors["fusion"] for clip in clips[:8]], atol=0.01)
    assert found[0].notes == ("judged together with the clips of ann, 8 in all (transductive)",)


def test_the_timeline_of_one_member_is_relative_as_the_clip_is(clips, predictor):
    (member, *_) = predictor.recogniser.members
    only = replace(predictor.recogniser, members=[member])
    alone = [replace(clip, timeline=replace(clip.timeline, posteriors=course(clip, only))) for clip in clips[:8]]
    for one in same_person.together(alone, person, only):
        for name in NAMES:
            np.testing.assert_allclose(one.timeline.posteriors[name][0], one.posteriors[name], atol=1e-9)


def course(clip, only):
    """Timeline of one window that lasts as long as the clip, by one member."""
    values = clip.parts[0].posteriors.members[only.members[0].name]
    return {name: values[name][None] for name in NAMES}


def test_scales_of_a_bundle_are_undone_before_and_applied_after(clips, predictor):
    scaled = replace(predictor.recogniser, scales={"video": 0.5, "audio": 2.0, "fusion": 0.7})
    (name, values), *_ = clips[0].parts[0].posteriors.members.items()
    average = {name: {"video": np.log([0.5, 0.3, 0.2])}}
    only = replace(scaled, members=[member for member in scaled.members if member.name == name])
    raw = {key: rows[None] for key, rows in values.items()}
    found = only.relative_course(only._calibrated(raw), average)
    expected = log_softmax(np.log(values["video"]) - average[name]["video"])
    np.testing.assert_allclose(found["video"][0], softmax(0.5 * expected), atol=1e-9)
    np.testing.assert_allclose(found["audio"][0], softmax(2 * np.log(values["audio"])), atol=1e-9)


def test_few_clips_and_clips_of_nobody_are_judged_alone_and_say_so(clips, predictor):
    found = list(same_person.together(clips, person, predictor.recogniser))
    for one, before in zip(found[8:], clips[8:], strict=True):
        assert one.posteriors is before.posteriors
    assert found[8].notes == ("judged alone: 2 clips of bob, at least 6 are needed to judge them together",)
    assert found[10].notes == ("judged alone: --subject-of names nobody for this clip",)


def test_people_are_told_by_a_pattern_or_a_table(tmp_path):
    assert same_person.person_of(r"actor(\d+)")(Path("a/actor07_x.mp4")) == "07"
    assert same_person.person_of(r"actor\d+")(Path("a/actor07_x.mp4")) == "actor07"
    assert same_person.person_of(r"(x)?actor")(Path("actor")) == ""
    assert same_person.person_of("nobody")(Path("a.mp4")) == ""
    table = tmp_path / "people.csv"
    table.write_text("\ufeffclip,subject\na.mp4,ann\nb,bob\n/films/c.mp4,cid\n,x\n", encoding="utf-8")
    of = same_person.person_of(str(table))
    paths = ("/x/a.mp4", "/x/b.mp4", "/films/c.mp4", "/x/c.mp4")
    assert [of(Path(path)) for path in paths] == ["ann", "bob", "cid", ""]
    assert same_person.in_turn(list(map(Path, ("b.mp4", "c.mp4", "a.mp4"))), of) == [Path(f"{n}.mp4") for n in "cab"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"people\.csv: cannot be read \(.*\); expected a CSV table"),
        ("", r"has no row; expected the columns clip and subject"),
        ("path,subject\na,b\n", r"has path, subject; expected the columns clip and subject"),
    ],
)
def test_a_table_without_people_is_refused(tmp_path, content, message):
    table = tmp_path / "people.csv"
    if content is not None:
        table.write_text(content)
    with pytest.raises(ConfigError, match=message):
        same_person.person_of(str(table))


def test_a_pattern_that_is_none_is_refused():
    with pytest.raises(ConfigError, match=r"--subject-of \(: no regular expression \(.*\); expected one, or a table"):
        same_person.person_of("(")


def test_equal_clips_of_one_person_tell_nothing_of_the_emotion(run, tmp_path):
    data = made.talking(DESIGN, 1.6)
    for i in range(same_person.FEWEST):
        (tmp_path / f"ann_{i}.mp4").write_bytes(data)
    arguments = [
        "predict",
        str(tmp_path),
        "--bundle",
        str(run.bundle),
        "--self-test",
        "--output",
        str(tmp_path / "out"),
    ]
    done = CliRunner().invoke(cli.app, [*arguments, "--subject-of", r"ann(?=_\d)"])
    assert done.exit_code == 0, done.output
    assert done.output.count("judged together with the clips of ann, 6 in all (transductive)") == 6
    for record in json.loads((tmp_path / "out/predictions.json").read_text())["clips"]:
        for name in MODALITIES:
            np.testing.assert_allclose(list(record["posteriors"][name].values()), 1 / 3, atol=1e-4)
