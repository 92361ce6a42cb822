"""How far a run is, from the lines that Snakemake writes: jobs done by stage, clips, failures, time left."""

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping

from emotiw.core.progress import duration
from emotiw.jobs import stages

FINISHED = re.compile(r"Finished jobid: \d+ \(Rule: (\w+)\)")
FAILED = re.compile(r"Error in rule (\w+)")
RESTARTED = re.compile(r"Trying to restart job")
BLOCKS = " ▏▎▍▌▋▊▉█"
BAR, STAGE_BAR = 12, 4  # width of the bars of a run and of a stage, in characters


class RunProgress:
    """Progress of the jobs of a run.

    Parameters
    ----------
    counts : mapping of str to int
        Number of jobs of each rule, from a dry run.
    n_clips : int
        Number of clips of the corpus.
    seconds : mapping of str to float
        Expected CPU time of a job of each rule in s; a rule without one counts as nothing.
    clock : callable
        Returns the time in s.
    """

    def __init__(
        self,
        counts: Mapping[str, int],
        n_clips: int,
        seconds: Mapping[str, float],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts = {rule: n for rule, n in counts.items() if rule != "all"}
        self.n_clips, self.seconds, self.clock = n_clips, seconds, clock
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.n_restarted, self.start = 0, clock()

    def take(self, line: str) -> None:
        """Take a line of Snakemake's output."""
        if match := FINISHED.match(line):
            if match[1] in self.counts:
                self.done[match[1]] += 1
        elif match := FAILED.match(line):
            self.failed[match[1]] += 1
        elif RESTARTED.match(line):
            self.n_restarted += 1

    @property
    def n_failed(self) -> int:
        """Number of jobs that failed and were not started again."""
        return self.failed.total() - self.n_restarted

    @property
    def n_jobs(self) -> int:
        """Number of jobs of the run."""
        return sum(self.counts.values())

    @property
    def clips_done(self) -> int | None:
        """Clips that have passed every stage of single clips, as far as the slowest one tells; None without such."""
        shares = [
            self.done[rule] / n for rule, n in self.counts.items() if rule in stages.ROWS and stages.ROWS[rule].per_clip
        ]
        return int(min(shares) * self.n_clips) if shares else None

    def left_s(self) -> float | None:
        """Time in s that the rest takes at the pace so far; None before the first job has ended."""
        total, done = (
            sum(n * self.seconds.get(rule, 0.0) for rule, n in jobs.items()) for jobs in (self.counts, self.done)
        )
        passed = self.clock() - self.start
        return max(0.0, (total - done) * passed / done) if done else None

    def active(self) -> list[str]:
        """Stages of which some jobs are done and some are not, in the order of the table of stages."""
        order = {rule: i for i, rule in enumerate(stages.ROWS)}
        found = [rule for rule, n in self.counts.items() if 0 < self.done[rule] < n]
        return sorted(found, key=lambda rule: order.get(rule, len(order)))

    def line(self, width: int = 0) -> str:
        """One line: bar, jobs, clips, failures, time left, and as many stages as fit; 0: without bars, any width."""
        n_done = self.done.total()
        parts = [f"{n_done} of {self.n_jobs} jobs"]
        if self.clips_done is not None:
            parts.append(f"{self.clips_done} of {self.n_clips} clips")
        parts.append(f"{self.n_failed} failed")
        left = self.left_s()
        if left is not None and n_done < self.n_jobs:
            parts.append(f"{duration(left)} left")
        text = ", ".join(parts)
        if not width:
            active = ", ".join(f"{rule} {self.done[rule]}/{self.counts[rule]}" for rule in self.active())
            return f"{text}; {active}" if active else text
        text = f"{bar(n_done / max(1, self.n_jobs), BAR)} {text}"
        for rule in self.active():
            stage = f"  {rule} {bar(self.done[rule] / self.counts[rule], STAGE_BAR)}"
            if len(text) + len(stage) >= width:
                break
            text += stage
        return text[: width - 1]

    def end(self) -> str:
        """Last line: jobs done, failed and not started, and the time that passed."""
        n_done, n_failed = self.done.total(), self.n_failed
        n_waiting = max(0, self.n_jobs - n_done - n_failed)
        waiting = f", {n_waiting} not started" if n_waiting and n_failed else ""
        failed = f", {n_failed} failed{waiting}" if n_failed else ""
        return f"{n_done} of {self.n_jobs} jobs done{failed}; {duration(self.clock() - self.start)}"


def bar(share: float, width: int) -> str:
    """Bar of a share from 0 to 1, `width` characters wide, with eighths of a character."""
    eighths = round(min(1.0, share) * width * 8)
    full, rest = divmod(eighths, 8)
    return (BLOCKS[8] * full + (BLOCKS[rest] if rest else "")).ljust(width, "·")
