"""Score all clips of a fold by one classifier on each kernel of one feature, and by the mean over the kernels.

The coefficients of the classifiers that enter the mean are written too.
"""

from collections.abc import Sequence

from emotiw.corpora import manifest
from emotiw.jobs import large_artefacts, runtime, store
from emotiw.video import fold_scores


def main(argv: Sequence[str] | None = None) -> None:
    """Write the scores of each kernel and of their mean, and the classifiers that the mean averages."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "kernels", "model"])
    names = {"classifier": args.stage["classifier"]}
    names["system"] = "/".join(args.stage[name] for name in ("modality", "feature", "classifier"))
    with store.Reader(args.kernels, "kernels") as reader:
        kernels = fold_scores.FoldKernels(reader.facts, large_artefacts.ArrayOfEntry(reader, "matrix"))
        fold = fold_scores.scored(manifest.read(args.manifest), kernels, args.settings["video"], **names)
    models = [store.Entry(name, vars(model)) for name, model in fold.scores["mean"].models.items()]
    store.write(args.model, "classifier", models, stage=args.stage, facts=fold.model_facts)
    entries = [store.Entry(name, {"scores": scores.values}) for name, scores in fold.scores.items()]
    store.write(args.output, "scores", entries, stage=args.stage, facts=fold.facts)


if __name__ == "__main__":
    runtime.start(main)
