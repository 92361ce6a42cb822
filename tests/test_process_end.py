"""The end of a process, taken step by step: a Python that has changed what it is made of is noticed here."""

import subprocess
import sys

import pytest

END = """
import atexit, os, sys, threading, time, weakref
from concurrent.futures import ThreadPoolExecutor
from emotiw.workflow import process_end

class Thing:
    pass

early, late = Thing(), Thing()
weakref.finalize(early, print, "early finalizer")
process_end.forget_finalizers()
weakref.finalize(late, print, "late finalizer")
atexit.register(print, "registered")
threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
pool = ThreadPoolExecutor(1)
pool.submit(print, "worker")
process_end.finish()
os._exit(3)
"""


@pytest.fixture(scope="module")
def lines(root):
    done = subprocess.run(
        [sys.executable, "-c", END],
        cwd=root / "workflow_scripts",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize("said", ["thread", "worker", "registered", "late finalizer"])
def test_what_ends_with_a_process_is_done(lines, said):
    assert lines.count(said) == 1


def test_what_is_registered_comes_after_the_threads(lines):
    assert lines.index("thread") < lines.index("registered")


def test_finalizers_of_what_imports_made_are_left_out(lines):
    assert "early finalizer" not in lines
