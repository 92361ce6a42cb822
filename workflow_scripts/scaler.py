"""Write the mean and the standard deviation of the frames of a fold's training clips."""

from collections.abc import Sequence

from emotiw.audio import fold_scaler
from emotiw.core.status import Status
from emotiw.corpora import manifest
from emotiw.jobs import gather, runtime, store


def main(argv: Sequence[str] | None = None) -> None:
    """Read the frame features of the fold's training clips, fit the scaler, and write it."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    corpus = manifest.read(args.manifest)
    clips = manifest.fold(corpus, args.stage["fold"]).train
    source = gather.Source(args.features, stream=args.stage["stream"])
    entries = gather.load(corpus, source, clips).values()
    usable = [entry for entry in entries if entry.status == Status.OK]
    subjects = [corpus.row_of_clip[entry.name].subject for entry in usable]
    feature = args.stage["feature"]
    fitted, facts = fold_scaler.fit(usable, subjects, feature=feature, normalise=args.settings["blstm"]["normalise"])
    n_columns = usable[0].arrays["features"].shape[1] if usable else 0
    columns = source.facts(corpus).get("columns") or [f"{feature}_{i}" for i in range(n_columns)]
    store.write(args.output, "scaler", fitted, stage=args.stage, facts={"columns": columns, **facts})


if __name__ == "__main__":
    runtime.start(main)
