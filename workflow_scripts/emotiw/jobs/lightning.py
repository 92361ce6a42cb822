"""Trainers of Lightning that write no files, ignore Slurm and leave the handler of SIGTERM to the program."""

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytorch_lightning import Callback, Trainer
from pytorch_lightning.plugins.environments import LightningEnvironment


class KeepTermination(Callback):  # type: ignore[misc]
    """Restore the handler of SIGTERM: with Lightning's, a job that is told to stop goes on or ends with status 0."""

    def __init__(self) -> None:
        self.handler = signal.getsignal(signal.SIGTERM)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Restore the handler, after Lightning has set its own."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.handler)


def trainer(max_epochs: int, *, accelerator: str = "cpu", **options: Any) -> Any:
    """Make a trainer for one device that writes no files; `options` are passed to Lightning's `Trainer`."""
    return Trainer(
        accelerator=accelerator,
        devices=1,
        plugins=[LightningEnvironment()],  # otherwise it detects Slurm, and refuses some allocations
        callbacks=[KeepTermination()],
        max_epochs=max_epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress Lightning 2.6's warnings under torch 2.13, and its warning that `srun` is there but was not used."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*`srun` command")  # a job is one process
        warnings.filterwarnings("ignore", message=r".*LeafSpec", category=FutureWarning)
        yield
