"""A bidirectional LSTM layer with peepholes, forward and backward pass as CURRENNT computes them.

Forward pass of one direction, with x the input, h' and c' the output and state of the previous step, s the logistic
function, and products of states and gates elementwise (Gers et al., JMLR 3, 2002)::

    i = s(Wi x + Ui h' + pi c' + bi)     input gate
    f = s(Wf x + Uf h' + pf c' + bf)     forget gate
    g = tanh(Wg x + Ug h' + bg)          cell input
    c = f c' + i g                       state
    o = s(Wo x + Uo h' + po c + bo)      output gate; its peephole sees the new state
    h = o tanh(c)                        output

`Weights` holds W as `inputs`, U as `recurrent`, b as `bias` and the diagonal p as `peepholes`. `States` holds i, f, g,
o as `gates`, c as `cells`, tanh(c) as `squashed` and h as `outputs`.

Backward pass, with E the loss, [.]+ a value of the next step, a_i .. a_o the arguments of s and tanh, and the deltas
d_i = dE/da_i and so on (`_deltas`)::

    dh  = dE/dh + Ui^T [d_i]+ + Uf^T [d_f]+ + Ug^T [d_g]+ + Uo^T [d_o]+
    d_o = dh tanh(c) o (1 - o)
    dc  = dh o (1 - tanh(c)^2) + po d_o + pi [d_i]+ + pf [d_f]+ + [dc f]+
    d_f = dc c' f (1 - f)
    d_i = dc g i (1 - i)
    d_g = dc i (1 - g^2)

CURRENNT's delta clipping (LstmLayer.cu, limitedError.cuh): d_i, d_f, d_g and d_o are limited to [-1, 1] before they are
used anywhere, except that po d_o of the same step takes d_o as it is. States and their gradients are not limited.

Both directions are one batch, so that a step is a dozen array operations, each on contiguous memory; everything that
does not depend on the previous step is computed for all steps at once. NumPy starts such small operations in a third of
torch's time. s(a) is computed as (1 + tanh(a / 2)) / 2, with the halves in the weights.

Axes: T steps, B clips, D = 2 directions, n inputs, H units per direction; gates in the order i, f, g, o.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from emotiw.audio import peephole_autograd

Array = npt.NDArray[Any]

DELTA_LIMIT = 1.0  # CURRENNT's limitedError.cuh


class Weights(NamedTuple):
    """The weights of a layer, or their gradients."""

    inputs: Array  # (D, n, 4 H)
    recurrent: Array  # (4, D, H, H), from the units of the second last axis
    bias: Array  # (4, D, H)
    peepholes: Array  # (3, D, H), of i, f and o


@dataclass(frozen=True)
class States:
    """Values of the forward pass that the backward pass needs; the second direction's steps count from the end."""

    inputs: Array  # (D, T B, n)
    gates: Array  # (T, 4, D, B, H)
    cells: Array  # (T + 1, D, B, H), from the state before the first step
    squashed: Array  # (T, D, B, H): tanh of the states
    outputs: Array  # (T + 1, D, B, H)


def forward(x: Array, rows: Array, weights: Weights) -> States:
    """Forward pass of both directions.

    Parameters
    ----------
    x : ndarray, shape (T, B, n)
        Inputs.
    rows : ndarray, shape (T * B,)
        Order of the rows of (T * B, n) that reverses each clip (`blstm.reversal`).
    weights : Weights
        In the dtype of `x`.
    """
    (n_steps, n_clips, n_inputs), n_units, dtype = x.shape, weights.recurrent.shape[-1], x.dtype
    one, half, scale = np.ones((), dtype), np.full((), 0.5, dtype), np.array([0.5, 0.5, 1, 0.5], dtype)
    recurrent = weights.recurrent * (half * scale[:, None, None, None])  # of outputs that are twice as large
    # scaled like the gates they go to, and the same for every clip
    peepholes = np.repeat(weights.peepholes[:, :, None] * half, n_clips, axis=2)  # (3, D, B, H)
    into_if, into_o = peepholes[:2], peepholes[2]
    flat = x.reshape(-1, n_inputs)
    inputs = np.stack([flat, flat[rows]])
    gates = np.empty((n_steps, 4, 2, n_clips, n_units), dtype)
    for d in range(2):
        product = (inputs[d] @ weights.inputs[d]).reshape(n_steps, n_clips, 4, n_units)
        np.add(product.transpose(0, 2, 1, 3), weights.bias[:, d, None], out=gates[:, :, d])
    gates *= scale[:, None, None, None]
    cells, doubled = np.zeros((2, n_steps + 1, 2, n_clips, n_units), dtype)
    squashed = np.empty_like(cells[1:])
    product, seen = np.empty_like(gates[0]), np.empty_like(gates[0, :2])
    part = seen[0]
    add, multiply, tanh, matmul = np.add, np.multiply, np.tanh, np.matmul
    for z, z_if, z_ifg, i, f, g, o, c_before, c, h_before, h, tanh_c in zip(
        *(gates, gates[:, :2], gates[:, :3], gates[:, 0], gates[:, 1], gates[:, 2], gates[:, 3]),
        *(cells[:-1], cells[1:], doubled[:-1], doubled[1:], squashed),
        strict=True,
    ):
        add(z, matmul(h_before, recurrent, out=product), out=z)
        add(z_if, multiply(c_before, into_if, out=seen), out=z_if)
        tanh(z_ifg, out=z_ifg)
        add(z_if, one, out=z_if)
        multiply(f, c_before, out=c)
        add(c, multiply(i, g, out=part), out=c)
        multiply(c, half, out=c)
        add(o, multiply(c, into_o, out=part), out=o)
        tanh(o, out=o)
        add(o, one, out=o)
        multiply(o, tanh(c, out=tanh_c), out=h)
    gates[:, :2] *= half
    gates[:, 3] *= half
    doubled *= half
    return States(inputs, gates, cells, squashed, doubled)


