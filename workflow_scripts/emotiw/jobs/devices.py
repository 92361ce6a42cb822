"""Networks on a GPU: moved there if their outputs agree with the CPU's, and computed in full precision."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn

from emotiw.core import agreement

CPU = torch.device("cpu")

Network = TypeVar("Network", bound=nn.Module)


def moved(name: str, network: Network, device: torch.device, outputs: Callable[[Network], Sequence[Tensor]]) -> Network:
    """Move a copy of a network to a device, if what it computes there agrees with the CPU.

    Parameters
    ----------
    name : str
        Name of the network, for the error message.
    network : Module
        The network, on the CPU.
    device : torch.device
        Where it is to compute; nothing is done if this is the CPU.
    outputs : callable
        Takes the network on either device, and computes from the same input the tensors that are compared: its first
        output, and for a training the gradients too. It must move the input to the network's device (`device_of`).

    Raises
    ------
    FeatureError
        If a tensor differs by more than `agreement.AGREEMENT` times its largest value.
    """
    if device.type == "cpu":
        return network
    copy = deepcopy(network).to(device)
    with exact():
        for output, expected in zip(outputs(copy), outputs(network), strict=True):
            agreement.check(name, output.detach().cpu().numpy(), expected.detach().numpy(), str(device))
    return copy


def device_of(network: nn.Module) -> torch.device:
    """Device that a network's parameters are on."""
    return next(network.parameters()).device


@contextmanager
def exact() -> Iterator[None]:
    """Context in which a GPU computes in full precision by deterministic algorithms; nothing changes on the CPU."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
