"""The steps that end a Python process, for a fork that must run them itself.

The interpreter runs these steps in C when it ends. A job of the warm interpreter is a fork that ends by `os._exit`,
because a normal exit would run the exit functions of the server; so the job runs the steps itself. Python 3.11 to 3.14
offer no public function for them. Everything private that emotiw uses of Python is in this module, and
tests/test_process_end.py fails where a Python has changed it.
"""

import atexit
import sys
import threading
import weakref


def forget_finalizers() -> None:
    """Disable the `weakref.finalize` callbacks at exit of all objects that exist now.

    Objects that imports created need no callback, and those of torch's operators alone took 30 ms at the end of every
    job. Python has no public list of the live finalizers.
    """
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        finalizer.atexit = False


def finish() -> None:
    """Wait for threads, run the exit functions, and flush the standard streams.

    `threading._shutdown` also ends the workers of executors; joining the threads of `threading.enumerate` would wait
    for them forever.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
