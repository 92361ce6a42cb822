import subprocess
import sys
import threading

import pytest

from emotiw.compare import job_costs
from emotiw.core.errors import MediaError
from emotiw.jobs import runtime


def parse(*more):
    stage = '{"settings": {"audio": {"rate_hz": 16000}}}'
    return runtime.arguments("Do.", ["--output", "o.h5", "--stage", stage, *more], one=["audio_in"], many=["media"])


def test_paths_and_settings_come_from_the_arguments():
    args = parse("--audio-in", "a.h5", "--media", "x.mp4", "y z.mp4")
    assert (args.audio_in.name, [p.name for p in args.media]) == ("a.h5", ["x.mp4", "y z.mp4"])
    assert args.settings == {"audio": {"rate_hz": 16000}}


def test_a_program_computes_with_one_thread():
    import torch
    from threadpoolctl import threadpool_info

    parse("--audio-in", "a", "--media")
    assert torch.get_num_threads() == 1
    assert torch.are_deterministic_algorithms_enabled()
    assert {pool["num_threads"] for pool in threadpool_info()} <= {1}


def test_torchs_compiler_is_not_imported_for_deterministic_kernels(root):
    code = (
        "import sys, torch; from emotiw.jobs.runtime import prepare; prepare(); print('torch._inductor' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=root / "workflow_scripts", check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_a_fork_inherits_one_thread_unless_it_has_loaded_more(root):
    code = """if True:
    import os, sys
    import numpy
    from emotiw.jobs import runtime
    runtime.compute_alike()
    calls = []
    runtime.threadpool_limits = calls.append
    for modules in ([], ["wave"]):
        if not os.fork():
            for module in modules:
                __import__(module)
            runtime.compute_alike()
            print(modules, calls, flush=True)
            os._exit(0)
        os.wait()
    runtime.compute_alike()
    print(calls)"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=root / "workflow_scripts", check=True, capture_output=True, text=True)
    assert done.stdout == "[] []\n['wave'] [1]\n[1]\n"


def test_a_users_error_ends_in_one_line(capsys):
    def main():
        raise MediaError("clip a: empty file")

    with pytest.raises(SystemExit, match=r"^MediaError: clip a: empty file$"):
        runtime.start(main)


def test_a_program_that_hangs_ends_itself(root):
    code = "import time; from emotiw.jobs import runtime; runtime.prepare(0.2); time.sleep(60)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root / "workflow_scripts",
        timeout=30,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Timeout" in done.stderr


def test_memory_that_was_freed_is_used_again_without_page_faults(root):
    code = """if True:
    import resource
    import numpy as np
    from emotiw.jobs import runtime
    runtime.keep_memory()
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        [np.ones(500_000) for _ in range(4)]
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    """
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=root / "workflow_scripts", timeout=60, check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 500  # of the 3900 pages of the second time


def test_a_second_thread_waits_until_the_settings_are_restored():
    entered = threading.Event()

    def enter():
        with runtime.computing_alike():
            entered.set()

    other = threading.Thread(target=enter)
    with runtime.computing_alike():
        other.start()
        assert not entered.wait(0.2)
    other.join(5)
    assert entered.is_set()


def test_computing_alike_is_left_without_torch_too(root):
    code = """if True:
    import sys
    import numpy
    from threadpoolctl import threadpool_info, threadpool_limits
    from emotiw.jobs import runtime
    threads = lambda: {pool["num_threads"] for pool in threadpool_info()}
    with threadpool_limits(2):
        with runtime.computing_alike():
            print(threads(), "torch" in sys.modules)
        print(threads())"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root / "workflow_scripts", check=True, capture_output=True, text=True
    )
    assert done.stdout == "{1} False\n{2}\n"


def test_a_job_that_succeeds_logs_what_it_took(tmp_path, root):
    program = (
        "from emotiw.jobs import runtime\n"
        "def main():\n"
        "    runtime.prepare()\n"
        "    held = bytearray(b'x') * 60_000_000\n"
        "    assert sum(range(3_000_000)) and held\n"
        "runtime.start(main)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=root / "workflow_scripts", check=True, capture_output=True, text=True)
    took = job_costs.TOOK.search(done.stderr)
    assert float(took[1]) > 0.05
    assert int(took[2]) > 60


def test_a_job_that_fails_ends_with_its_error():
    def main():
        raise MediaError("clip: is empty")

    with pytest.raises(SystemExit, match="MediaError: clip: is empty"):
        runtime.start(main)
