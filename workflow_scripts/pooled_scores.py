"""Score all clips of a fold by a linear classifier of the pooled statistics of one feature."""

from collections.abc import Sequence

from emotiw.corpora import manifest
from emotiw.jobs import gather, runtime, store
from emotiw.scoring import fold_pooled


def main(argv: Sequence[str] | None = None) -> None:
    """Write the scores of all usable clips, and the classifier."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features", "model"])
    table, stage = manifest.read(args.manifest), args.stage
    copied = stage.get("copies")  # no such fact if none are wanted
    copies = gather.Source(args.features.parent / copied, "copies", stage["stream"]) if copied else None
    source = gather.Source(args.features, stage["feature_kind"], stage["stream"], copies)
    system = fold_pooled.System(*(stage[name] for name in ("modality", "feature", "classifier")))
    fold = manifest.folds(table)[stage["fold"]]
    result = fold_pooled.scored(table, fold, source, args.settings["pooled"], system=system)
    store.write(args.model, "pooled_classifier", result.model, stage=stage, facts=result.model_facts)
    store.write(args.output, "scores", result.entries, stage=stage, facts=result.facts)


if __name__ == "__main__":
    runtime.start(main)
