"""Lines of progress of a long computation: at most one every few seconds, each with the time that is left."""

import time
from collections.abc import Callable, Mapping

EVERY_S = 5.0  # between two lines
Epochs = Callable[[int, Mapping[str, float]], None]  # called after each epoch with its number, from 1, and its metrics


def ignore(_line: str) -> None:
    """Take a line and do nothing with it."""


def ignore_epoch(_epoch: int, _metrics: Mapping[str, float]) -> None:
    """Take the metrics of an epoch and do nothing with them."""


class Progress:
    """Progress of a computation of equal steps that may stop before the last one.

    Parameters
    ----------
    step : str
        Name of a step, such as `epoch`.
    n_steps : int
        Largest number of steps.
    tell : callable
        Called with each line.
    every_s : float
        Least time in s between two lines; the first step and the last one are always told.
    clock : callable
        Returns the time in s.
    """

    def __init__(
        self,
        step: str,
        n_steps: int,
        tell: Callable[[str], None],
        *,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.step, self.n_steps, self.tell, self.every_s, self.clock = step, n_steps, tell, every_s, clock
        self.start, self.told = clock(), -float("inf")

    def done(self, number: int, text: str, *, last: bool = False) -> None:
        """Tell that a step is done, unless the last line is too recent.

        Parameters
        ----------
        number : int
            Number of the step, from 1.
        text : str
            What it reached.
        last : bool
            Whether the computation stops after this step.
        """
        now = self.clock()
        last = last or number == self.n_steps
        if not last and now - self.told < self.every_s:
            return
        self.told = now
        passed = now - self.start
        left = f"at most {duration(passed / number * (self.n_steps - number))} left"
        ending = f"done in {duration(passed)}" if last else left
        self.tell(f"{self.step} {number} of at most {self.n_steps}: {text}; {ending}")


def duration(seconds: float) -> str:
    """Write a time in s, min or h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
