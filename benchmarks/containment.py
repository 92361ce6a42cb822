"""What it costs that `emotiw predict` judges in a process that may die: with and without it, in one run.

A bundle is loaded once. Its predictor judges clips in this process and in a child (`prediction.contained`), which take
turns at each clip, so that the load of the machine is the same for both. The output is the wall time of both for all
clips, their ratio, and the median ratio of a clip. Run with
`PYTHONPATH=workflow_scripts python benchmarks/containment.py CLIP [CLIP ...] [--bundle FOLDER]`.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from emotiw.prediction import bundle as bundles
from emotiw.prediction.contained import Contained
from emotiw.prediction.prediction import Prediction
from emotiw.prediction.predictor import Predictor


def judged(predictions: Iterator[Prediction]) -> tuple[float, str | None]:
    """Wall time of the next prediction, and its emotion."""
    start = time.perf_counter()
    emotion = next(predictions).emotion
    return time.perf_counter() - start, emotion


def compare(predictor: Predictor, clips: list[Path]) -> None:
    """Print the times of both, and their ratio."""
    list(predictor.predict(clips[:1]))  # what is loaded once
    alone, contained = predictor.predict(clips), Contained(predictor).predict(clips)
    times = []
    for i in range(len(clips)):
        ways = (alone, contained) if i % 2 else (contained, alone)
        (one_s, one), (other_s, other) = (judged(way) for way in ways)
        assert one == other, "both must give the same answers"
        times.append((one_s, other_s) if i % 2 else (other_s, one_s))
    alone_s, contained_s = map(sum, zip(*times, strict=True))
    print(f"{len(clips)} clips: one process {alone_s:.2f} s, in a child {contained_s:.2f} s", end="; ")
    print(f"ratio {contained_s / alone_s:.3f}, median of a clip {statistics.median(b / a for a, b in times):.3f}")


def main() -> None:
    """Measure clips that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--bundle", type=Path)
    args = parser.parse_args()
    compare(Predictor.load(args.bundle or bundles.default_folder()), args.clips)


if __name__ == "__main__":
    main()
