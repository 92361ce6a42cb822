"""Which failures are tried again: those that may end otherwise."""

import pytest

from emotiw.core import errors
from emotiw.workflow import retries


class Job:
    """What Snakemake's scheduler knows of a job."""

    def __init__(self, *logs, restart_times=2, group=False):
        self.log, self.restart_times, self._attempt, self._group = logs, restart_times, 1, group

    @property
    def attempt(self):
        return self._attempt

    def is_group(self):
        return self._group


class Scheduler:
    """The decision of Snakemake's scheduler on a failed job."""

    def __init__(self):
        self.again, self.failed = [], []

    def _handle_error(self, job, postprocess_job=True):
        (self.again if job.restart_times > job.attempt - 1 else self.failed).append((job, postprocess_job))


@pytest.fixture
def log(tmp_path):
    def written(text):
        path = tmp_path / "job.log"
        path.write_text(text)
        return path

    return written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INFO x: clips\nMediaError: a.mp4: no stream; copy it again\n", True),
        ("ConfigError: faces.chip_size: 100\n\n", True),
        ("WeightsError: w.onnx: sha256 differs\n", True),
        ("StoreError: a.h5: missing; run the workflow to make it\n", False),  # it may be shown later
        ("DownloadError: the server does not answer\n", False),
        ("MediaError: a.mp4: warned of\nINFO x: went on\n", False),  # killed after this line
        ("Traceback (most recent call last):\nMemoryError\n", False),
        ("", False),
    ],
)
def test_errors_of_what_was_given_repeat(log, text, expected):
    assert retries.will_repeat([log(text)]) is expected


def test_every_name_is_an_error_of_emotiw():
    assert all(issubclass(getattr(errors, name), errors.EmotiwError) for name in retries.REPEATING)


def test_a_job_without_a_log_may_end_otherwise(tmp_path):
    assert not retries.will_repeat([tmp_path / "none.log"])
    assert not retries.will_repeat([])


def test_only_a_job_that_will_repeat_is_given_up(log, tmp_path):
    scheduler = Scheduler()
    retries.spare(scheduler)
    bad, killed = Job(log("MediaError: a.mp4: no stream\n")), Job(tmp_path / "none.log")
    grouped = Job(log("MediaError: a.mp4: no stream\n"), group=True)
    for job in (bad, killed, grouped):
        scheduler._handle_error(job, postprocess_job=False)
    assert scheduler.failed == [(bad, False)]
    assert scheduler.again == [(killed, False), (grouped, False)]


def test_another_snakemake_is_left_as_it_is():
    scheduler = object()
    retries.spare(scheduler)
    assert not hasattr(scheduler, "_handle_error")
