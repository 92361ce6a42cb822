"""Train one network on a fold's frames; write its weights and the frame posteriors of the fold's clips."""

import logging
from collections.abc import Sequence

from emotiw.audio import fold_network, training
from emotiw.core import files
from emotiw.corpora import manifest
from emotiw.jobs import accelerator, loggers, runtime, store

LOG = logging.getLogger("training")


def main(argv: Sequence[str] | None = None) -> None:
    """Read the fold's frame features and scaler, train the network, and write it with its posteriors."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features", "scaler", "model"])
    runtime.keep_memory()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # no tips on devices and products
    corpus = manifest.read(args.manifest)
    fold = manifest.fold(corpus, args.stage["fold"])
    clips = [*fold.train, *fold.val, *fold.test]
    entries = store.read(args.features, "frame_features", names=clips).entries
    session = training.Session(args.stage["seed"], accelerator.device(), LOG.info, loggers.recorder(args.output))
    network = fold_network.train(corpus, args.stage, entries, store.read(args.scaler, "scaler"), session)
    files.write_atomic(args.model, network.model)
    facts = network.facts | {"device": accelerator.describe(session.device)}
    store.write(args.output, "posteriors", network.entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
