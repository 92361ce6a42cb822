"""Peak memory and CPU time of fusion, evaluation and report by the number of clips, on the made-up run of the tests.

Run: PYTHONPATH=workflow_scripts:tests python benchmarks/evaluation_scale.py [clips ...]. Each program runs in a process
of its own, whose memory is the kernel's (`getrusage`); `before` is the memory of that process before the program.
"""

import os
import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import evaluation_fixtures

CHIPS = np.random.default_rng(0).integers(0, 256, (9, 64, 64, 3), dtype=np.uint8)


def measured(function):
    """Memory of a process before and at the peak of a function, in MB, and its CPU seconds."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        function()
        usage = resource.getrusage(resource.RUSAGE_SELF)
        numbers = (before / 1024, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime)
        os.write(writing, " ".join(map(str, numbers)).encode())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    os.close(writing)
    if status:
        sys.exit(f"{function}: ended with status {status}")
    return map(float, os.read(reading, 1000).split())


def main(sizes):
    """Print a line for each program and size."""
    threadpool_limits(1)
    sys.path.remove(str(Path(__file__).resolve().parent))  # its report.py is not the program of that name
    evaluation_fixtures.face = lambda rng, n_frames=9, size=64: CHIPS  # any picture will do
    print("| clips | program | before, MB | peak, MB | CPU s |\n|---|---|---|---|---|")
    for n_clips in sizes:
        with tempfile.TemporaryDirectory() as folder:
            run = evaluation_fixtures.make_run(Path(folder), n_clips=n_clips)
            for name in ("fuse_all", "evaluate", "write_report"):
                before, peak, cpu = measured(lambda name=name, run=run: getattr(evaluation_fixtures, name)(run))
                print(f"| {n_clips} | {name} | {before:.0f} | {peak:.0f} | {cpu:.1f} |", flush=True)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1700])
