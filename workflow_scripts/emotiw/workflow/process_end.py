"""What Python does at the end of a process, for a fork that must do it by itself.

The interpreter runs these steps in C when it ends. A job of the warm interpreter is a fork that leaves by `os._exit`
(anything else would run what the server has registered), so it has to take them itself; Python 3.11 to 3.14 offer no
public function for them. Everything private that emotiw uses of Python is in this module, and
tests/test_process_end.py fails where a Python has changed it.
"""

import atexit
import sys
import threading
import weakref


def forget_finalizers() -> None:
    """Let what exists now end with the process, without a finalizer of its own.

    What imports have made needs none, and torch's operators alone took 30 ms at the end of every job. There is no
    public list of the finalizers that are alive.
    """
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False


def finish() -> None:
    """Wait for threads, run what is registered for the end, and write out the standard streams.

    `threading._shutdown` also ends the workers of executors, which joining the threads that `threading.enumerate`
    lists would wait for in vain.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
