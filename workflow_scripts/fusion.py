"""Write the fused scores of every clip of a fold."""

from collections.abc import Sequence

from emotiw.corpora import manifest
from emotiw.fusion import fold as fold_fusion
from emotiw.fusion import score_tables
from emotiw.jobs import runtime, store


def main(argv: Sequence[str] | None = None) -> None:
    """Read the score tables of a fold, fuse them, and write the scores and what was fitted."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "audio", "video"], many=["held_out"])
    corpus = manifest.read(args.manifest)
    tables = fold_fusion.FoldTables(
        score_tables.read(args.audio, corpus),
        score_tables.read(args.video, corpus),
        tuple(score_tables.read(path, corpus) for path in args.held_out),
    )
    fold = manifest.folds(corpus)[args.stage["fold"]]
    entries, facts = fold_fusion.fuse(corpus, fold, tables, settings=args.settings["fusion"])
    store.write(args.output, "scores", entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