def backward(gradient: Array, weights: Weights, states: States) -> tuple[Array, Weights]:
    """Backward pass: limited deltas d_i, d_f, d_g, d_o, shape (D, T * B, 4 H), and gradients of the weights.

    Each gradient is a sum over steps and clips: dW = sum d x^T, dU = sum d h'^T, db = sum d, dp_i = sum d_i c',
    dp_f = sum d_f c', dp_o = sum d_o c.

    Parameters
    ----------
    gradient : ndarray, shape (T, D, B, H)
        dE/dh from the layer above.
    weights : Weights
        Of the forward pass.
    states : States
        Of the forward pass.
    """
    n_steps, _, n_clips, n_units = gradient.shape
    deltas = _deltas(gradient, weights, states, limited=False)
    if not max(deltas.max(), -deltas.min()) <= DELTA_LIMIT:
        deltas = _deltas(gradient, weights, states, limited=True)
    flat = np.ascontiguousarray(deltas.transpose(2, 0, 3, 1, 4)).reshape(2, -1, 4 * n_units)  # (D, T B, 4 H)
    before, cells = (
        np.ascontiguousarray(values.transpose(1, 0, 2, 3)).reshape(2, -1, n_units)
        for values in (states.outputs[:-1], states.cells)
    )
    ones = np.ones((1, n_steps * n_clips), gradient.dtype)  # sums by products are faster
    bias = (ones @ flat).reshape(2, 4, n_units).transpose(1, 0, 2)
    i, f, o = (flat[..., k * n_units : (k + 1) * n_units] for k in (0, 1, 3))
    pairs = (i, cells[:, :-n_clips]), (f, cells[:, :-n_clips]), (o, cells[:, n_clips:])
    peepholes = np.stack([(ones @ (delta * c))[:, 0] for delta, c in pairs])
    recurrent = (before.transpose(0, 2, 1) @ flat).reshape(2, n_units, 4, n_units).transpose(2, 0, 1, 3)
    inputs = states.inputs.transpose(0, 2, 1) @ flat
    return flat, Weights(inputs, recurrent, bias, peepholes)


def _deltas(gradient: Array, weights: Weights, states: States, *, limited: bool) -> Array:
    """Deltas d_i, d_f, d_g, d_o, shape (T, 4, D, B, H), limited to [-1, 1] or not."""
    of_output, of_cell = _local(weights.peepholes[:, :, None], states, limited=limited)
    # gradients of c', of the arguments of i, f, g, o, and of c
    gradients = np.empty((len(gradient), 6, *gradient.shape[1:]), gradient.dtype)
    transposed = np.ascontiguousarray(weights.recurrent.transpose(0, 1, 3, 2))
    product = np.empty_like(gradients[0, :4])
    halves = np.zeros_like(gradients[0, :2])
    dh, carry = np.empty_like(halves[0]), np.zeros_like(halves[0])
    add, multiply, matmul = np.add, np.multiply, np.matmul
    for step, outer, by_h, by_c in zip(gradients[::-1], gradient[::-1], of_output[::-1], of_cell[::-1], strict=True):
        add(add(halves[0], halves[1], out=dh), outer, out=dh)
        multiply(dh, by_h, out=step[4:])
        add(step[5], carry, out=step[5])
        multiply(step[5], by_c, out=step[:4])
        carry = step[0]
        if limited:
            np.clip(step[1:5], -DELTA_LIMIT, DELTA_LIMIT, out=step[1:5])
            carry += (weights.peepholes[:2, :, None] * step[1:3]).sum(axis=0)
        matmul(step[1:5], transposed, out=product)
        add(product[:2], product[2:], out=halves)
    return gradients[:, 1:5]


