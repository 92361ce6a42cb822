"""The programs of the video system and of the baselines on a small made-up corpus: rows, facts, no leak, no order."""

import hashlib
import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from emotiw.corpora import manifest
from emotiw.jobs import store
from emotiw.jobs.identity import Stage
from emotiw.statistics import absent_classes
from video_fixtures import AUTO, CLASSES, N_TRAIN, SETTINGS, frames, write_baseline_corpus, write_corpus


@pytest.fixture
def program(root):
    """Run a program by its name with its paths, in this process."""

    def run(name, output, **options):
        more = {key: options.pop(key) for key in ("feature", "modality", "stream", "classifier") if key in options}
        more |= {"features": options.pop("combination"), "classifier": "pls"} if "combination" in options else {}
        spec = importlib.util.spec_from_file_location(f"program_{name}", root / "workflow_scripts" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        settings = options.pop("settings", SETTINGS)
        stage = Stage(settings=settings, fold="official", code="", distributions={}, above={}, **more)
        paths = [part for key, value in options.items() for part in (f"--{key}", *map(str, np.atleast_1d(value)))]
        module.main([*paths, "--output", str(output), "--stage", str(stage)])
        return output

    return run


def run_all(program, folder, classifier="pls"):
    table, features = folder / "manifest.csv", folder / "features"
    of = {"manifest": table, "features": features, "feature": "cnn", "modality": "video", "stream": "video"}
    pca = program("pca", folder / "pca.h5", **of)
    kernels = program("kernels", folder / "kernels.h5", pca=pca, **of)
    model = folder / "model.h5"
    chosen = {"feature": "cnn", "modality": "video", "classifier": classifier}
    return program("kernel_scores", folder / "scores.h5", manifest=table, kernels=kernels, model=model, **chosen)


@pytest.mark.parametrize("classifier", ["pls", "kernel_pls", "svm", "logistic"])
def test_scores_have_a_row_a_usable_clip_and_recognise_the_classes(program, tmp_path, classifier):
    found = store.read(run_all(program, write_corpus(tmp_path), classifier), "scores")
    usable = [f"clip{i:02d}" for i in range(30) if i not in (1, 20)]
    assert found.facts["clips"] == usable
    assert found.facts["parts"] == ["train"] * 17 + ["val"] * 5 + ["test"] * 6
    assert found.facts["classes"] == list(CLASSES)
    best = found.entries["mean"].arrays["scores"].argmax(axis=1)
    assert (best == [int(clip[4:]) % 3 for clip in usable]).mean() > 0.8


def test_mean_is_over_the_six_kernels(program, tmp_path):
    found = store.read(run_all(program, write_corpus(tmp_path)), "scores")
    six = [entry.arrays["scores"] for name, entry in found.entries.items() if name != "mean"]
    assert len(six) == 6
    np.testing.assert_allclose(found.entries["mean"].arrays["scores"], np.mean(six, axis=0))
    assert found.facts["n_components"]["subspace_rbf"] == [3, 3, 3]


def test_kernels_tell_what_was_fitted(program, tmp_path):
    run_all(program, write_corpus(tmp_path))
    facts = store.read(tmp_path / "kernels.h5", "kernels").facts
    assert facts["n_frames"][:3] == [5, 7, 8]
    assert facts["gamma"]["subspace_polynomial"] == 1
    assert facts["gamma"]["gaussian_rbf"] > 0
    assert all(value > -1e-6 for value in facts["min_eigenvalue"].values())


def test_pca_is_fitted_on_training_clips_that_are_usable(program, tmp_path):
    run_all(program, write_corpus(tmp_path))
    pca = store.read(tmp_path / "pca.h5", "pca")
    training = np.concatenate([frames(i)["features"] for i in range(N_TRAIN) if i != 1])
    assert (pca.facts["n_clips"], pca.facts["n_frames"]) == (17, len(training))
    np.testing.assert_allclose(pca.entries["pca"].arrays["mean"], training.mean(axis=0, dtype=float))


def test_test_clips_cannot_influence_training(program, tmp_path):
    def others(i):
        return frames(i) if i < N_TRAIN else {**frames(i), "features": frames(i)["features"][::-1] ** 3 + i}

    before, after = write_corpus(tmp_path / "a"), write_corpus(tmp_path / "b", others)
    found, changed = (store.read(run_all(program, folder), "scores") for folder in (before, after))
    assert (before / "pca.h5").read_bytes() == (after / "pca.h5").read_bytes()
    for name, entry in found.entries.items():
        values, other = entry.arrays["scores"], changed.entries[name].arrays["scores"]
        np.testing.assert_allclose(values[:17], other[:17], rtol=1e-9)
        assert not np.allclose(values[17:], other[17:])


def test_the_order_of_clips_changes_no_byte(program, tmp_path):
    first, second = (run_all(program, write_corpus(tmp_path / str(n), order=n)) for n in (1, -1))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("classifier", ["pls", "kernel_pls", "svm", "logistic"])
def test_a_fold_without_a_usable_clip_of_a_class_judges_among_the_others(program, tmp_path, classifier):
    folder = write_corpus(tmp_path, without=[f"clip{i:02d}" for i in range(2, N_TRAIN, 3)])
    found = store.read(run_all(program, folder, classifier), "scores")
    assert found.facts["lacking"] == store.read(folder / "pca.h5", "pca").facts["lacking"] == ["neutral"]
    neutral = CLASSES.index("neutral")
    for entry in found.entries.values():
        assert (entry.arrays["scores"][:, neutral] == absent_classes.ABSENT).all()
    truth = np.array([int(clip[4:]) % 3 for clip in found.facts["clips"]])
    best = found.entries["mean"].arrays["scores"].argmax(axis=1)
    assert (best == truth)[truth != neutral].mean() > 0.8
    assert {"val", "test"} <= set(found.facts["parts"])
    models = store.read(folder / "model.h5", "classifier").entries.values()
    assert {entry.arrays["intercept"][neutral] for entry in models} == {absent_classes.ABSENT}


def test_a_fold_with_training_clips_of_one_class_has_no_video_scores(program, tmp_path):
    folder = write_corpus(tmp_path, without=[f"clip{i:02d}" for i in range(N_TRAIN) if i % 3])
    found = store.read(run_all(program, folder), "scores")
    assert found.facts["clips"] == []
    assert {entry.arrays["scores"].shape for entry in found.entries.values()} == {(0, 3)}
    assert len(found.entries) == 7
    assert len(store.read(folder / "pca.h5", "pca").facts["lacking"]) == 2


def test_combination_is_the_mean_of_features(program, tmp_path):
    cnn = run_all(program, write_corpus(tmp_path / "cnn"))
    sift = run_all(program, write_corpus(tmp_path / "sift", lambda i: frames(i + 30), without=["clip00"]))
    chosen = {"combination": "cnn+cnn", "modality": "video"}
    both = program("combination", tmp_path / "both.h5", scores=[cnn, sift], **chosen)
    found = store.read(both, "scores")
    assert found.facts["clips"] == [f"clip{i:02d}" for i in range(30) if i not in (0, 1, 20)]
    assert found.facts["features"] == ["cnn", "cnn"]
    each = [store.read(path, "scores") for path in (cnn, sift)]
    rows = [part.entries["mean"].arrays["scores"][part.facts["clips"].index("clip29")] for part in each]
    np.testing.assert_allclose(found.entries["mean"].arrays["scores"][-1], np.mean(rows, axis=0))
    assert {key: found.facts[key] for key in ("scores", "classifier")} == {
        **{"scores": "decision values", "classifier": "pls"},
    }
    choices = {entry["choice"] for entry in found.facts["choices"]["entries"]}
    assert choices > {entry["choice"] for entry in each[0].facts["choices"]["entries"]}
    assert "video/cnn+cnn/pls/mean: weights" in choices


def test_a_chosen_number_of_components_tells_what_the_choice_saw(program, tmp_path):
    run_all(program, write_corpus(tmp_path))
    path = program(
        "kernel_scores",
        tmp_path / "auto.h5",
        manifest=tmp_path / "manifest.csv",
        kernels=tmp_path / "kernels.h5",
        model=tmp_path / "model.h5",
        feature="cnn",
        modality="video",
        classifier="pls",
        settings={"video": AUTO},
    )
    facts = store.read(path, "scores").facts
    usable = [f"clip{i:02d}" for i in range(N_TRAIN) if i != 1]
    digest = hashlib.sha256("".join(f"{clip}\n" for clip in usable).encode()).hexdigest()
    assert facts["selection"]["clips"] == {"n": 17, "sha256": digest}
    assert len(facts["selection"]["choices"]) == 7
    for name, choice in facts["selection"]["choices"].items():
        assert choice["grid"] == [1, 2, 3, 4, 5]
        assert name == "mean" or facts["n_components"][name] == [choice["value"]] * 3
        assert choice["accuracies"][choice["value"] - 1] == max(choice["accuracies"])


def in_one_film(folder):
    """Let all training clips be of one film."""
    table = manifest.read(folder / "manifest.csv")
    rows = tuple(replace(row, film="one") if row.split == "train" else row for row in table.rows)
    manifest.write(folder / "manifest.csv", replace(table, rows=rows))


def test_no_fold_of_the_training_clips_divides_a_film(program, tmp_path):
    run_all(program, write_corpus(tmp_path))
    in_one_film(tmp_path)
    inputs = {"manifest": tmp_path / "manifest.csv", "kernels": tmp_path / "kernels.h5", "model": tmp_path / "model.h5"}
    about = {"feature": "cnn", "modality": "video", "classifier": "pls", "settings": {"video": AUTO}}
    facts = store.read(program("kernel_scores", tmp_path / "auto.h5", **inputs, **about), "scores").facts
    assert set(facts["parts"]) == {"val", "test"}
    for choice in facts["selection"]["choices"].values():
        assert choice["note"].startswith("17 training sets: no division by subject, film and content")


def test_the_baseline_scores_usable_clips_and_tells_its_choice(program, tmp_path):
    paths = write_baseline_corpus(tmp_path, without=("clip01", "clip20"))
    found = store.read(program("baseline", tmp_path / "svm.h5", **paths), "scores")
    usable = [f"clip{i:02d}" for i in range(30) if i not in (1, 20)]
    assert found.facts["clips"] == usable
    assert found.facts["parts"] == ["train"] * 17 + ["val"] * 5 + ["test"] * 6
    assert list(found.entries) == ["svm"]
    best = found.entries["svm"].arrays["scores"].argmax(axis=1)
    assert (best == [int(clip[4:]) % 3 for clip in usable]).mean() > 0.6
    assert found.facts["selection"]["clips"]["n"] == 17
    assert len(found.facts["selection"]["choices"]["svm"]["value"]) == 2


def test_no_fold_of_a_baseline_divides_a_film(program, tmp_path):
    paths = write_baseline_corpus(tmp_path)
    in_one_film(tmp_path)
    facts = store.read(program("baseline", tmp_path / "svm.h5", **paths), "scores").facts
    assert set(facts["parts"]) == {"val", "test"}
    assert facts["selection"]["choices"]["svm"]["note"].startswith("18 training sets: no division")


def test_a_baseline_leaves_a_class_without_a_training_clip_out(program, tmp_path):
    paths = write_baseline_corpus(tmp_path, without=[f"clip{i:02d}" for i in range(2, N_TRAIN, 3)])
    found = store.read(program("baseline", tmp_path / "svm.h5", **paths), "scores")
    scores = found.entries["svm"].arrays["scores"]
    assert found.facts["lacking"] == ["neutral"]
    assert len(scores) == len(found.facts["clips"]) > 0
    assert (scores[:, CLASSES.index("neutral")] == absent_classes.ABSENT).all()


def test_a_baseline_with_training_clips_of_one_class_scores_nothing(program, tmp_path):
    paths = write_baseline_corpus(tmp_path, without=[f"clip{i:02d}" for i in range(N_TRAIN) if i % 3])
    found = store.read(program("baseline", tmp_path / "svm.h5", **paths), "scores")
    assert (found.facts["clips"], len(found.facts["lacking"])) == ([], 2)
    assert found.entries["svm"].arrays["scores"].shape == (0, 3)
    assert found.facts["selection"]["choices"] == {}
