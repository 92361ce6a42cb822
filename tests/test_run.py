"""What a run is expected to take, and how the workflow is started."""

import pytest

from emotiw.core.errors import ConfigError
from emotiw.corpora.manifest import Manifest, Row
from emotiw.jobs import settings, stages
from emotiw.workflow import run
from emotiw.workflow.costs import Costs, estimate
from emotiw.workflow.protocol import Protocol

ROWS = tuple(Row(f"c{i}", f"c{i}.mp4", "x", "s", "train", job=f"batch-{i // 5}") for i in range(100))
CORPUS = Manifest(ROWS, ("x", "y"), "csv")


def costs(**over):
    return Costs(settings.merge(settings.load([]), over), CORPUS)


def test_a_run_is_the_sum_of_its_jobs():
    protocol = Protocol(settings.load([]), CORPUS)
    what = run.expected({"faces": 20, "pca": 2, "all": 1}, costs(), protocol)
    faces, pca = stages.ROWS["faces"].cost, stages.ROWS["pca"].cost
    seconds = 20 * (faces.seconds[0] + 5 * faces.seconds[1]) + 2 * (pca.seconds[0] + 100 * pca.seconds[1])
    assert what.n_jobs == 22
    assert what.cpu_hours == pytest.approx(seconds / 3600)
    assert what.n_bytes == pytest.approx(1000 * faces.clip_kb * 100)


def test_the_progress_of_a_run_knows_its_jobs_and_what_they_take():
    progress = run.progress(settings.load([]), CORPUS, {"faces": 20, "pca": 2, "all": 1})
    faces, pca = stages.ROWS["faces"].cost, stages.ROWS["pca"].cost
    assert (progress.n_jobs, progress.n_clips) == (22, 100)
    assert progress.seconds == {
        "faces": pytest.approx(faces.seconds[0] + 5 * faces.seconds[1]),
        "pca": pytest.approx(pca.seconds[0] + 100 * pca.seconds[1]),
    }


def test_small_networks_and_few_epochs_are_expected_to_take_less():
    large = costs().expected_seconds("train_blstm", 100)
    small = costs(blstm={"architectures": [[32]], "max_epochs": 50}).expected_seconds("train_blstm", 100)
    assert small < large / 10
    assert costs().minutes("train_blstm") >= large / 60


def test_memory_grows_with_the_values_of_a_frame_and_with_pairs_of_clips():
    assert costs(egemaps={"mode": "both", "deltas": True}).memory_mb("scaler") > costs().memory_mb("scaler")
    pairs = 8 * 8 * 100**2 / 1e6
    without = 1.5 * (200 + 0.25 * 100) + costs().snakemake_mb
    assert costs().memory_mb("kernels") == pytest.approx(without + 1.5 * pairs, abs=1)


def test_above_the_exact_clips_memory_grows_with_the_landmarks():
    found = {n: costs(video={"exact_clips": 50, "landmarks": n}).peak_mb("kernels") for n in (10, 40)}
    assert found[40] - found[10] == pytest.approx(30 * 0.8 + 8 * 8 * 100 * 30 / 1e6)


def test_nothing_to_do_is_said():
    assert run.summary(estimate(costs(), []), 2, "results/x").startswith("nothing to do")


@pytest.mark.parametrize(
    ("n", "text"),
    [(1, "about 10.0 h on 1 core (10.0 h of CPU time)"), (40, "about 15 min on 40 cores (10.0 h of CPU time)")],
)
def test_hours_are_divided_among_cores(n, text):
    what = estimate(costs(), [("faces", 10 * 3600 / 0.8 - 2.5)])
    assert text in run.summary(what, n, "results/x")


def test_an_unknown_profile_is_refused_with_those_that_there_are():
    with pytest.raises(ConfigError, match="--profile sulrm: no such profile; expected one of default, slurm, or a"):
        run.profile("sulrm")


def test_a_package_outside_a_checkout_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "WORKFLOW", tmp_path)
    with pytest.raises(ConfigError, match="the workflow runs from a checkout of the repository: clone it"):
        run.snakefile()
