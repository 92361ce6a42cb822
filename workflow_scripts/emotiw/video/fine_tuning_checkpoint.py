"""The state of a fine-tuning run between two steps, in one safetensors file that is written atomically."""

import hashlib
import json
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from emotiw.core.files import write_atomic
from emotiw.core.progress import Epochs, ignore_epoch
from emotiw.video.fine_tuning_state import Session, State

log = logging.getLogger(__name__)

TENSORS = ("model", "momentum", "best")


def save(path: Path, state: State, *, identity: str) -> None:
    """Write the state, with the identity of the run that it belongs to and a checksum."""
    values = asdict(state)
    tensors = {f"{kind}/{name}": tensor for kind in TENSORS for name, tensor in values.pop(kind).items()}
    metadata = {"identity": identity, "state": values, "sha256": _digest(tensors)}
    write_atomic(path, safetensors.torch.save(tensors, {"emotiw": json.dumps(metadata, sort_keys=True)}))


def load(path: Path, *, identity: str) -> State:
    """Read the state of this run; a new state, and a warning, if the file is damaged or belongs to another run."""
    for cut_short in path.parent.glob(f".{path.name}.*.tmp"):
        cut_short.unlink()  # by a job that was killed while it wrote
    if not path.exists():
        return State()
    try:
        with safetensors.safe_open(path, "pt") as stream:
            metadata: dict[str, Any] = json.loads(stream.metadata()["emotiw"])
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}
        if metadata["identity"] != identity or metadata["sha256"] != _digest(tensors):
            raise ValueError("belongs to another run, or was altered")
        return replace(State(**metadata["state"]), **{kind: _below(tensors, kind) for kind in TENSORS})  # type: ignore[arg-type]
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        log.warning(f"{path}: not used ({error}); the run begins anew")
        return State()


def session(path: Path, *, seed: int, identity: str, accelerator: str, record: Epochs = ignore_epoch) -> Session:
    """Session that continues the run saved at `path`, saves its states there and logs its progress.

    Parameters
    ----------
    path : Path
        File of the state; need not exist.
    seed : int
        Seed of the run.
    identity : str
        Digest of the run's stage: the state of another run is not used.
    accelerator : str
        Lightning's accelerator.
    record : callable
        Called after each epoch with its number and its metrics.
    """

    def save_state(state: State) -> None:
        save(path, state, identity=identity)

    tell = logging.getLogger("fine_tuning").info
    return Session(seed, accelerator, load(path, identity=identity), save_state, tell, record)


def _below(tensors: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{kind}/"): t for name, t in tensors.items() if name.startswith(f"{kind}/")}


def _digest(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
