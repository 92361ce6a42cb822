"""Score all clips of a fold by the mean of the posteriors of their frames."""

from collections.abc import Sequence

from emotiw.corpora import manifest
from emotiw.jobs import gather, runtime, store
from emotiw.scoring import fold_average


def main(argv: Sequence[str] | None = None) -> None:
    """Write the mean frame posteriors of all usable clips."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    table, feature = manifest.read(args.manifest), args.stage["feature"]
    fold = manifest.folds(table)[args.stage["fold"]]
    source = gather.Source(args.features, stream=args.stage["stream"])
    columns = source.facts(table)["columns"]
    entry, facts = fold_average.scored(table, fold, source, feature=feature, columns=columns)
    store.write(args.output, "scores", [entry], stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
