"""Score all clips of a fold with one classifier on each kernel of one feature, and with the mean of these.

The coefficients of the classifiers of that mean are written too.
"""

from itertools import compress

from emotiw.corpora import manifest
from emotiw.jobs import runtime, store
from emotiw.statistics import cross_validation, selection_record
from emotiw.video import classifiers


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "kernels", "model"])
    video = args.settings["video"]
    table = manifest.read(args.manifest)
    kernels = store.read(args.kernels, "kernels")
    clips, parts = kernels.facts["clips"], kernels.facts["parts"]
    train = [table.row_of_clip[clip] for clip, part in zip(clips, parts, strict=True) if part == "train"]
    made = []
    if train:
        known = manifest.grouped(table, [row.clip for row in train])
        training = cross_validation.Training.of(known, table.classes, video["inner_folds"])
        matrices = {name: entry.arrays["matrix"] for name, entry in kernels.entries.items()}
        found = classifiers.feature_scores(args.stage["classifier"], video, matrices, training)
        system = f"video/{args.stage['feature']}/{args.stage['classifier']}"
        chosen = {f"{system}/{name}": scores.choice for name, scores in found.items()}
        made = cross_validation.recorded(chosen, training, classifiers.family(args.stage["classifier"]).parameter)
    else:
        found = dict.fromkeys([*kernels.entries, "mean"], classifiers.no_scores(len(table.classes)))
    scored = found["mean"].scored
    facts = {
        "clips": list(compress(clips, scored)),
        "parts": list(compress(parts, scored)),
        "classes": list(table.classes),
        "n_components": {name: scores.n_components for name, scores in found.items()},
        "selection": cross_validation.facts(
            {name: scores.choice for name, scores in found.items()}, [row.clip for row in train]
        ),
        **selection_record.facts(made, kernels.facts),
    }
    models = [store.Entry(name, vars(model)) for name, model in found["mean"].models.items()]
    about = {"clips": [row.clip for row in train], "classes": list(table.classes), "selection": facts["selection"]}
    store.write(args.model, "classifier", models, stage=args.stage, facts=about)
    entries = [store.Entry(name, {"scores": scores.values}) for name, scores in found.items()]
    store.write(args.output, "scores", entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
