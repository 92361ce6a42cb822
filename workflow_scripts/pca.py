"""Fit the PCA of one feature on the frames of a fold's training clips."""

from emotiw.core.status import Status
from emotiw.corpora import manifest, splits
from emotiw.jobs import gather, runtime, store
from emotiw.statistics import selection_record
from emotiw.video import image_sets


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    table = manifest.read(args.manifest)
    fold = manifest.folds(table)[args.stage["fold"]]
    entries = gather.load(table, args.features, "frame_features", fold.train)
    sets = {clip: entry.arrays["features"] for clip, entry in entries.items() if entry.status == Status.OK}
    lacking = splits.lacking((row.label for row in table.rows if row.clip in sets), table.classes)
    facts = {"n_clips": len(sets), "n_frames": sum(map(len, sets.values())), "lacking": lacking}
    # a class without a usable clip cannot be learnt: the fold has no video system then, and the other modality decides
    fitted = [] if lacking else [image_sets.fit_pca([*sets.values()], args.settings["video"]["pca_dimension"])]
    made = [
        selection_record.Record(
            f"video/{args.stage['feature']}: PCA",
            len(pca.components),
            "variance of the frames",
            sets,
            kind=selection_record.NO_LABELS,
        )
        for pca in fitted
    ]
    facts |= selection_record.facts(made)
    store.write(args.output, "pca", [store.Entry("pca", vars(pca)) for pca in fitted], stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
