"""Signals that end a process: those that its own code caused, and those that came from outside."""

import ctypes
import os
import signal
import sys

# what a fault of native code ends with; SIGKILL, SIGTERM, SIGXCPU and others come from outside
CRASHES = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGILL,
        signal.SIGABRT,
        signal.SIGTRAP,
        signal.SIGSYS,
    }
)


def name(number: int) -> str:
    """Name of a signal, such as SIGSEGV; `signal <number>` for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def cause(number: int) -> str:
    """Return what sends a signal, in brackets, if it is known."""
    return " (by the out-of-memory killer, or by a person)" if number == signal.SIGKILL else ""


def ending(status: int) -> str:
    """Say what ended a process: its signal and what sends it, of a negative exit status; otherwise the status."""
    return f"{name(-status)}{cause(-status)}" if status < 0 else f"exit status {status}"


class DiedError(Exception):
    """A process that was to answer has died; the argument is its exit status, negative for a signal."""

    @property
    def status(self) -> int:
        """Exit status of the process."""
        return int(self.args[0])


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)
