"""ONNX files on a GPU: when it is used, and that its first output must agree with the CPU's."""

from hashlib import sha256

import numpy as np
import onnxruntime
import pytest

from emotiw.core.errors import FeatureError
from emotiw.weights import onnx_network
from sound_network_fixtures import strided

SOUND = np.random.default_rng(0).uniform(-1, 1, (1, 1600)).astype(np.float32)


class Gpu:
    """Stands for a session on a GPU: computes on the CPU and changes its outputs by a factor."""

    def __init__(self, session, factor):
        self.session, self.factor, self.n_runs = session, factor, 0

    def get_providers(self):
        return [onnx_network.GPU, onnx_network.CPU]

    def get_inputs(self):
        return self.session.get_inputs()

    def get_outputs(self):
        return self.session.get_outputs()

    def run(self, names, feeds):
        self.n_runs += 1
        return [values * np.float32(self.factor) for values in self.session.run(names, feeds)]


@pytest.fixture
def gpu(monkeypatch):
    """Pretend that ONNX Runtime has the provider for GPUs, whose sessions compute with a relative error."""

    def pretend(error=0.0, *, works=True):
        opened = onnxruntime.InferenceSession

        def session(data, options, providers):
            on_cpu = opened(data, options, providers=[onnx_network.CPU])
            return Gpu(on_cpu, 1 + error) if works and (onnx_network.GPU, onnx_network.EXACT) in providers else on_cpu

        available = [onnx_network.GPU, onnx_network.CPU]
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
        monkeypatch.setattr(onnxruntime, "InferenceSession", session)
        onnx_network._gpu_works.cache_clear()

    yield pretend
    monkeypatch.undo()
    onnx_network._gpu_works.cache_clear()


@pytest.fixture
def read(tmp_path):
    def opened(**options):
        data = strided()
        (tmp_path / "tiny.onnx").write_bytes(data)
        return onnx_network.read(tmp_path / "tiny.onnx", "sound_embeddings.tiny", sha256(data).hexdigest(), **options)

    return opened


def run(model):
    return model.run("ntd", {"sound": SOUND}, "0.1 s of sound")


def test_without_the_gpu_s_provider_everything_runs_on_the_cpu(read):
    assert onnx_network.GPU not in onnxruntime.get_available_providers()
    assert onnx_network.device(gpu=True) == "cpu"
    assert read(gpu=True).session.get_providers() == [onnx_network.CPU]


def test_a_build_for_gpus_on_a_machine_without_one_runs_on_the_cpu(read, gpu):
    gpu(works=False)
    assert onnx_network.device(gpu=True) == "cpu"
    assert not isinstance(read(gpu=True).session, Gpu)


def test_a_gpu_is_used_only_if_it_is_asked_for(read, gpu):
    gpu()
    assert (onnx_network.device(gpu=True), onnx_network.device(gpu=False)) == (onnx_network.GPU, "cpu")
    assert isinstance(read(gpu=True).session, Gpu)
    assert not isinstance(read().session, Gpu)


def test_the_first_output_of_a_gpu_is_compared_with_the_cpu_s(read, gpu):
    expected = run(read())
    gpu(5e-5)
    model = read(gpu=True)
    np.testing.assert_allclose(run(model), expected * np.float32(1 + 5e-5))
    assert model.reference is None
    run(model)
    assert model.session.n_runs == 2


@pytest.mark.parametrize("error", [2e-4, np.nan])
def test_a_gpu_that_disagrees_is_refused(read, gpu, error):
    gpu(error)
    message = r"tiny\.onnx \(sound_embeddings\.tiny\) on CUDAExecutionProvider: differs .* set accelerator to cpu"
    with pytest.raises(FeatureError, match=message):
        run(read(gpu=True))
