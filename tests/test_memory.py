"""Memory of the machine that local jobs share, and the jobs that may need more."""

import re

import pytest

from emotiw.corpora.manifest import Manifest, Row
from emotiw.jobs import settings
from emotiw.workflow import memory
from emotiw.workflow.costs import Costs


def costs(n_clips, **video):
    rows = tuple(Row(f"c{i}", f"{i}.avi", "fear", "s", "train", job=f"c{i}") for i in range(n_clips))
    return Costs(settings.merge(settings.load([]), {"video": video}), Manifest(rows, ("fear",), "csv"))


def requests(n_clips, available_mb, local=True, **video):
    return memory.Requests(costs(n_clips, **video), lambda: local, available_mb)


def test_a_container_has_less_memory_than_its_machine(tmp_path):
    (tmp_path / "max").write_text("2000000000\n")
    assert memory.machine_mb([tmp_path / "max"]) == 1800
    (tmp_path / "max").write_text("max\n")
    assert memory.machine_mb([tmp_path / "max", tmp_path / "absent"]) > 1800


def test_on_this_machine_a_job_requests_less_than_on_a_cluster_and_never_more_than_there_is():
    here, cluster = (requests(1000, 4000, local).of("pca")({}, 2) for local in (True, False))
    assert here == costs(1000).local_mb("pca") < costs(1000).memory_mb("pca")
    assert cluster == 2 * costs(1000).memory_mb("pca")
    assert requests(1000, 300).of("pca")({}, 1) == 300
    assert requests(1000, 0).of("pca")({}, 1) == here


def test_jobs_that_may_not_fit_are_named():
    assert requests(1000, 4000).hint(["pca", "all"]) == ""
    text = requests(16000, 4000, exact_clips=20000).hint(["pca", "kernels", "kernel_scores", "all"])
    assert "more than the 4.0 GB" in text
    assert re.search(r"kernels \(2\d\.\d GB\)", text)
    assert "pca" not in text


@pytest.mark.parametrize(
    ("stage", "limit_mb"), [("pca", 2500), ("kernels", 4000), ("kernel_scores", 4000), ("baseline", 8000)]
)
def test_training_of_large_corpora_fits_in_memory(stage, limit_mb):
    assert costs(16372).peak_mb(stage) < limit_mb
