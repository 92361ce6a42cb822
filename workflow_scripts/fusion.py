"""Write the fused scores of every clip of a fold."""

from emotiw.corpora import manifest
from emotiw.fusion import score_tables
from emotiw.jobs import runtime, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "audio", "video"], many=["held_out"])
    corpus = manifest.read(args.manifest)
    fold = manifest.folds(corpus)[args.stage["fold"]]
    judged = score_tables.Judged(
        score_tables.read(args.audio, corpus),
        score_tables.read(args.video, corpus),
        tuple(score_tables.read(path, corpus) for path in args.held_out),
    )
    entries, facts = score_tables.fuse(corpus, fold, judged, settings=args.settings["fusion"])
    store.write(args.output, "scores", entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
