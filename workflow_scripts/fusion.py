"""Write the fused scores of every clip of a fold."""

from emotiw import manifest, runtime, scores, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "audio", "video"])
    corpus = manifest.read(args.manifest)
    fold = manifest.folds(corpus)[args.stage["fold"]]
    audio, video = (scores.read(path, corpus) for path in (args.audio, args.video))
    entries, facts = scores.fuse(corpus, fold, audio, video, settings=args.settings["fusion"])
    store.write(args.output, "scores", entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
