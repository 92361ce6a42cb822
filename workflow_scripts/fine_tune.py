"""Fine-tune AlexNet on FER2013; write its convolution layers, and a record of the training."""

import logging

import torch

from emotiw.core.emotions import EMOTIONS
from emotiw.jobs import accelerator, runtime
from emotiw.statistics import selection_record
from emotiw.video import fine_tuning, fine_tuning_checkpoint
from emotiw.weights import acquisition, fer2013, loading


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["weights", "faces", "record"])
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # no tips on devices and products
    settings, cnn, seed = dict(args.settings["fine_tuning"]), args.settings["cnn"], args.stage["seed"]
    torch.set_num_threads(settings.pop("threads"))
    faces = fer2013.read(args.faces, args.stage["faces"])
    parts = fer2013.divide(faces, settings.pop("validation_fraction"), seed=seed)
    recipe = fine_tuning.Recipe(layout=cnn["layout"], crop=cnn["crop"], **settings)
    arrays = loading.load_alexnet(args.weights, layout=recipe.layout)
    head = loading.load_alexnet_classifier(args.weights, layout=recipe.layout)
    model = fine_tuning.classifier(arrays, head, recipe, n_classes=len(EMOTIONS), seed=seed)
    device, partial = accelerator.device(), args.output.with_suffix(".partial.safetensors")
    session = fine_tuning.Session(
        seed,
        accelerator="cpu" if device.type == "cpu" else "gpu",
        state=fine_tuning_checkpoint.load(partial, identity=args.stage.digest),
        save=lambda state: fine_tuning_checkpoint.save(partial, state, identity=args.stage.digest),
        tell=logging.getLogger("fine_tuning").info,
    )
    state = fine_tuning.train(parts.train.pictures, parts.validation.pictures, model, recipe, session)
    facts = {
        "started_from": args.weights.stem,
        "fully_connected_layers": "fresh" if head is None else "pre-trained, the last one fresh",
        "device": accelerator.describe(device),
        "precision": recipe.precision,
        "history": state.history,
        "best_epoch": state.best_epoch,
        "accuracy": {name: fine_tuning.accuracy(model, part.pictures, recipe) for name, part in parts.scored.items()},
        "pictures": parts.counts,
        "choices": [
            selection_record.entry(record)
            for record in fine_tuning.records(state, parts.train.pictures, parts.validation.pictures)
        ],
    }
    found = fine_tuning.convolution_arrays(model, loading.ALEXNET_SHAPES[recipe.layout])
    acquisition.write_fine_tuned(args.output, args.record, found, layout=recipe.layout, facts=facts)
    partial.unlink(missing_ok=True)


if __name__ == "__main__":
    runtime.start(main)
