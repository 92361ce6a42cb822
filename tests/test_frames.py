"""Results of a run as data frames, and the notebook that reads them."""

import json

import pandas as pd
import pytest

from emotiw.core.errors import StoreError
from emotiw.report import frames
from evaluation_fixtures import CLASSES, evaluate, fuse_all, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    made = make_run(tmp_path_factory.mktemp("frames"), n_folds=3)
    fuse_all(made)
    evaluate(made)
    return made


@pytest.fixture(scope="module")
def loaded(run):
    return frames.load(run.folder)


def test_predictions_have_a_row_for_each_clip_and_part(loaded, run):
    assert len(loaded.predictions) == sum(len(fold.test) + len(fold.val) for fold in run.folds.values())
    assert set(loaded.predictions["clip"]) == {row.clip for row in run.corpus.rows}


def test_systems_are_those_of_the_metrics(loaded):
    fusion = loaded.systems.query("part == 'test' and system == 'fusion'").iloc[0]
    expected = loaded.metrics["parts"]["test"]["systems"]["fusion"]
    assert fusion["accuracy"] == expected["accuracy"]
    assert [fusion["uar_low"], fusion["uar_high"]] == list(expected["uar_interval"])
    assert fusion["ece"] == expected["ece"]
    assert "CNN + Dense SIFT, PLS" in set(loaded.systems["title"])


def test_recalls_and_confusions_agree_with_the_predictions(loaded):
    test = loaded.predictions.query("part == 'test'")
    for label in CLASSES:
        mine = test[test["label"] == label]
        row = loaded.recalls.query("part == 'test' and system == 'fusion' and `class` == @label").iloc[0]
        assert row["n"] == len(mine)
        assert row["recall"] == pytest.approx((mine["predicted_fusion"] == label).mean())
    table = loaded.confusions.query("part == 'test' and system == 'fusion'")
    assert table["n"].sum() == len(test)
    both = pd.crosstab(test["label"], test["predicted_fusion"])
    assert table.set_index(["truth", "predicted"])["n"].loc[("anger", "anger")] == both.loc["anger", "anger"]


def test_subjects_and_folds_have_a_row_for_each_main_system(loaded):
    test = loaded.subjects.query("part == 'test'")
    assert len(test) == 13 * 3
    assert set(loaded.folds["fold"]) == {"fold1", "fold2", "fold3"}
    assert test.query("system == 'fusion'")["n"].sum() == 56


def test_scores_of_a_clip_are_those_of_its_posteriors(loaded):
    one = loaded.predictions.query("part == 'test'").iloc[0]
    mine = loaded.scores[loaded.scores["clip"] == one["clip"]].query("part == 'test' and system == 'fusion'")
    scores = mine.set_index("class")["score"]
    for label in CLASSES:
        assert scores[label] == pytest.approx(one[f"p_{label}"], abs=1e-5)


def test_clips_and_subjects_with_numbers_as_names_stay_texts(loaded):
    assert all(isinstance(name, str) for name in loaded.predictions["clip"])


def test_every_frame_is_the_same_after_parquet(loaded, tmp_path):
    pytest.importorskip("pyarrow", reason="Parquet needs pyarrow, which emotiw does not depend on")
    for name in ("predictions", "scores", "systems", "recalls", "confusions", "subjects", "folds"):
        frame, path = getattr(loaded, name), tmp_path / f"{name}.parquet"
        frame.to_parquet(path)
        pd.testing.assert_frame_equal(pd.read_parquet(path), frame)
    csv = loaded.scores.to_csv(index=False).encode()
    assert 3 * (tmp_path / "scores.parquet").stat().st_size < len(csv)


def test_a_folder_without_results_is_an_error(tmp_path):
    with pytest.raises(StoreError, match=r"metrics.json, predictions.csv, scores.csv.gz missing; expected the folder"):
        frames.load(tmp_path)


def test_a_damaged_file_is_an_error(tmp_path):
    for name in frames.FILES:
        (tmp_path / name).write_text("{")
    with pytest.raises(StoreError, match="unreadable"):
        frames.load(tmp_path)


def test_every_cell_of_the_notebook_runs(run, root, monkeypatch):
    monkeypatch.setenv("EMOTIW_RUN", str(run.folder))
    notebook = json.loads((root / "examples/read_a_run.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) == 6
    assert not any(cell["outputs"] for cell in cells)
    space = {}
    for cell in cells:
        exec("".join(cell["source"]), space)  # noqa: S102 - the notebook of the repository
    assert len(space["errors"]) > 0
    assert space["chief"] == "fusion"
