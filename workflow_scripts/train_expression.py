"""Train the expression network on FER2013 and FER+; write it, and a record of the training."""

import logging
from collections.abc import Sequence

import torch

from emotiw.jobs import accelerator, loggers, runtime
from emotiw.video import expression_job, fine_tuning_checkpoint
from emotiw.video.expression_recipe import Recipe
from emotiw.weights import acquisition, expression_weights, face_resnet, fer2013, ferplus


def main(argv: Sequence[str] | None = None) -> None:
    """Train from the given weights, or from the state that a stopped run has saved; write network and record."""
    args = runtime.arguments(__doc__, argv, one=["weights", "faces", "record"], many=["votes"])
    runtime.keep_memory()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # no tips on devices and products
    settings, seed = args.settings["expression"], args.stage["seed"]
    torch.set_num_threads(settings["threads"])
    faces = fer2013.read(args.faces, args.stage["faces"])
    voted = ferplus.join(faces, args.votes[0], args.stage["votes"]) if args.votes else ferplus.without_votes(faces)
    parts = fer2013.divide(voted, settings["validation_fraction"], seed=seed)
    device, partial = accelerator.device(), args.output.with_suffix(".partial.safetensors")
    where, record = "cpu" if device.type == "cpu" else "gpu", loggers.recorder(args.output)
    session = fine_tuning_checkpoint.session(
        partial, seed=seed, identity=args.stage.digest, accelerator=where, record=record
    )
    arrays, facts = expression_job.train(face_resnet.load(args.weights), parts, Recipe.of(settings), session)
    facts |= {"started_from": args.weights.stem, "device": accelerator.describe(device)}
    acquisition.write_arrays(args.output, args.record, arrays, expression_weights.described(facts))
    partial.unlink(missing_ok=True)


if __name__ == "__main__":
    runtime.start(main)
