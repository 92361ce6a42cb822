import pytest
import torch

from emotiw.core.errors import ConfigError
from emotiw.jobs import accelerator


@pytest.mark.parametrize(
    ("choice", "there", "expected"),
    [
        ("auto", False, "cpu"),
        ("auto", True, "cuda"),
        ("cpu", True, "cpu"),
        ("gpu", True, "cuda"),
        (None, True, "cpu"),
    ],
)
def test_the_device_is_the_one_asked_for(monkeypatch, choice, there, expected):
    monkeypatch.delenv(accelerator.ACCELERATOR, raising=False)
    if choice:
        monkeypatch.setenv(accelerator.ACCELERATOR, choice)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert accelerator.device().type == expected


def test_a_gpu_that_is_asked_for_must_be_there(monkeypatch):
    monkeypatch.setenv(accelerator.ACCELERATOR, "gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"accelerator: is gpu, but torch 2\S* sees none here; set it to auto or cpu"):
        accelerator.device()


def test_a_device_is_recorded_by_its_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"model of {device}")
    assert accelerator.describe(torch.device("cpu")) == "cpu"
    assert accelerator.describe(torch.device("cuda")) == "model of cuda"
