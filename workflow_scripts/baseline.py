"""Score all clips of a fold with a support vector machine on one per-clip feature, as the challenge's baseline does."""

from itertools import compress

import numpy as np

from emotiw.corpora import manifest, splits
from emotiw.jobs import gather, runtime, store
from emotiw.statistics import cross_validation, selection_record
from emotiw.video import baselines, classifiers


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    settings = args.settings["baseline"]
    table = manifest.read(args.manifest)
    fold = manifest.folds(table)[args.stage["fold"]]
    clips = gather.usable(table, fold, args.features, "clip_features")
    train = [row for row, part, _ in clips if part == "train"]
    # a class without a usable clip cannot be learnt: the fold has no such baseline then
    lacking = splits.lacking([row.label for row in train], table.classes)
    found, made = classifiers.no_scores(len(table.classes)), []
    if not lacking:
        known = manifest.grouped(table, [row.clip for row in train])
        training = cross_validation.Training.of(known, table.classes, settings["inner_folds"])
        X = np.stack([entry.arrays["features"] for _, _, entry in clips]).astype(np.float64)
        found = baselines.clip_scores(X, training, settings)
        name = baselines.system(args.stage["modality"], args.stage["feature"])
        made = cross_validation.recorded({name: found.choice}, training, "C, gamma")
    scored = list(compress(clips, found.scored))
    facts = {
        "clips": [row.clip for row, _, _ in scored],
        "parts": [part for _, part, _ in scored],
        "classes": list(table.classes),
        "lacking": lacking,
        "selection": cross_validation.facts({"svm": found.choice}, [row.clip for row in train]),
        **selection_record.facts(made),
    }
    entry = store.Entry("svm", {"scores": found.values})
    store.write(args.output, "scores", [entry], stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
