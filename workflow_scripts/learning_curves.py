"""Draw how the training of every network went."""

from emotiw.core import files
from emotiw.jobs import runtime, store
from emotiw.report import learning_curves


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, many=["scores"])
    folds = [store.read(path, "scores", names=()).facts for path in args.scores]
    networks = [about for facts in folds for about in facts["networks"].values()]
    files.write_atomic(args.output, learning_curves.render(networks, len(folds[0]["classes"])))


if __name__ == "__main__":
    runtime.start(main)
