"""Loggers of trainings: what they receive, where their files lie, and that they change nothing."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from emotiw.audio.training import Clips, Recipe, Session, train
from emotiw.core.errors import ConfigError
from emotiw.core.progress import ignore_epoch
from emotiw.jobs import loggers, settings

NETWORK = Path("results/x/folds/1/egemaps/blstm/4_0.h5")


@pytest.fixture
def wanted(monkeypatch, tmp_path):
    def ask(*names):
        for name, value in loggers.environment(list(names), str(tmp_path / "training")).items():
            monkeypatch.setenv(name, value)
        return tmp_path / "training"

    return ask


def trained(record=ignore_epoch):
    rng = np.random.default_rng(0)
    features = [rng.normal(i % 2, 1, (9, 3)).astype(np.float32) for i in range(6)]
    clips = Clips(features, [i % 2 for i in range(6)], [f"c{i}" for i in range(6)])
    over = {"blstm": {"optimiser": "adam", "learning_rate": 0.01, "max_epochs": 4}}
    recipe = Recipe.from_settings([4], settings.merge(settings.load([]), over)["blstm"])
    return train(clips, clips, recipe, n_classes=2, session=Session(1, torch.device("cpu"), record=record))


def test_the_csv_logger_receives_each_epoch(wanted):
    folder = wanted("csv")
    found = trained(loggers.recorder(NETWORK))
    (path,) = folder.glob("csv/1-egemaps-4_0/version_0/metrics.csv")
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4]
    assert [float(row["val_loss"]) for row in rows] == pytest.approx([epoch["val_loss"] for epoch in found.history])
    assert set(rows[0]) == {"step", "train_loss", "val_loss", "val_accuracy"}


def test_a_logger_changes_no_result(wanted):
    plain = trained()
    wanted("csv")
    logged = trained(loggers.recorder(NETWORK))
    assert logged.history == plain.history
    for a, b in zip(plain.model.state_dict().values(), logged.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_without_loggers_nothing_is_recorded(monkeypatch):
    monkeypatch.delenv(loggers.LOGGERS, raising=False)
    assert loggers.recorder(NETWORK) is ignore_epoch
    monkeypatch.setenv(loggers.LOGGERS, "")
    assert loggers.recorder(NETWORK) is ignore_epoch


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_logger_whose_package_is_missing_says_so(wanted, monkeypatch, name):
    import pytorch_lightning.loggers as of_lightning

    def missing(*_, **__):
        raise ModuleNotFoundError(name)

    made = {"tensorboard": "TensorBoardLogger", "mlflow": "MLFlowLogger", "wandb": "WandbLogger"}[name]
    monkeypatch.setattr(of_lightning, made, missing)
    wanted(name)
    with pytest.raises(ConfigError, match=f"loggers: {name} needs the package {name}, which is not installed"):
        loggers.recorder(NETWORK)


def test_each_training_has_a_name_of_its_own():
    assert loggers.training_name(NETWORK) == "1-egemaps-4_0"
    assert loggers.training_name(Path("results/weights/fine_tune-abc.safetensors")) == "fine_tune-abc"
