"""Score all clips of a fold with one classifier on each kernel of one feature, and with the mean of these."""

from itertools import compress

from emotiw import classifiers, manifest, runtime, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "kernels"])
    table = manifest.read(args.manifest)
    kernels = store.read(args.kernels, "kernels")
    clips, parts = kernels.facts["clips"], kernels.facts["parts"]
    row_of_clip = {row.clip: row for row in table.rows}
    train = [row_of_clip[clip] for clip, part in zip(clips, parts, strict=True) if part == "train"]
    found = (
        classifiers.no_scores(kernels.entries, len(table.classes))
        if not train
        else classifiers.feature_scores(
            classifiers.make_classifier(args.stage["classifier"], args.settings["video"]),
            {name: entry.arrays["matrix"] for name, entry in kernels.entries.items()},
            classifiers.class_indices([row.label for row in train], table.classes),
            [row.subject for row in train],
            args.settings["video"]["inner_folds"],
        )
    )
    scored = found["mean"].scored
    facts = {
        "clips": list(compress(clips, scored)),
        "parts": list(compress(parts, scored)),
        "classes": list(table.classes),
        "n_components": {name: scores.n_components for name, scores in found.items()},
    }
    entries = [store.Entry(name, {"scores": scores.values}) for name, scores in found.items()]
    store.write(args.output, "scores", entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
