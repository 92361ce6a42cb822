"""Networks on a GPU: moved only if they agree with the CPU, and every tensor on the device of its network.

There may be no GPU here. torch's fake tensors then check devices and shapes without computing; what a GPU computes is
checked where there is one.
"""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from emotiw.audio import blstm, training, whisper
from emotiw.audio.training import Clips
from emotiw.core import agreement
from emotiw.core.errors import FeatureError
from emotiw.jobs import devices
from test_whisper import SMALL, voice

GPU, OTHER = torch.device("cuda"), torch.device("meta")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch sees")


class Drifting(nn.Linear):
    """A layer whose copy on another device has other weights."""

    def __init__(self, error):
        super().__init__(3, 2)
        self.error = error

    def to(self, _device):
        with torch.no_grad():
            self.weight.mul_(1 + self.error)
            self.bias.mul_(1 + self.error)
        return self


def outputs(network):
    return [network(torch.ones(1, 3)), network(torch.full((1, 3), 1e-3))]


def test_a_network_that_agrees_is_moved_as_a_copy():
    network = Drifting(5e-5)
    before = copy.deepcopy(network.state_dict())
    moved = devices.moved("tiny", network, GPU, outputs)
    assert moved is not network
    torch.testing.assert_close(network.state_dict(), before, rtol=0, atol=0)
    torch.testing.assert_close(moved.weight, network.weight * (1 + 5e-5))


@pytest.mark.parametrize("error", [3e-4, -3e-4, np.nan])
def test_a_network_that_disagrees_is_refused(error):
    with pytest.raises(FeatureError, match=r"tiny on cuda: differs .*, expected at most 0\.0001; set accelerator to c"):
        devices.moved("tiny", Drifting(error), GPU, outputs)


def test_every_output_is_compared_by_its_own_largest_value():
    def second(network):
        return [torch.full((1,), 1e6), network(torch.zeros(1, 3))]

    with pytest.raises(FeatureError, match="tiny on cuda: differs"):
        devices.moved("tiny", Drifting(1e-3), GPU, second)


def test_on_the_cpu_nothing_is_computed():
    network = Drifting(1.0)
    assert devices.moved("tiny", network, devices.CPU, lambda _: pytest.fail("computed")) is network


def test_values_agree_up_to_a_share_of_the_largest():
    expected = np.array([1.0, -2.0])
    agreement.check("tiny", expected + 1e-4, expected, "cuda:0")
    agreement.check("tiny", np.zeros(3), np.zeros(3), "cuda:0")
    agreement.check("tiny", np.zeros((0, 3)), np.zeros((0, 3)), "cuda:0")
    for computed in (expected + 3e-4, expected * np.nan, np.full(2, np.inf)):
        with pytest.raises(FeatureError, match=r"tiny on cuda:0: differs"):
            agreement.check("tiny", computed, expected, "cuda:0")
    with pytest.raises(FeatureError, match=r"has the shape \(1, 2\), expected \(2,\) as on the CPU"):
        agreement.check("tiny", expected[None], expected, "cuda:0")


def test_full_precision_is_asked_for_and_given_back():
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark
    with devices.exact():
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.deterministic
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.benchmark) == before


# --- the networks on a device that is not the CPU --------------------------------------------------------------------


def clips():
    rng = np.random.default_rng(0)
    return Clips([rng.normal(size=(n, 3)).astype(np.float32) for n in (7, 3, 5)], [0, 1, 1])


def first_step(model):
    batch = training.Batches(clips(), 3, torch.Generator()).batches[0]
    return training._first_step(model, batch)


@pytest.mark.parametrize("peepholes", [True, False])
def test_every_tensor_of_a_training_step_is_on_the_network_s_device(peepholes):
    expected = [tuple(values.shape) for values in first_step(blstm.BLSTM(3, (4, 6), 2, peepholes=peepholes))]
    with FakeTensorMode():
        with OTHER:
            model = blstm.BLSTM(3, (4, 6), 2, peepholes=peepholes)
        noise = blstm.Noise(torch.Generator(), inputs=0.1, dropout=0.2)
        inputs, rows, _ = training.Batches(clips(), 3, torch.Generator()).batches[0]
        assert model(inputs.to(OTHER), rows.to(OTHER), noise).device == OTHER
        found = first_step(model)
        with pytest.raises(RuntimeError, match="at least two devices"):
            model(inputs.to(OTHER), rows)
    assert [tuple(values.shape) for values in found] == expected
    assert {values.device for values in found} == {OTHER}


def test_every_tensor_of_whisper_is_on_the_network_s_device():
    with FakeTensorMode():
        with OTHER:
            model = whisper.Encoder(SMALL).eval()
        spectrogram = torch.zeros(80, 60)
        assert model(spectrogram.to(OTHER), 2).device == OTHER
        with pytest.raises(RuntimeError, match="at least two devices"):
            model(spectrogram, 2)


def test_whisper_is_compared_with_the_cpu_by_its_layer(monkeypatch):
    rng = np.random.default_rng(0)
    arrays = {name: 0.2 * rng.normal(size=shape).astype(np.float32) for name, shape in whisper.shapes(SMALL).items()}
    model, compared = whisper.encoder(arrays, SMALL), []

    def moved(name, network, device, outputs):
        compared.append((name, device, *outputs(network)))
        return network

    monkeypatch.setattr(devices, "moved", moved)
    assert whisper.on_device(model, GPU, 2) is model
    ((name, device, values),) = compared
    assert (name, device, tuple(values.shape)) == ("Whisper", GPU, (50, 32))
    assert values.abs().max() > 0.1


@needs_gpu
@pytest.mark.parametrize("peepholes", [True, False])
def test_a_gpu_trains_as_the_cpu_does(peepholes):
    recipe = training.Recipe(
        (4, 6), peepholes, "adam", 0.02, "constant", 0.9, 0, 0.1, False, 0, 0.1, 0.1, None, 3, 9, 5
    )
    found = [
        training.train(clips(), clips(), recipe, n_classes=2, session=training.Session(1, device))
        for device in (devices.CPU, GPU, GPU)
    ]
    weights = [torch.cat([values.flatten() for values in trained.model.state_dict().values()]) for trained in found]
    torch.testing.assert_close(weights[1], weights[0], rtol=0, atol=1e-3)
    assert torch.equal(weights[1], weights[2])


@needs_gpu
def test_a_gpu_gives_whisper_s_frames():
    rng = np.random.default_rng(0)
    arrays = {name: 0.2 * rng.normal(size=shape).astype(np.float32) for name, shape in whisper.shapes(SMALL).items()}
    model = whisper.encoder(arrays, SMALL)
    chosen = {"layer": 2, "frame_length_s": 0.04, "padded": False}
    expected = whisper.frames(voice(0.9), model, **chosen)[1]
    found = whisper.frames(voice(0.9), whisper.on_device(model, GPU, 2), **chosen)[1]
    np.testing.assert_allclose(found, expected, rtol=0, atol=agreement.AGREEMENT * np.abs(expected).max())
