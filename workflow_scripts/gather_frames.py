"""Gather the frames of a fold's clips in one file, so that the job of a network reads a single file."""

from collections.abc import Sequence

from emotiw.corpora import manifest
from emotiw.jobs import gather, large_artefacts, runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Read the frame features of every clip of the fold, and write them to one file."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    corpus = manifest.read(args.manifest)
    fold = manifest.fold(corpus, args.stage["fold"])
    clips = [*fold.train, *fold.val, *fold.test]
    source = gather.Source(args.features, stream=args.stage["stream"])
    entries = (gather.load(corpus, source, [clip])[clip] for clip in clips)
    large_artefacts.write(args.output, "frame_features", entries, stage=args.stage, facts=source.facts(corpus))


if __name__ == "__main__":
    runtime.start(main)
