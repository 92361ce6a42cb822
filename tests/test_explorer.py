"""What the page shows of every clip."""

import base64
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotiw.core.errors import StoreError
from emotiw.jobs import store
from emotiw.report import clip_files, explorer, page
from evaluation_fixtures import evaluate, fuse_all, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = make_run(tmp_path_factory.mktemp("explorer"), n_folds=3)
    fuse_all(made)
    evaluate(made)
    return made


@pytest.fixture(scope="module")
def predictions(run):
    return page.read_predictions(run.folder / "predictions.csv")


@pytest.fixture(scope="module")
def rows(run, predictions):
    return explorer.shown_rows(run.corpus, predictions)


def paths(run, name):
    return [run.folder / f"{name}_{fold}.h5" for fold in run.folds]


@pytest.fixture(scope="module")
def about(run, rows):
    return explorer.clip_contents(
        run.corpus, rows, faces=run.folder / "faces", fusion=paths(run, "fusion"), frames=paths(run, "frames")
    )


def test_a_missing_clip_is_an_error(run, predictions):
    without = [row for row in predictions if row["clip"] != "clip005"]
    with pytest.raises(StoreError, match="1 of 56 clips are missing: clip005"):
        explorer.shown_rows(run.corpus, without)


def test_a_clip_is_shown_with_its_test_prediction(rows):
    assert {row["part"] for row in rows.values()} == {"test"}


def test_scores_are_those_of_the_fold_that_the_row_names(run, rows, about):
    for clip, row in rows.items():
        ours = about.scores[clip]["fusion"]
        np.testing.assert_allclose(ours, [float(row[f"p_{name}"]) for name in run.corpus.classes], atol=1e-6)


def test_a_modality_that_could_not_judge_has_no_scores(about):
    assert set(about.scores["clip003"]) == {"audio", "fusion"}
    assert set(about.scores["clip010"]) == {"video", "fusion"}
    assert set(about.scores["clip017"]) == {"fusion"}


def test_fused_scores_of_every_clip_are_needed(run, rows):
    with pytest.raises(StoreError, match=r"fused scores: \d+ of 56 clips are missing"):
        explorer.clip_contents(run.corpus, rows, faces=run.folder / "faces", fusion=paths(run, "fusion")[:1], frames=[])


def test_time_courses_are_those_of_the_fold_and_short(run, rows, about):
    assert set(about.courses) == set(rows) - {"clip010", "clip017", "clip030"}
    found = store.read(run.folder / f"frames_{rows['clip000']['fold']}.h5", "posteriors", names=["clip000"])
    course = about.courses["clip000"]
    np.testing.assert_allclose(course.levels / 255, found.entries["clip000"].arrays["posteriors"], atol=0.002)
    assert (course.start, course.step) == (0, pytest.approx(0.04))
    long = about.courses["clip001"]
    assert len(long.levels) == 65
    assert long.step == pytest.approx(0.08)


def test_a_course_of_one_frame_has_no_step():
    assert explorer._course(np.full((1, 2), 0.5), np.zeros(1), 120).step == 0


def test_clips_with_faces_have_a_small_strip(rows, about):
    assert set(about.strips) == set(rows) - {"clip003", "clip017"}
    strip = about.strips["clip000"]
    assert Image.open(io.BytesIO(strip.picture)).size == (12 * 64, 64)
    assert len(strip.picture) < 16000
    assert strip.times == sorted(strip.times)
    assert (len(strip.times), strip.times[0], strip.times[-1]) == (12, 0, pytest.approx(8 / 25))


def test_strips_of_a_large_corpus_go_to_the_first_clips_alone(run, rows, about, monkeypatch):
    monkeypatch.setattr(explorer, "STRIP_BYTES", 3 * len(about.strips["clip000"].picture))
    order = explorer.ranked(rows, about.scores)
    strips = explorer.face_strips(run.corpus, run.folder / "faces", order)
    assert list(strips) == [clip for clip in order if clip in about.strips][: len(strips)]
    assert 3 <= len(strips) <= 5


def test_confident_errors_come_first_and_training_clips_last(rows, about):
    order = explorer.ranked(rows, about.scores)
    confidence = {clip: max(about.scores[clip]["fusion"]) for clip in rows}
    wrong = [clip for clip in order if explorer.outcome(rows[clip]) == "wrong"]
    assert order[: len(wrong)] == wrong
    assert [confidence[clip] for clip in wrong] == sorted((confidence[clip] for clip in wrong), reverse=True)
    trained = {order[0]: rows[order[0]] | {"part": "train"}}
    assert explorer.ranked(rows | trained, about.scores)[-1] == order[0]


