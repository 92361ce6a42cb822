"""Following a run: what Snakemake's lines say, the line that moves, plain lines, and the last lines."""

import io
import sys

import pytest
from rich.console import Console

from emotiw.workflow import following, run
from emotiw.workflow.run_progress import RunProgress, bar

COUNTS = {"faces": 4, "hog": 4, "fusion": 1, "all": 1}
SECONDS = {"faces": 10.0, "hog": 2.0, "fusion": 2.0}


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def progress():
    return RunProgress(COUNTS, 40, SECONDS, clock=Clock())


def finish(progress, rule, n=1):
    for i in range(n):
        progress.take(f"Finished jobid: {i} (Rule: {rule})")


def test_jobs_and_clips_are_counted(progress):
    assert progress.line() == "0 of 9 jobs, 0 of 40 clips, 0 failed"
    finish(progress, "faces", 3)
    finish(progress, "hog", 1)
    finish(progress, "all")
    progress.take("[Sun Nov 29 09:58:26 2026]")
    progress.take("81 of 82 steps (99%) done")
    assert progress.n_jobs == 9
    assert progress.clips_done == 10  # a quarter of them have passed both stages
    assert progress.active() == ["faces", "hog"]
    assert progress.line().startswith("4 of 9 jobs, 10 of 40 clips, 0 failed")
    assert progress.line().endswith("; faces 3/4, hog 1/4")


def test_the_time_left_is_that_of_the_expected_cost_of_the_rest(progress):
    assert progress.left_s() is None
    finish(progress, "faces", 2)
    progress.clock.now += 40
    assert progress.left_s() == pytest.approx((2 * 10 + 4 * 2 + 2) * 40 / 20)
    assert "60 s left" in progress.line()


def test_a_job_that_is_started_again_has_not_failed(progress):
    progress.take("Error in rule faces:")
    progress.take("Trying to restart job 3.")
    progress.take("Error in rule faces:")
    assert (progress.n_failed, dict(progress.failed)) == (1, {"faces": 2})
    assert "1 failed" in progress.line()


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_the_line_fits_the_terminal(progress, width):
    finish(progress, "faces", 2)
    finish(progress, "hog", 1)
    assert len(progress.line(width)) < width
    assert ("hog" in progress.line(width)) == (width > 80)


def test_a_run_without_stages_of_clips_tells_no_clips():
    assert RunProgress({"fusion": 2}, 40, SECONDS).line() == "0 of 2 jobs, 0 failed"


def test_bars_have_eighths():
    assert [bar(share, 2) for share in (0, 1 / 16, 0.5, 0.75, 1, 2)] == ["··", "▏·", "█·", "█▌", "██", "██"]


def test_the_last_line_counts_what_was_not_started(progress):
    finish(progress, "faces", 3)
    progress.take("Error in rule faces:")
    progress.clock.now += 65
    assert progress.end() == "3 of 9 jobs done, 1 failed, 5 not started; 65 s"


# the process


def started(monkeypatch, code):
    monkeypatch.setattr(following, "POLL_S", 0.01)
    monkeypatch.setattr(run, "start_command", lambda request, *_: [sys.executable, "-c", code])


def followed(tmp_path, progress, **console):
    shown = io.StringIO()
    log = following.log_path(str(tmp_path))
    status = following.follow(run.Request([]), progress, log, Console(file=shown, width=200, **console))
    return status, shown.getvalue(), log


def test_without_a_terminal_there_are_plain_lines(monkeypatch, tmp_path):
    started(monkeypatch, "print('Finished jobid: 1 (Rule: fusion)', flush=True); import time; time.sleep(0.3)")
    monkeypatch.setattr(following, "PLAIN_S", 0.05)
    status, shown, log = followed(tmp_path, RunProgress({"fusion": 2, "pca": 1}, 40, SECONDS))
    assert status == 0
    lines = shown.splitlines()
    assert "1 of 3 jobs, 0 failed" in shown
    assert "\x1b" not in shown
    assert lines[-2].startswith("1 of 3 jobs done; ")
    assert lines[-1] == f"Snakemake's log: {log}"
    assert log.read_text() == "Finished jobid: 1 (Rule: fusion)\n"


def test_on_a_terminal_one_line_moves(monkeypatch, tmp_path):
    started(monkeypatch, "print('Finished jobid: 1 (Rule: fusion)', flush=True); import time; time.sleep(0.3)")
    status, shown, _ = followed(tmp_path, RunProgress({"fusion": 2}, 40, SECONDS), force_terminal=True)
    assert status == 0
    assert "1 of 2 jobs, 0 failed" in shown
    assert "fusion ██··" in shown
    assert "\x1b[2K" in shown  # the line is erased before it is written again


def test_a_failed_run_ends_with_what_failed_and_the_log(monkeypatch, tmp_path):
    text = ["Building DAG of jobs...", "Error in rule fusion:", "", "emotiw: 1 job failed. Fix the cause.", "  fusion"]
    started(monkeypatch, f"import sys; print({chr(10).join(text)!r}); sys.exit(1)")
    status, shown, log = followed(tmp_path, RunProgress({"fusion": 2}, 40, SECONDS))
    assert status == 1
    assert shown.splitlines()[1:] == ["emotiw: 1 job failed. Fix the cause.", "  fusion", f"Snakemake's log: {log}"]
    assert "1 failed, 1 not started" in shown


def test_a_run_that_cannot_start_shows_the_end_of_its_output(monkeypatch, tmp_path):
    started(monkeypatch, "print('\\n'.join(f'line {i}' for i in range(30)), 'LockException'); raise SystemExit(1)")
    status, shown, _ = followed(tmp_path, RunProgress({"fusion": 2}, 40, SECONDS))
    assert status == 1
    assert "line 29 LockException" in shown
    assert "line 14" not in shown


def test_an_interrupt_waits_for_snakemake(monkeypatch, tmp_path):
    started(monkeypatch, "import time; time.sleep(0.3); print('Finished jobid: 1 (Rule: fusion)')")
    progress = RunProgress({"fusion": 1}, 40, SECONDS)
    calls = []
    sleep = following.time.sleep

    def interrupted(seconds):
        calls.append(seconds)
        if len(calls) == 1:
            raise KeyboardInterrupt
        sleep(seconds)

    monkeypatch.setattr(following.time, "sleep", interrupted)
    status, shown, _ = followed(tmp_path, progress)
    assert status == 0
    assert "stopping: Snakemake ends the jobs that run" in shown
    assert "1 of 1 jobs done" in shown
