"""Fine-tune AlexNet on FER2013; write its convolution layers, and a record of the training."""

import logging
from collections.abc import Sequence

import torch

from emotiw.jobs import accelerator, loggers, runtime
from emotiw.video import fine_tuning_checkpoint, fine_tuning_job
from emotiw.video.fine_tuning_state import Recipe
from emotiw.weights import acquisition, fer2013


def main(argv: Sequence[str] | None = None) -> None:
    """Train from the given weights, or from the state that a stopped run has saved; write weights and record."""
    args = runtime.arguments(__doc__, argv, one=["weights", "faces", "record"])
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # no tips on devices and products
    settings, seed = args.settings["fine_tuning"], args.stage["seed"]
    torch.set_num_threads(settings["threads"])
    faces = fer2013.read(args.faces, args.stage["faces"])
    parts = fer2013.divide(faces, settings["validation_fraction"], seed=seed)
    recipe = Recipe.of(args.settings["cnn"], settings)
    device, partial = accelerator.device(), args.output.with_suffix(".partial.safetensors")
    where, record = "cpu" if device.type == "cpu" else "gpu", loggers.recorder(args.output)
    session = fine_tuning_checkpoint.session(
        partial, seed=seed, identity=args.stage.digest, accelerator=where, record=record
    )
    arrays, facts = fine_tuning_job.fine_tune(args.weights, parts, recipe, session)
    facts |= {"device": accelerator.describe(device)}
    acquisition.write_fine_tuned(args.output, args.record, arrays, layout=recipe.layout, facts=facts)
    partial.unlink(missing_ok=True)


if __name__ == "__main__":
    runtime.start(main)
