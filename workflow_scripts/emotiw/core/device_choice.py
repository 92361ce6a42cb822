"""The choice between CPU and GPU, which the workflow passes to its programs in the environment."""

import os

ACCELERATOR = "EMOTIW_ACCELERATOR"  # environment: auto, cpu or gpu; unset: cpu


def choice() -> str:
    """Return `auto`, `cpu` or `gpu`."""
    return os.environ.get(ACCELERATOR, "cpu")


def may_use_gpu() -> bool:
    """Whether a GPU is to be used where there is one."""
    return choice() != "cpu"
