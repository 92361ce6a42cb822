"""Random weights of the networks that the workflow fetches or trains, written as it writes them."""

from pathlib import Path

import numpy as np
import safetensors.numpy

from emotiw.core import files
from emotiw.weights import expression_layers, expression_weights, whisper_weights


def write_whisper(folder: Path) -> Path:
    """Write weights of Whisper's encoder and their record; return the path of the weights."""
    rng = np.random.default_rng(0)
    arrays = {
        name: (0.02 * rng.standard_normal(shape, np.float32)).astype(np.float16)
        for name, shape in whisper_weights.shapes().items()
    }
    path = folder / "weights/whisper_base.safetensors"
    files.write_atomic(path, safetensors.numpy.save(arrays))
    record = {"name": whisper_weights.NAME, "licence": whisper_weights.LICENCE, "sha256": files.sha256(path)}
    files.write_json(path.with_suffix(".json"), record)
    return path


def write_expression(folder: Path) -> Path:
    """Write weights of the expression network, for pictures of 67 px, and their record; return their path."""
    rng = np.random.default_rng(0)
    shapes = expression_layers.trained_shapes()
    arrays = {name: rng.normal(0, 0.05, shape).astype(np.float32) for name, shape in shapes.items()}
    path = folder / "weights/expression.safetensors"
    files.write_atomic(path, safetensors.numpy.save(arrays))
    facts = {"sha256": files.sha256(path), "size": 67, "licence": expression_weights.LICENCE}
    files.write_json(path.with_suffix(".json"), expression_weights.described(facts))
    return path
