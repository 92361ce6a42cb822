"""The device that a program computes on, as the workflow asks for it in the environment."""

import os

import torch

from emotiw.core.errors import ConfigError

ACCELERATOR = "EMOTIW_ACCELERATOR"  # environment: auto, cpu or gpu; unset: cpu


def device() -> torch.device:
    """Return the GPU if one is asked for, or if there is one and the choice is `auto`; else the CPU.

    Raises
    ------
    ConfigError
        If a GPU is asked for and torch sees none.
    """
    choice = os.environ.get(ACCELERATOR, "cpu")
    found = choice != "cpu" and torch.cuda.is_available()
    if choice == "gpu" and not found:
        raise ConfigError(
            f"accelerator: is gpu, but torch {torch.__version__} sees none here; set it to auto or cpu, or install "
            "a build of torch for the GPU"
        )
    # cuBLAS is deterministic only with a workspace of fixed size, to be told before its first use
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device("cuda" if found else "cpu")


def describe(device: torch.device) -> str:
    """Name of a device, for the record: `cpu`, or the GPU's model."""
    return device.type if device.type == "cpu" else torch.cuda.get_device_name(device)
