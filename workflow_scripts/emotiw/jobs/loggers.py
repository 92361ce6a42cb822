"""Loggers of Lightning that receive the metrics of each epoch of a training, as the workflow asks for them.

They change no result, so they are in no identity: the workflow names them in the environment.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotiw.core.errors import ConfigError
from emotiw.core.progress import Epochs, ignore_epoch

LOGGERS, FOLDER = "EMOTIW_LOGGERS", "EMOTIW_LOGGERS_FOLDER"  # environment: names joined by commas; folder of the run
PROJECT = "emotiw"
# packages that a logger needs besides Lightning, any of which will do
PACKAGES = {"tensorboard": "tensorboard", "mlflow": "mlflow", "wandb": "wandb"}


def environment(names: list[str], folder: str) -> dict[str, str]:
    """Variables that ask the programs of a run for these loggers."""
    return {LOGGERS: ",".join(names), FOLDER: folder}


def recorder(output: Path) -> Epochs:
    """Make the function that gives the metrics of an epoch to the loggers that the environment names.

    Parameters
    ----------
    output : Path
        File of the network, which names the training: `folds/1/egemaps/blstm/64_0.h5` becomes `1-egemaps-64_0`.

    Raises
    ------
    ConfigError
        If the package of a logger is not installed.
    """
    names = [name for name in os.environ.get(LOGGERS, "").split(",") if name]
    if not names:
        return ignore_epoch
    made = [_logger(name, Path(os.environ[FOLDER], name), training_name(output)) for name in names]

    def record(epoch: int, results: Mapping[str, float]) -> None:
        for logger in made:
            logger.log_metrics(dict(results), step=epoch)
            logger.save()

    return record


def training_name(output: Path) -> str:
    """Name of a training, from the path of its network."""
    parts = output.with_suffix("").parts
    below = parts[parts.index("folds") + 1 :] if "folds" in parts else parts[-1:]
    return "-".join(part for part in below if part != "blstm")


def _logger(name: str, folder: Path, training: str) -> Any:
    # of Lightning, whose loggers import their packages only when they are made
    from pytorch_lightning import loggers  # noqa: PLC0415

    try:
        if name == "csv":
            return loggers.CSVLogger(folder, training)
        if name == "tensorboard":
            return loggers.TensorBoardLogger(folder, training)
        if name == "mlflow":
            uri = os.environ.get("MLFLOW_TRACKING_URI") or f"file:{folder / 'mlruns'}"
            return loggers.MLFlowLogger(PROJECT, training, tracking_uri=uri)
        return loggers.WandbLogger(training, folder, project=PROJECT)
    except ModuleNotFoundError as error:
        package = PACKAGES[name]
        raise ConfigError(
            f"loggers: {name} needs the package {package}, which is not installed; pip install {package}, or take"
            f" {name} out of loggers"
        ) from error