def _local(peepholes: Array, states: States, *, limited: bool) -> tuple[Array, Array]:
    """Compute the derivatives within a step.

    Returns
    -------
    by_h : ndarray, shape (T, 2, D, B, H)
        dh times it is d_o, and the contribution of h to dc.
    by_c : ndarray, shape (T, 4, D, B, H)
        dc times it is the contribution to the gradient of c', and d_i, d_f, d_g. If the deltas are limited, the first
        leaves out the peepholes: they then carry the limited deltas.
    """
    gates = states.gates
    i, f, g, o = (gates[:, k] for k in range(4))
    by_h = np.empty((len(gates), 2, *i.shape[1:]), gates.dtype)
    of_o, of_c = by_h[:, 0], by_h[:, 1]
    np.subtract(1, o, out=of_o)
    of_o *= o
    of_o *= states.squashed
    np.multiply(states.squashed, states.squashed, out=of_c)
    np.subtract(1, of_c, out=of_c)
    of_c *= o
    of_c += of_o * peepholes[2]
    by_c = np.empty_like(gates)
    before, of_if, of_g = by_c[:, 0], by_c[:, 1:3], by_c[:, 3]
    np.subtract(1, gates[:, :2], out=of_if)
    of_if *= gates[:, :2]
    of_if[:, 0] *= g
    of_if[:, 1] *= states.cells[:-1]
    np.multiply(g, g, out=of_g)
    np.subtract(1, of_g, out=of_g)
    of_g *= i
    if limited:
        before[:] = f
    else:
        np.multiply(of_if[:, 0], peepholes[0], out=before)
        before += of_if[:, 1] * peepholes[1]
        before += f
    return by_h, by_c


class _Layer(torch.autograd.Function):
    """The layer as a function of torch; the order that reverses the second direction is its own inverse."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor, *weights: Tensor) -> Tensor:
        order, arrays = rows.numpy(), Weights(*(w.detach().numpy() for w in weights))
        with np.errstate(over="ignore", invalid="ignore"):  # as in torch; `training` checks the loss
            states = forward(x.detach().numpy(), order, arrays)
        ahead, back = states.outputs[1:].transpose(1, 0, 2, 3).reshape(2, len(order), -1)
        ctx.states, ctx.order = states, order
        ctx.save_for_backward(*weights)
        return torch.from_numpy(np.hstack([ahead, back[order]])).view(*x.shape[:2], -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        n_steps, n_clips, n_units = gradient.shape[0], gradient.shape[1], gradient.shape[2] // 2
        ahead, back = gradient.numpy().reshape(-1, 2, n_units).transpose(1, 0, 2)
        outer = np.stack([part.reshape(n_steps, n_clips, n_units) for part in (ahead, back[ctx.order])], axis=1)
        arrays = Weights(*(w.detach().numpy() for w in ctx.saved_tensors))
        with np.errstate(over="ignore", invalid="ignore"):
            deltas, gradients = backward(outer, arrays, ctx.states)
        tensors = (torch.from_numpy(np.ascontiguousarray(values)) for values in gradients)
        if not ctx.needs_input_grad[0]:
            return None, None, *tensors
        ahead, back = deltas @ arrays.inputs.transpose(0, 2, 1)
        return torch.from_numpy(ahead + back[ctx.order]).view(n_steps, n_clips, -1), None, *tensors


class PeepholeLSTM(nn.Module):
    """Two unidirectional LSTMs with peepholes; the second reads each clip from its last real frame to its first.

    Parameters
    ----------
    n_inputs : int
        Values per frame.
    n_units : int
        Units per direction.
    """

    def __init__(self, n_inputs: int, n_units: int) -> None:
        super().__init__()
        self.inputs = nn.Parameter(torch.zeros(2, n_inputs, 4 * n_units))
        self.recurrent = nn.Parameter(torch.zeros(4, 2, n_units, n_units))
        self.bias = nn.Parameter(torch.zeros(4, 2, n_units))
        self.peepholes = nn.Parameter(torch.zeros(3, 2, n_units))

    def forward(self, x: Tensor, rows: Tensor) -> Tensor:
        """Map inputs (n_frames, n_clips, n_inputs) to the outputs of both directions, (n_frames, n_clips, 2 n_units).

        `rows` is the order that reverses each clip (`blstm.reversal`). On a GPU, `peephole_autograd` computes.
        """
        if x.device.type != "cpu":
            return peephole_autograd.forward(x, rows, (self.inputs, self.recurrent, self.bias, self.peepholes))
        outputs: Tensor = _Layer.apply(x, rows, self.inputs, self.recurrent, self.bias, self.peepholes)  # type: ignore[no-untyped-call]
        return outputs
