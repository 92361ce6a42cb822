"""Write the fused scores of every clip of a fold."""

from emotiw import manifest, runtime, scores, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "audio", "video"], many=["held_out"])
    corpus = manifest.read(args.manifest)
    fold = manifest.folds(corpus)[args.stage["fold"]]
    judged = scores.Judged(
        scores.read(args.audio, corpus),
        scores.read(args.video, corpus),
        tuple(scores.read(path, corpus) for path in args.held_out),
    )
    entries, facts = scores.fuse(corpus, fold, judged, settings=args.settings["fusion"])
    store.write(args.output, "scores", entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
