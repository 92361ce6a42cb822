"""Train one network on a fold's audio frames; write its weights and the frame posteriors of the fold's clips."""

import json
import logging

from safetensors.torch import save

from emotiw.audio import blstm, standardisation, training
from emotiw.core import files
from emotiw.core.status import Status
from emotiw.corpora import manifest
from emotiw.jobs import runtime, store
from emotiw.statistics import selection_record


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features", "scaler", "model"])
    runtime.keep_memory()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # no tips on devices and products
    corpus, scaler = manifest.read(args.manifest), store.read(args.scaler, "scaler")
    labels, subjects = ({row.clip: getattr(row, key) for row in corpus.rows} for key in ("label", "subject"))
    fold = manifest.fold(corpus, args.stage["fold"])
    parts = {"train": fold.train, "val": fold.val, "test": fold.test}
    entries = store.read(args.features, "frame_features", names=sum(parts.values(), ())).entries
    usable = [entry for entry in entries.values() if entry.status == Status.OK]
    about = {key: args.stage[key] for key in ("fold", "architecture", "repeat", "seed")} | {"classes": corpus.classes}
    about["network"] = f"{'-'.join(map(str, about['architecture']))}_{about['repeat']}"
    described = {**about, **{key: scaler.facts[key] for key in ("columns", "constant")}, **args.settings["blstm"]}
    metadata = {"emotiw": json.dumps(described, sort_keys=True)}
    results = {clip: store.Entry(clip, status=entry.status) for clip, entry in entries.items()}
    if not scaler.entries or not any(clip.name in fold.val for clip in usable):
        # nothing to learn from or to stop at: the fold has no audio system, and the other modality decides
        files.write_atomic(args.model, save({}, metadata))
        about |= dict.fromkeys(("validation", "best_epoch", "improved"))
        about |= {"history": [], "parts": dict.fromkeys(parts, ())}
        about |= selection_record.facts([], scaler.facts)
        store.write(args.output, "posteriors", [], stage=args.stage, facts=about)
        return
    settings = dict(args.settings["blstm"])
    features, made = [entry.arrays["features"] for entry in usable], []
    if settings.pop("normalise") == "subject":
        features = standardisation.by_subject(features, [subjects[entry.name] for entry in usable])
        made.append(standardisation.record([entry.name for entry in usable]))
    arrays = {name: entry.arrays for name, entry in scaler.entries.items()}
    fitted = standardisation.Scaler(**arrays["scaler"], constant=tuple(scaler.facts["constant"]))
    scaled = standardisation.standardise(features, fitted, clip=settings.pop("feature_clip"))
    inputs = {entry.name: x for entry, x in zip(usable, scaled, strict=True)}
    learnt, checked = (training.labelled(inputs, labels, parts[name], corpus.classes) for name in ("train", "val"))
    recipe = training.Recipe(tuple(about["architecture"]), **settings)
    trained = training.train(learnt, checked, recipe, n_classes=len(corpus.classes), seed=args.stage["seed"])
    for entry, posteriors in zip(usable, blstm.frame_posteriors(trained.model, scaled), strict=True):
        results[entry.name] = store.Entry(entry.name, {"posteriors": posteriors, "time": entry.arrays["time"]})
    files.write_atomic(args.model, save(blstm.tensors(trained.model, **arrays), metadata))
    made += training.records(about["network"], trained, learnt, checked)
    about |= trained.facts | selection_record.facts(made, scaler.facts)
    about["parts"] = {name: [clip for clip in clips if clip in inputs] for name, clips in parts.items()}
    store.write(args.output, "posteriors", results.values(), stage=args.stage, facts=about)


if __name__ == "__main__":
    runtime.start(main)
