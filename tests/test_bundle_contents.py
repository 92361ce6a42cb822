"""What the bundle of a run holds, and which files its job reads."""

from dataclasses import replace

import pytest

from bundle_fixtures import system
from emotiw.core.errors import ConfigError
from emotiw.corpora.manifest import Manifest
from emotiw.prediction import bundle_export
from test_plan import CORPUS, FOLD, files

POOLED = {
    "video": system(["cnn", "dense_sift"], "pooled_svm"),
    "audio": system(["egemaps", "whisper"], "pooled_logistic"),
}


def names(paths):
    return [path.rpartition("/")[2].partition("-")[0] for path in paths]


def test_the_job_reads_the_models_of_both_systems_and_the_networks_of_their_features():
    found = files(**POOLED).bundled()
    assert found["models"] == [
        *(f"{FOLD}/{name}/pooled_svm_coefficients.h5" for name in ("cnn", "dense_sift")),
        *(f"{FOLD}/{name}/pooled_logistic_coefficients.h5" for name in ("egemaps", "whisper")),
    ]
    assert names(found["weights"]) == ["landmarks", "alexnet", "whisper_base"]
    assert files(**POOLED).contents.weights() == {"alexnet": "cnn", "whisper_base": "whisper"}


def test_the_job_of_the_papers_system_reads_kernels_and_networks():
    found = files().bundled()["models"]
    kinds = ("pca", "kernels", "pls_coefficients")
    assert found[:6] == [f"{FOLD}/{name}/{kind}.h5" for name in ("cnn", "dense_sift") for kind in kinds]
    assert {path.rpartition("/")[0] for path in found[6:]} == {f"{FOLD}/egemaps/blstm"}
    assert {path.rpartition(".")[2] for path in found[6:]} == {"safetensors"}


@pytest.mark.parametrize("feature", ["functionals", "lbp_top"])
def test_a_run_whose_systems_take_whole_clips_has_all_but_a_bundle(feature):
    modality = {"functionals": "audio", "lbp_top": "video"}[feature]
    whole = files(**POOLED | {modality: system([feature], "pooled_logistic")})
    assert whole.contents.obstacles() == [feature]
    assert "results/demo/bundle" in files(**POOLED).all()
    assert "results/demo/bundle" not in whole.all()
    assert "results/demo/report/report.html" in whole.all()
    with pytest.raises(
        ConfigError, match=rf"bundle: cannot compute {feature} for new clips, expected features of frames"
    ):
        whole.contents.check()


def test_the_licence_of_several_corpora_names_each_entry():
    corpus = Manifest((), (), "speech + mine")
    corpora = {"speech": {"kind": "ravdess"}, "mine": {"kind": "csv"}}
    found = bundle_export._corpus_licence(corpus, corpora)
    assert found == "speech: CC BY-NC-SA 4.0; mine: unknown: supplied by the user"
    assert bundle_export._corpus_licence(Manifest((), (), "crema_d"), None).startswith("Open Database License")


def test_a_bundle_of_everything_reads_the_models_of_that_fold_alone():
    corpus = replace(CORPUS, everything=True)
    bundled = files(corpus, bundle={"members": "everything"}, **POOLED).bundled()
    here, there = "results/demo/folds/everything/", f"{FOLD}/"
    assert [path for path in bundled["fusion"] if not path.startswith(here)] == []
    # what the classifiers of pooled frames of the other folds have learnt tells how far strangers are
    others = [path for path in bundled["models"] if not path.startswith(here)]
    assert len(others) < len(bundled["models"])
    assert all(path.startswith(there) and "pooled_" in path for path in others)
    of_folds = files(corpus, **POOLED).bundled()
    assert of_folds["models"] == files(**POOLED).bundled()["models"]
    assert of_folds["fusion"] == [f"{FOLD}/fusion.h5"]
