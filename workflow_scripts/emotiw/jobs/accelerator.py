"""The device that a program computes on, as the workflow asks for it in the environment."""

import os

import torch

from emotiw.core.device_choice import ACCELERATOR, choice
from emotiw.core.errors import ConfigError

__all__ = ["ACCELERATOR", "describe", "device"]


def device() -> torch.device:
    """Device that `EMOTIW_ACCELERATOR` chooses: `gpu`, `cpu`, or `auto`, the GPU if there is one and else the CPU.

    Raises
    ------
    ConfigError
        If a GPU is asked for and torch sees none.
    """
    wanted = choice()
    use_gpu = wanted != "cpu" and torch.cuda.is_available()
    if wanted == "gpu" and not use_gpu:
        raise ConfigError(
            f"accelerator: is gpu, but torch {torch.__version__} sees none here; set it to auto or cpu, or install "
            "a build of torch for the GPU"
        )
    # cuBLAS is deterministic only with a workspace of fixed size, which must be set before its first use
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device("cuda" if use_gpu else "cpu")


def describe(device: torch.device) -> str:
    """Name of a device, as an artefact records it: `cpu`, or the model of the GPU."""
    return device.type if device.type == "cpu" else torch.cuda.get_device_name(device)
