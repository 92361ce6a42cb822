"""Write the fused scores of every clip of a fold."""

from collections.abc import Sequence

from emotiw.corpora import manifest
from emotiw.fusion import fold as fold_fusion
from emotiw.fusion import score_tables
from emotiw.jobs import runtime, store


def main(argv: Sequence[str] | None = None) -> None:
    """Read the score tables of a fold, fuse them, and write the scores and what was fitted."""
    many = ["audio", "video", "held_out_audio", "held_out_video"]
    args = runtime.arguments(__doc__, argv, one=["manifest"], many=many)
    corpus = manifest.read(args.manifest)
    settings, paths = args.settings["fusion"], {"audio": args.held_out_audio, "video": args.held_out_video}
    tables = fold_fusion.FoldTables(
        next((score_tables.read(path, corpus) for path in args.audio), None),
        next((score_tables.read(path, corpus) for path in args.video), None),
        {modality: tuple(score_tables.read(path, corpus) for path in files) for modality, files in paths.items()},
        calibration=settings["calibration"],
    )
    fold = manifest.folds(corpus)[args.stage["fold"]]
    entries, facts = fold_fusion.fuse(corpus, fold, tables, settings=settings)
    store.write(args.output, "scores", entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
