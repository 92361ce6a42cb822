"""Score all clips of a fold with a support vector machine on one per-clip feature, as the challenge's baseline does."""

from collections.abc import Sequence

from emotiw.corpora import manifest
from emotiw.jobs import gather, runtime, store
from emotiw.video import baseline_names, fold_baseline


def main(argv: Sequence[str] | None = None) -> None:
    """Fit the support vector machine to the fold's training clips and write the scores of all clips."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    table, system = manifest.read(args.manifest), baseline_names.system(args.stage["modality"], args.stage["feature"])
    fold = manifest.folds(table)[args.stage["fold"]]
    source = gather.Source(args.features, "clip_features", args.stage["stream"])
    scores, facts = fold_baseline.scored(table, fold, source, args.settings["baseline"], system=system)
    entries = [store.Entry("svm", {"scores": scores.values})]
    store.write(args.output, "scores", entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