def test_courses_of_a_large_corpus_are_shorter(run, rows, monkeypatch):
    monkeypatch.setattr(explorer, "COURSE_BYTES", 56 * 7 * 30)
    made = explorer.clip_contents(
        run.corpus, rows, faces=None, fusion=paths(run, "fusion"), frames=paths(run, "frames")
    )
    assert {len(course.levels) <= 30 for course in made.courses.values()} == {True}
    assert not made.strips


def test_the_data_of_the_page_hold_every_clip_in_order(run, rows, about):
    found = json.loads(explorer.script_data(run.corpus.classes, rows, about, ["video", "audio"]))
    assert found["classes"] == list(run.corpus.classes)
    assert found["systems"] == ["video", "audio", "fusion"]
    assert [clip["n"] for clip in found["clips"]] == explorer.ranked(rows, about.scores)
    clips = {clip["n"]: clip for clip in found["clips"]}
    for name, clip in clips.items():
        labels = [*run.corpus.classes, "?"]
        assert labels[clip["l"]] == rows[name]["label"]
        assert labels[clip["y"][2]] == rows[name]["predicted_fusion"]
        assert clip["q"] == [rows[name]["status_video"], rows[name]["status_audio"]]
    assert clips["clip003"]["y"][0] == -1
    levels = np.frombuffer(base64.b64decode(clips["clip001"]["c"]), np.uint8).reshape(-1, 7)
    np.testing.assert_array_equal(levels, about.courses["clip001"].levels)
    assert abs(sum(clips["clip001"]["P"][2]) - 1000) <= 4
    assert clips["clip003"]["P"][0] is None
    assert "c" not in clips["clip010"]
    assert "s" not in clips["clip003"]


def test_data_cannot_end_their_element(run, rows, about):
    renamed = {clip: row | {"subject": "</script>"} for clip, row in rows.items()}
    assert "<" not in explorer.script_data(run.corpus.classes, renamed, about, ["video", "audio"])


def test_a_run_of_one_modality_has_no_filter_of_the_other():
    assert list(explorer.filters(["audio"])) == ["wrong", "right"]
    assert explorer.filters(["video", "audio"]) == explorer.ERRORS


def judged(truth, video, audio, fusion, source="fusion"):
    predicted = {f"predicted_{name}": value for name, value in zip(explorer.MAIN, (video, audio, fusion), strict=True)}
    return {"label": truth, "source": source, **predicted}


@pytest.mark.parametrize(
    ("row", "marks", "outcome"),
    [
        (judged("a", "b", "a", "a"), "v0 a1 f1", "right"),
        (judged("a", "b", "a", "b"), "v0 a1 f0 lost", "wrong"),
        (judged("a", "b", "b", "a"), "v0 a0 f1 won", "right"),
        (judged("a", "a", "a", "b", "video"), "v1 f0 lost", "wrong"),
        (judged("a", "a", "b", "b", "audio"), "a0 f0", "wrong"),
        (judged("a", "b", "b", "b", "prior"), "f0", "wrong"),
        (judged("?", "b", "b", "b"), "", "hidden"),
    ],
)
def test_marks_tell_who_was_right(row, marks, outcome):
    assert " ".join(explorer.marks(row)) == marks
    assert explorer.outcome(row) == outcome


def test_every_filter_asks_for_marks_that_exist():
    known = {"v0", "v1", "a0", "a1", "f0", "f1", "won", "lost"}
    assert {mark for marks in explorer.ERRORS.values() for mark in marks.split()} == known


def test_changes_count_wins_and_losses_by_class():
    rows = [judged("a", "b", "b", "a"), judged("a", "a", "b", "b"), judged("b", "b", "b", "b"), judged("?", *"aaa")]
    assert explorer.changes(rows, "video", ["a", "b"]) == {"a": (1, 1), "b": (0, 0)}


def test_a_clip_below_the_folder_of_the_workflow_has_a_relative_address(run):
    corpus = dataclasses.replace(run.corpus, rows=run.corpus.rows[:3])
    paths = ("results/my corpus/a&b.mp4", "/data/c.mp4", "../elsewhere/d.mp4")
    rows = tuple(dataclasses.replace(row, path=path) for row, path in zip(corpus.rows, paths, strict=True))
    moved = dataclasses.replace(corpus, rows=rows)
    found = clip_files.addresses(moved, Path("results/demo/report/report.html"))
    assert found == {corpus.rows[0].clip: "../../my%20corpus/a%26b.mp4"}
    assert clip_files.addresses(moved, Path("/data/report.html")) == {}
