"""The peephole layer against its equations, step by step, one clip and one direction at a time."""

import numpy as np
import pytest
import torch

from emotiw.audio import blstm, peephole_autograd, peephole_lstm
from emotiw.audio.peephole_lstm import Weights

LENGTHS = torch.tensor([7, 3, 1, 5])
ROWS = blstm.reversal(LENGTHS, 7)
REAL = torch.arange(7)[:, None] < LENGTHS
N_INPUTS, N_UNITS = 5, 3


def layer(n_inputs=N_INPUTS, n_units=N_UNITS, *, weight_range=0.8, dtype=torch.float64):
    made = peephole_lstm.PeepholeLSTM(n_inputs, n_units).to(dtype)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weights in made.parameters():
            weights.uniform_(-weight_range, weight_range, generator=generator)
    return made


def clips(seed=0, dtype=torch.float64):
    return torch.randn(7, 4, N_INPUTS, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def one_way(made, d):
    """Weights of one direction: inputs by gate (4, n, H), recurrent (4, H, H), bias (4, H), peepholes (3, H)."""
    w = Weights(*(p.detach().numpy() for p in made.parameters()))
    inputs = w.inputs[d].reshape(len(w.inputs[d]), 4, -1).transpose(1, 0, 2)
    return inputs, w.recurrent[:, d], w.bias[:, d], w.peepholes[:, d]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def walk(x, W, U, b, p):
    """The equations of the module's docstring, a step at a time; x (L, n)."""
    h = c = np.zeros(U.shape[-1])
    steps = []
    for frame in x:
        a = [frame @ W[k] + h @ U[k] + b[k] for k in range(4)]
        i, f, g = sigmoid(a[0] + p[0] * c), sigmoid(a[1] + p[1] * c), np.tanh(a[2])
        before = {"c": c, "h": h}
        c = f * c + i * g
        o = sigmoid(a[3] + p[2] * c)
        h = o * np.tanh(c)
        steps.append({"x": frame, "i": i, "f": f, "g": g, "o": o, "c": c, "h": h, "before": before})
    return steps


def walk_back(steps, outer, U, p, limit):
    """Deltas (L, 4, H) of the gates as CURRENNT's ComputeBlockErrorsFn finds them; outer (L, H)."""
    deltas = np.zeros((len(steps), 4, U.shape[-1]))
    later = np.zeros(U.shape[-1])  # what the next step says of the state
    for t in reversed(range(len(steps))):
        s = steps[t]
        dh = outer[t] + (sum(deltas[t + 1, k] @ U[k].T for k in range(4)) if t + 1 < len(steps) else 0)
        do = s["o"] * (1 - s["o"]) * np.tanh(s["c"]) * dh
        dc = s["o"] * (1 - np.tanh(s["c"]) ** 2) * dh + p[2] * do + later
        di = s["i"] * (1 - s["i"]) * s["g"] * dc
        df = s["f"] * (1 - s["f"]) * s["before"]["c"] * dc
        dg = (1 - s["g"] ** 2) * s["i"] * dc
        deltas[t] = np.clip([di, df, dg, do], -limit, limit)
        later = s["f"] * dc + p[0] * deltas[t, 0] + p[1] * deltas[t, 1]
    return deltas


def expected_gradients(made, x, outer, limit=1.0):
    """Gradients of the inputs and of the weights, clip by clip; x (T, B, n), outer (T, B, 2 H)."""
    n_units = outer.shape[2] // 2
    of_x, found = np.zeros_like(x), [np.zeros(p.shape) for p in made.parameters()]
    for clip, n in enumerate(LENGTHS.tolist()):
        for d, order in enumerate((slice(None), slice(None, None, -1))):
            W, U, b, p = one_way(made, d)
            steps = walk(x[:n, clip][order], W, U, b, p)
            deltas = walk_back(steps, outer[:n, clip, d * n_units : (d + 1) * n_units][order], U, p, limit)
            of_x[:n, clip][order] += sum(deltas[:, k] @ W[k].T for k in range(4))
            for s, delta in zip(steps, deltas, strict=True):
                found[0][d] += np.outer(s["x"], delta.ravel())
                found[1][:, d] += np.einsum("h,kj->khj", s["before"]["h"], delta)
                found[2][:, d] += delta
                found[3][:, d] += delta[[0, 1, 3]] * [s["before"]["c"], s["before"]["c"], s["c"]]
    return [of_x, *found]


def by_numpy(made, x):
    return made(x, ROWS)


def by_torch(made, x):
    return peephole_autograd.forward(x, ROWS, tuple(made.parameters()))


# of the CPU and of other devices
both_formulations = pytest.mark.parametrize("formulation", [by_numpy, by_torch])


def found_gradients(formulation, made, x, outer):
    x = x.clone().requires_grad_()
    loss = (formulation(made, x) * outer).sum()
    return [g.numpy() for g in torch.autograd.grad(loss, [x, *made.parameters()])]


@both_formulations
def test_outputs_are_those_of_the_equations(formulation):
    made, x = layer(), clips()
    found = formulation(made, x).detach().numpy()
    for clip, n in enumerate(LENGTHS.tolist()):
        ahead = [s["h"] for s in walk(x[:n, clip].numpy(), *one_way(made, 0))]
        back = [s["h"] for s in walk(x[:n, clip].numpy()[::-1], *one_way(made, 1))][::-1]
        np.testing.assert_allclose(found[:n, clip], np.hstack([ahead, back]), rtol=1e-12, atol=1e-14)


def test_gradients_equal_finite_differences():
    made = layer()
    x = clips().requires_grad_()

    def outputs(values, *weights):
        return peephole_lstm._Layer.apply(values, ROWS, *weights) * REAL[:, :, None]

    assert torch.autograd.gradcheck(outputs, (x, *made.parameters()))


@both_formulations
@pytest.mark.parametrize("size", [0.1, 30.0], ids=["as they are", "limited"])
def test_gradients_are_those_of_currennt(size, formulation):
    made, x = layer(weight_range=2.0), clips()
    outer = size * torch.randn(7, 4, 2 * N_UNITS, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    outer = outer * REAL[:, :, None]
    for found, expected in zip(
        found_gradients(formulation, made, x, outer), expected_gradients(made, x.numpy(), outer.numpy()), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_the_limit_changes_large_gradients_only():
    made, x, outer = layer(weight_range=2.0), clips().numpy(), np.ones((7, 4, 2 * N_UNITS)) * REAL.numpy()[:, :, None]
    for size, same in ((0.1, True), (30.0, False)):
        limited, free = (expected_gradients(made, x, size * outer, limit) for limit in (1.0, np.inf))
        assert np.allclose(limited[1], free[1]) == same


def test_without_peepholes_it_is_torchs_lstm():
    made, plain = layer(dtype=torch.float32), blstm.PlainLSTM(N_INPUTS, N_UNITS)
    with torch.no_grad():
        made.peepholes.zero_()
        for d, lstm in enumerate((plain.ahead, plain.back)):
            lstm.weight_ih_l0.copy_(made.inputs[d].T)
            lstm.weight_hh_l0.copy_(made.recurrent[:, d].transpose(1, 2).flatten(0, 1))
            lstm.bias_ih_l0.copy_(made.bias[:, d].flatten())
            lstm.bias_hh_l0.zero_()
    x = clips(dtype=torch.float32)
    torch.testing.assert_close(made(x, ROWS)[REAL], plain(x, ROWS)[REAL], atol=1e-6, rtol=0)


def test_no_gradient_of_the_inputs_is_computed_when_none_is_asked():
    made, x = layer(), clips()
    made(x, ROWS).sum().backward()
    assert x.grad is None
    assert made.inputs.grad.abs().sum() > 0


def test_numbers_that_overflow_reach_the_output_without_a_warning():
    made = layer(dtype=torch.float32)
    with torch.no_grad():
        made.inputs.fill_(3e38)
    outputs = made(1e38 * clips(dtype=torch.float32), ROWS)
    outputs.sum().backward()
    assert not outputs.isfinite().all()
