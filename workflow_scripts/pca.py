"""Fit the PCA of one feature to the frames of a fold's training clips."""

from collections.abc import Sequence

from emotiw.corpora import manifest
from emotiw.jobs import gather, runtime, store
from emotiw.video import fold_pca


def main(argv: Sequence[str] | None = None) -> None:
    """Write the PCA, or no entry where a class of the fold has no usable training clip."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    table, feature = manifest.read(args.manifest), args.stage["feature"]
    fold, dimension = manifest.folds(table)[args.stage["fold"]], args.settings["video"]["pca_dimension"]
    source = gather.Source(args.features, stream=args.stage["stream"])
    pca, facts = fold_pca.fit(table, fold, source, feature=feature, dimension=dimension)
    entries = [store.Entry("pca", vars(pca))] if pca else []
    store.write(args.output, "pca", entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
