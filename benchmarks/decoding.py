"""Time to decode the pictures and the sound of clips, here and in another checkout of this project, in one run.

Run as `benchmarks/decoding.py CLIP [CLIP ...] --against CHECKOUT`. A process for each checkout decodes all clips again
and again when it is asked to; the two take turns, so that the load of the machine is the same for both. The output is
the least and the median CPU time of a pass over all clips, and the median ratio of the two passes of a turn.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parents[1]
LIMITS = {"max_pixels": 1 << 24, "max_duration_s": 600.0, "min_decoded_fraction": 0.98}
RATE_HZ = 16000


def decode(clips: list[Path]) -> dict[str, float]:
    """CPU seconds of one pass over the pictures, and of one over the sound."""
    from emotiw.media import soundtrack, video_frames  # noqa: PLC0415 - of the checkout whose turn it is

    start = time.process_time()
    n_frames = sum(1 for clip in clips for _ in video_frames.read(clip, LIMITS) or ())
    middle = time.process_time()
    found = [soundtrack.waveform(clip, RATE_HZ, LIMITS) for clip in clips]
    end = time.process_time()
    assert n_frames or any(found)
    return {"pictures": middle - start, "sound": end - middle}


def serve(clips: list[Path]) -> None:
    """Decode once for each line of the input."""
    decode(clips)  # the first pass loads the libraries
    print(json.dumps({}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(decode(clips)), flush=True)


def started(checkout: Path, clips: list[str]) -> "subprocess.Popen[str]":
    """Process that decodes with the library of a checkout."""
    environment = os.environ | {"PYTHONPATH": str(checkout / "workflow_scripts"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--serve", *clips]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
    process.stdout.readline()
    return process


def turn(process: "subprocess.Popen[str]") -> dict[str, float]:
    """One pass of a process."""
    process.stdin.write("\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def compare(clips: list[str], against: Path, n: int) -> None:
    """Print the times of both checkouts."""
    processes = [started(checkout.resolve(), clips) for checkout in (HERE, against)]
    passes = [[turn(process) for process in (processes if i % 2 else processes[::-1])] for i in range(n)]
    passes = [pair if i % 2 else pair[::-1] for i, pair in enumerate(passes)]
    for kind in ("pictures", "sound"):
        here, there = ([pair[i][kind] for pair in passes] for i in (0, 1))
        ratios = [mine / other for mine, other in zip(here, there, strict=True)]
        print(
            f"{kind}: here {min(here):.3f} s least, {statistics.median(here):.3f} s median;"
            f" there {min(there):.3f} s, {statistics.median(there):.3f} s;"
            f" ratio of the least {min(here) / min(there):.3f}, median ratio {statistics.median(ratios):.3f}"
        )
    for process in processes:
        process.communicate()


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--against", type=Path, default=HERE, help="another checkout")
    parser.add_argument("--passes", type=int, default=15)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve([Path(clip) for clip in arguments.clips])
    else:
        compare(arguments.clips, arguments.against, arguments.passes)


if __name__ == "__main__":
    main()
