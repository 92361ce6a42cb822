"""Gather the frames of a fold's clips in one file, so that the job of a network reads a single file."""

from collections.abc import Sequence

from emotiw.corpora import manifest
from emotiw.jobs import gather, runtime, store


def main(argv: Sequence[str] | None = None) -> None:
    """Read the frame features of every clip of the fold, and write them to one file."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    corpus = manifest.read(args.manifest)
    fold = manifest.fold(corpus, args.stage["fold"])
    clips = [*fold.train, *fold.val, *fold.test]
    source = gather.Source(args.features, stream=args.stage["stream"])
    entries, facts = gather.load(corpus, source, clips), source.facts(corpus)
    store.write(args.output, "frame_features", entries.values(), stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
