"""Draw the learning curves of every network."""

from collections.abc import Sequence

from emotiw.core import files
from emotiw.jobs import runtime, store
from emotiw.report import learning_curves


def main(argv: Sequence[str] | None = None) -> None:
    """Read what the score tables record of every network's training, and write the charts as SVG."""
    args = runtime.arguments(__doc__, argv, many=["scores"])
    folds = [store.read(path, "scores", names=()).facts for path in args.scores]
    networks = [network for facts in folds for network in facts["networks"].values()]
    n_classes = len(folds[0]["classes"]) if folds else 0
    files.write_atomic(args.output, learning_curves.render(networks, n_classes))


if __name__ == "__main__":
    runtime.start(main)
