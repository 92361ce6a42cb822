"""Lightning without what costs more than a small epoch, leaves files behind, or takes signals away from the program."""

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.plugins.environments import LightningEnvironment


class KeepTermination(Callback):  # type: ignore[misc]
    """Undo Lightning's handler of SIGTERM, with which a job that is told to stop goes on, or ends with status 0."""

    def __init__(self) -> None:
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Put the handler back; Lightning has set its own by now."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.handler)


def trainer(max_epochs: int, *, accelerator: str = "cpu", **more: Any) -> Any:
    """Make a trainer for one device that writes nothing; `more` goes to Lightning's `Trainer`."""
    return Trainer(
        accelerator=accelerator,
        devices=1,
        plugins=[LightningEnvironment()],  # else it looks for Slurm, and refuses some of its allocations
        callbacks=[KeepTermination()],
        max_epochs=max_epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **more,
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore what Lightning 2.6 warns of under torch 2.13, and that it was not started by Slurm where that is there."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*`srun` command")  # a job of the workflow is one process
        warnings.filterwarnings("ignore", message=r".*LeafSpec", category=FutureWarning)
        yield
