"""Lines of progress: how often, and with which time that is left."""

import pytest

from emotiw.core import progress
from emotiw.core.progress import Progress


@pytest.fixture
def told():
    return []


def run(told, times, n_steps, **last):
    """Do a step at each of the times; the clock starts at 100."""
    clock = iter([100, *(100 + time for time in times)])
    made = Progress("epoch", n_steps, told.append, every_s=5, clock=lambda: next(clock))
    for number in range(1, len(times) + 1):
        made.done(number, f"loss {number}", **(last if number == len(times) else {}))


def test_the_first_step_is_told_and_then_one_every_few_seconds(told):
    run(told, [1, 2, 3, 5.9, 6, 7, 12], 100)
    assert [line.partition(":")[0] for line in told] == [f"epoch {n} of at most 100" for n in (1, 5, 7)]


def test_a_line_says_what_was_reached_and_how_long_it_takes_at_most(told):
    run(told, [2, 4, 6, 8], 500)
    assert told[0] == "epoch 1 of at most 500: loss 1; at most 17 min left"
    assert told[1] == "epoch 4 of at most 500: loss 4; at most 17 min left"


def test_the_last_step_is_always_told(told):
    run(told, [1, 2], 2)
    assert told[-1] == "epoch 2 of at most 2: loss 2; done in 2 s"


def test_a_computation_may_stop_before_the_last_step(told):
    run(told, [1, 2, 3], 100, last=True)
    assert told[-1] == "epoch 3 of at most 100: loss 3; done in 3 s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (99, "99 s"), (100, "2 min"), (5900, "98 min"), (7500, "2 h 05 min")]
)
def test_a_duration_has_the_unit_of_its_size(seconds, text):
    assert progress.duration(seconds) == text
