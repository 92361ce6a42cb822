"""Compute the six kernels of one feature between the clips of a fold: training, validation, test."""

from collections.abc import Sequence

from emotiw.corpora import manifest
from emotiw.jobs import gather, large_artefacts, runtime, store
from emotiw.video import fold_kernels
from emotiw.video.pca import PCA


def main(argv: Sequence[str] | None = None) -> None:
    """Project the clips' frame features by the fold's PCA and write the kernels between them."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features", "pca"])
    table, pca_artefact = manifest.read(args.manifest), store.read(args.pca, "pca")
    fold = manifest.folds(table)[args.stage["fold"]]
    pca = PCA(**pca_artefact.entries["pca"].arrays) if pca_artefact.entries else None
    source = gather.Source(args.features, stream=args.stage["stream"])
    sets = fold_kernels.projected(table, fold, source, pca)
    video, feature = args.settings["video"], args.stage["feature"]
    kernels = fold_kernels.six_kernels(sets, video, feature=feature, above=pca_artefact.facts)
    entries = (store.Entry(name, {"matrix": matrix}) for name, matrix in kernels.matrices)
    large_artefacts.write(args.output, "kernels", entries, stage=args.stage, facts=kernels.facts)


if __name__ == "__main__":
    runtime.start(main)
