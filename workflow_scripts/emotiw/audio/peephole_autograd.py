"""The layer of `peephole_lstm` in operations of torch, for devices on which NumPy cannot compute.

The equations, CURRENNT's limit of the deltas, the weights and their axes are those of that module. Gradients are those
of torch; two functions limit them where CURRENNT does. On a CPU it is slower than the formulation in NumPy.
"""

from typing import Any

import torch
from torch import Tensor

from emotiw.audio.permutation import permute

DELTA_LIMIT = 1.0  # CURRENNT's limitedError.cuh


class _Limited(torch.autograd.Function):
    """Identity whose gradient, the delta of a gate, is limited to [-1, 1]."""

    @staticmethod
    def forward(_ctx: Any, argument: Tensor) -> Tensor:
        return argument.view_as(argument)

    @staticmethod
    def backward(_ctx: Any, delta: Tensor) -> Tensor:
        return delta.clamp(-DELTA_LIMIT, DELTA_LIMIT)


class _OutputPeephole(torch.autograd.Function):
    """Product po c; the delta is limited in the gradient of po, but not in that of the state c."""

    @staticmethod
    def forward(ctx: Any, cells: Tensor, peepholes: Tensor) -> Tensor:
        ctx.save_for_backward(cells, peepholes)
        return cells * peepholes[:, None]

    @staticmethod
    def backward(ctx: Any, delta: Tensor) -> tuple[Tensor, Tensor]:
        cells, peepholes = ctx.saved_tensors
        return delta * peepholes[:, None], (delta.clamp(-DELTA_LIMIT, DELTA_LIMIT) * cells).sum(dim=1)


def forward(x: Tensor, rows: Tensor, weights: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    """Compute the outputs of both directions, (n_frames, n_clips, 2 n_units).

    Parameters
    ----------
    x : Tensor, shape (n_frames, n_clips, n_inputs)
        Inputs.
    rows : Tensor, shape (n_frames * n_clips,)
        Order that reverses each clip (`blstm.reversal`).
    weights : tuple of Tensor
        `inputs`, `recurrent`, `bias` and `peepholes` of `peephole_lstm.PeepholeLSTM`.
    """
    inputs, recurrent, bias, peepholes = weights
    into_if, into_o = peepholes[:2, :, None], peepholes[2]
    cells = outputs = x.new_zeros(2, x.shape[1], recurrent.shape[-1])  # (D, B, H)
    steps = []
    for arguments in _arguments(x, rows, inputs, bias).unbind():
        a = arguments + outputs @ recurrent  # (4, D, B, H)
        i, f = torch.sigmoid(_limited(a[:2] + into_if * cells)).unbind()
        cells = f * cells + i * torch.tanh(_limited(a[2]))
        o = torch.sigmoid(_limited(a[3]) + _output_peephole(cells, into_o))
        outputs = o * torch.tanh(cells)
        steps.append(outputs)
    ahead, back = torch.stack(steps).unbind(dim=1)
    return torch.cat([ahead, permute(back.contiguous(), rows)], dim=2)


def _arguments(x: Tensor, rows: Tensor, inputs: Tensor, bias: Tensor) -> Tensor:
    """W x + b of all steps, (T, 4, D, B, H); the second direction's steps count from the end."""
    both = torch.stack([x, permute(x, rows)]).flatten(1, 2)  # (D, T B, n)
    products = torch.bmm(both, inputs).view(2, *x.shape[:2], 4, -1)  # (D, T, B, 4, H)
    return products.permute(1, 3, 0, 2, 4) + bias[:, :, None]


def _limited(argument: Tensor) -> Tensor:
    limited: Tensor = _Limited.apply(argument)  # type: ignore[no-untyped-call]
    return limited


def _output_peephole(cells: Tensor, peepholes: Tensor) -> Tensor:
    product: Tensor = _OutputPeephole.apply(cells, peepholes)  # type: ignore[no-untyped-call]
    return product
