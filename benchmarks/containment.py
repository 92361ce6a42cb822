"""What it costs that `emotiw predict` judges in a process that may die: with and without it, in one run.

A bundle is loaded once. Its predictor judges clips in this process and in a child (`prediction.contained`), again and
again, so that the load of the machine is the same for both. For each, the least and the median wall time of a pass over
all clips, and the median ratio of the two passes of a turn. Run with
`PYTHONPATH=workflow_scripts python benchmarks/containment.py CLIP [CLIP ...] [--bundle FOLDER] [--turns 5]`.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from emotiw.prediction import bundle as bundles
from emotiw.prediction.contained import Contained
from emotiw.prediction.prediction import Prediction
from emotiw.prediction.predictor import Predictor

Predict = Callable[[list[Path]], Iterable[Prediction]]


def seconds(predict: Predict, clips: list[Path]) -> tuple[float, list[str | None]]:
    """Wall time of a pass over the clips, and their emotions."""
    start = time.perf_counter()
    found = [prediction.emotion for prediction in predict(clips)]
    return time.perf_counter() - start, found


def compare(predictor: Predictor, clips: list[Path], turns: int) -> None:
    """Print the times of both, and their ratio."""
    contained = Contained(predictor)
    ways: dict[str, Predict] = {"one process": predictor.predict, "in a child": contained.predict}
    for predict in ways.values():
        seconds(predict, clips[:1])  # the first clip loads what is loaded once
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        answers = []
        for name, predict in ways.items():
            took_s, found = seconds(predict, clips)
            times[name].append(took_s)
            answers.append(found)
        assert answers[0] == answers[1], "both must give the same answers"
    for name, of in times.items():
        print(f"{name}: {min(of):.2f} s least, {statistics.median(of):.2f} s median, {len(clips)} clips")
    ratios = [one / other for one, other in zip(times["in a child"], times["one process"], strict=True)]
    print(f"ratio: {min(times['in a child']) / min(times['one process']):.3f} of the least, ", end="")
    print(f"{statistics.median(ratios):.3f} median")


def main() -> None:
    """Measure clips that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    compare(Predictor.load(args.bundle or bundles.default_folder()), args.clips, args.turns)


if __name__ == "__main__":
    main()
