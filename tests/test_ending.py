"""What is recorded when a run ends: times as JSON-LD, costs as CSV and as a page."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from compare_fixtures import write_log
from emotiw.compare import cost_page, job_costs, stage_names
from emotiw.workflow import checksums, ending

FIRST = datetime(2026, 11, 29, 10, tzinfo=UTC)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "results/demo"
    write_log(folder, "faces/a.log", "INFO x: took 7200.00 s of CPU time and 300 MB of memory")
    write_log(
        folder,
        "faces/b.log",
        "INFO x: 3 of 56 clips were in the cache",
        "INFO x: took 3600.00 s of CPU time and 400 MB of memory",
    )
    write_log(folder, "evaluate.log", "INFO x: took 36.00 s of CPU time and 120 MB of memory")
    for name, n_bytes in (("features/faces/a.h5", 5_000_000), ("folds/fold1/fusion.h5", 1000)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(n_bytes))
    return folder


def times(run):
    return {action["@id"]: action for action in json.loads((run / "logs/times.jsonld").read_text())["@graph"]}


def test_the_table_has_a_row_for_each_stage_with_the_costs_of_its_logs(run):
    ending.record(run, FIRST, succeeded=True)
    rows = list(csv.DictReader((run / "logs/costs.csv").read_text().splitlines()))
    assert [row["stage"] for row in rows] == ["faces", "metrics", "files of all folds"]
    assert list(rows[0].values()) == ["faces", "2", "3.00000", "400", "3", "5000000"]
    assert rows[1]["cpu_hours"] == "0.01000"
    assert rows[2]["bytes"] == "1000"


def test_the_page_shows_charts_and_a_table_and_loads_nothing(run):
    ending.record(run, FIRST, succeeded=True)
    page = (run / "logs/costs.html").read_text()
    assert "Started 2026-11-29 10:00 UTC" in page
    assert "3 jobs took 3.0 h of CPU time" in page
    assert [f"{width}" for width in re.findall(r"<i style=\"width:([\d.]+)%", page)] == [
        *("100.0", "0.3"),  # CPU time
        *("100.0", "30.0"),  # memory
        *("100.0", "0.0"),  # files
    ]
    assert page.count("<figcaption>") == 3
    assert "<script" not in page
    assert "src=" not in page
    assert "default-src 'none'" in page


def test_times_add_to_those_of_earlier_starts(run):
    ending.record(run, FIRST, succeeded=False)
    second = datetime.now(UTC) - timedelta(minutes=5)
    ending.record(run, second, succeeded=True)
    found = times(run)
    assert set(found) == {"#run", "#run-1", "#run-2"}
    assert found["#run"]["startTime"] == found["#run-1"]["startTime"] == "2026-11-29T10:00:00+00:00"
    assert found["#run"]["endTime"] == found["#run-2"]["endTime"] >= found["#run-2"]["startTime"]
    assert found["#run"]["actionStatus"].endswith("CompletedActionStatus")
    assert found["#run-1"]["actionStatus"].endswith("FailedActionStatus")
    assert "in 2 starts" in (run / "logs/costs.html").read_text()


def test_a_damaged_record_of_times_is_begun_anew(run):
    (run / "logs/times.jsonld").write_text("{")
    ending.record(run, FIRST, succeeded=True)
    assert set(times(run)) == {"#run", "#run-1"}


def test_what_is_compared_between_runs_holds_neither_times_nor_costs(run):
    checksums.record(run)
    before = (run / "checksums.json").read_bytes()
    ending.record(run, FIRST, succeeded=True)
    checksums.record(run)
    assert (run / "checksums.json").read_bytes() == before


def test_a_run_without_stated_costs_has_a_page(tmp_path):
    (tmp_path / "logs").mkdir()
    ending.record(tmp_path, FIRST, succeeded=False)
    assert cost_page.table(job_costs.by_stage(tmp_path)).decode().split() == [",".join(cost_page.HEADER)]
    assert "0 jobs took" in (tmp_path / "logs/costs.html").read_text()


@pytest.mark.parametrize(
    ("stage", "of", "expected"),
    [
        ("egemaps", "", "eGeMAPS"),
        ("pca", "dense_sift", "principal components: Dense SIFT"),
        ("kernel_scores", "cnn/pls", "kernel classifiers: CNN, PLS"),
        ("train_blstm", "egemaps/blstm/32_0", "BLSTM training: eGeMAPS, BLSTM, layers of 32 units, start 1"),
        ("combination", "cnn+hog/svm", "combination: CNN + HOG, SVM"),
        ("of_tomorrow", "", "of tomorrow"),
    ],
)
def test_stages_and_their_results_have_readable_names(stage, of, expected):
    assert stage_names.computed(stage, of) == expected
