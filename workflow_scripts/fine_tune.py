"""Fine-tune AlexNet on FER2013; write its convolution layers, and a record of the training."""

import logging

import torch

from emotiw import acquisition, checkpoint, fer2013, fine_tuning, runtime, weights
from emotiw.emotions import EMOTIONS


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["weights", "faces", "record"])
    settings, layout = dict(args.settings["fine_tuning"]), args.settings["cnn"]["layout"]
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # no tips on devices and products
    torch.set_num_threads(settings.pop("threads"))
    del settings["faces"]
    fraction = settings.pop("validation_fraction")
    recipe = fine_tuning.Recipe(layout=layout, crop=args.settings["cnn"]["crop"], **settings)
    seed = args.stage["seed"]
    parts = fer2013.divide(fer2013.read(args.faces), fraction, seed=seed)
    train, validation = ((part.pixels, part.label) for part in (parts.train, parts.validation))
    model = fine_tuning.classifier(
        weights.load_alexnet(args.weights, layout=layout), None, recipe, n_classes=len(EMOTIONS), seed=seed
    )
    partial = args.output.with_suffix(".partial.safetensors")
    session = fine_tuning.Session(
        seed,
        state=checkpoint.load(partial, identity=args.stage.digest),
        save=lambda state: checkpoint.save(partial, state, identity=args.stage.digest),
        tell=logging.getLogger("fine_tuning").info,
    )
    state = fine_tuning.train(train, validation, model, recipe, session)
    scored = {
        name: fine_tuning.accuracy(model, (part.pixels, part.label), recipe) for name, part in parts.scored.items()
    }
    facts = {
        "history": state.history,
        "best_epoch": state.best_epoch,
        "accuracy": scored,
        "n": {"train": len(parts.train), "validation": len(parts.validation), "dropped": parts.n_dropped}
        | {name: len(part) for name, part in parts.scored.items()},
        "fully_connected": "fresh",
        "started_from": args.weights.name,
        "device": "cpu",
    }
    arrays = fine_tuning.convolution_arrays(model, weights.ALEXNET_SHAPES[layout])
    acquisition.write_fine_tuned(args.output, args.record, arrays, layout=layout, facts=facts)
    partial.unlink(missing_ok=True)


if __name__ == "__main__":
    runtime.start(main)
