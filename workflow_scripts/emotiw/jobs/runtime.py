"""The start and end of every program: arguments, one thread, deterministic kernels, a deadline, errors in one line."""

import argparse
import ctypes
import faulthandler
import json
import logging
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from emotiw.core.errors import EmotiwError
from emotiw.jobs.identity import Stage

_ALIKE: dict[str, Any] = {}  # id of the process that last called `compute_alike`, and the modules loaded then
_SETTINGS = threading.RLock()  # held by the thread that has changed the settings of the process
LOG = logging.getLogger(__name__)
COST = "took %.2f s of CPU time and %.0f MB of memory"  # the last line of the log of a job that succeeded
DEADLINE = "EMOTIW_DEADLINE_S"  # environment: seconds after which a program ends itself; 0 or unset: never


def arguments(
    doc: str | None,
    argv: Sequence[str] | None,
    *,
    one: Sequence[str] = (),
    many: Sequence[str] = (),
    texts: Sequence[str] = (),
) -> argparse.Namespace:
    """Parse a program's arguments and make its process deterministic.

    Parameters
    ----------
    doc : str
        The program's docstring, printed by `--help`.
    argv : sequence of str or None
        The arguments, `sys.argv[1:]` if None.
    one, many : sequence of str
        Names of the options that take one path, or several.
    texts : sequence of str
        Names of the options that take a text.

    Returns
    -------
    argparse.Namespace
        The paths under their names, `output` (Path), `stage` (Stage) and `settings` (`stage["settings"]`).
    """
    parser = argparse.ArgumentParser(description=doc)
    for name in one:
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, required=True)
    for name in many:
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, nargs="*", required=True)
    for name in texts:
        parser.add_argument(f"--{name.replace('_', '-')}", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument(
        "--stage", type=_stage, required=True, help="the stage's identity as JSON; its `settings` are read"
    )
    args = parser.parse_args(argv)
    args.settings = args.stage["settings"]
    # the time of a stage that reads all clips grows with the corpus, so only jobs of single clips have a deadline
    prepare(float(os.environ.get(DEADLINE, "0")) if "clips_sha256" in args.stage else 0)
    return args


def prepare(deadline_s: float = 0) -> None:
    """Log to stderr, compute with one thread and deterministic kernels, end after `deadline_s` seconds (0: never)."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    compute_alike()
    if deadline_s:
        faulthandler.dump_traceback_later(deadline_s, exit=True)


def compute_alike() -> None:
    """Compute with one thread and deterministic kernels, so that the same input gives the same bits.

    A fork inherits the settings of a process that called this function, so nothing is done in a fork with the same
    modules: the search for the libraries takes 14 ms.
    """
    if _ALIKE.get("process", os.getpid()) != os.getpid() and set(sys.modules) <= _ALIKE["modules"]:
        return
    _ALIKE.update(process=os.getpid(), modules=set(sys.modules))
    threadpool_limits(1)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
        torch.set_deterministic_debug_mode("error")  # `use_deterministic_algorithms` would import the compiler, 1.2 s
        torch.utils.deterministic.fill_uninitialized_memory = False  # nothing here reads it, and filling took 5 %


@contextmanager
def computing_alike() -> Iterator[None]:
    """Context with the settings of `compute_alike`; the process's own settings are restored at the end.

    The settings belong to the whole process. Other threads that enter wait, so that none restores another's settings.
    """
    with _SETTINGS:
        torch = sys.modules.get("torch")
        if torch is None:
            with threadpool_limits(1):
                yield
            return
        n_threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
        fill = torch.utils.deterministic.fill_uninitialized_memory
        try:
            with threadpool_limits(1):
                torch.set_num_threads(1)
                torch.set_deterministic_debug_mode("error")
                torch.utils.deterministic.fill_uninitialized_memory = False
                yield
        finally:
            torch.utils.deterministic.fill_uninitialized_memory = fill
            torch.set_deterministic_debug_mode(mode)
            torch.set_num_threads(n_threads)


def keep_memory() -> None:
    """Keep freed memory for the next array instead of returning it to the system.

    Without this, page faults take a third of the training time.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # of glibc; its parameters are of malloc.h
        mallopt(-1, 1 << 30)  # M_TRIM_THRESHOLD, bytes
        mallopt(-3, 1 << 25)  # M_MMAP_THRESHOLD, the highest that there is


def start(main: Callable[[], None]) -> None:
    """Run a program's `main` and log its cost; an error that a user can cause ends it with one line and status 1."""
    try:
        main()
    except EmotiwError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    LOG.info(COST, *cost())


def cost() -> tuple[float, float]:
    """CPU time of this process and of its children in s, and the peak memory of this process in MB."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    seconds = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    return seconds, own.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def _stage(text: str) -> Stage:
    return Stage(json.loads(text))
