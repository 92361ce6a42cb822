"""Fine-tuning: the paper's recipe in numbers, Caffe's bias rules, and a stopped run that goes on exactly."""

from dataclasses import MISSING, fields, replace

import numpy as np
import pytest
import torch

from emotiw.core.errors import FeatureError
from emotiw.jobs import settings
from emotiw.video import fine_tuning, fine_tuning_checkpoint, fine_tuning_data, fine_tuning_network
from emotiw.video.fine_tuning_state import Recipe, Session, State
from emotiw.weights.loading import ALEXNET_SHAPES

CONFIG = settings.load([])
DEFAULTS = Recipe.of(CONFIG["cnn"], CONFIG["fine_tuning"])
RECIPE = replace(DEFAULTS, batch_size=4, max_epochs=2, checkpoint_batches=1)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Few hidden units, for speed: nothing else depends on their number."""
    monkeypatch.setattr(fine_tuning_network, "HIDDEN_UNITS", 16)


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    shapes = ALEXNET_SHAPES["torchvision"].items()
    return {name: rng.normal(0, 0.03, shape).astype(np.float32) for name, shape in shapes}


def pictures(n, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 48, 48), dtype=np.uint8), rng.integers(0, 3, n)


TRAIN, VALIDATION = pictures(10, 1), pictures(4, 2)


def network(arrays, seed=3, head=None):
    return fine_tuning_network.classifier(arrays, head, layout=RECIPE.layout, n_classes=3, seed=seed)


@pytest.fixture(scope="module")
def whole(arrays):
    """A run that was never stopped, with every state that it saved."""
    states, lines = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fine_tuning_network, "HIDDEN_UNITS", 16)
        model = network(arrays)
        fine_tuning.train(TRAIN, VALIDATION, model, RECIPE, Session(3, save=states.append, tell=lines.append))
    return model, states, lines


def test_a_run_saves_where_it_stands(whole):
    _, states, lines = whole
    assert [(state.epoch, state.batch) for state in states] == [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]
    assert [line.partition(":")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert all(np.isfinite(list(epoch.values())).all() for epoch in states[-1].history)


@pytest.mark.parametrize("stop", [0, 2, 3])
def test_a_stopped_run_goes_on_exactly(arrays, whole, stop, tmp_path):
    model, states, _ = whole
    fine_tuning_checkpoint.save(tmp_path / "state.safetensors", states[stop], identity="run")
    torch.manual_seed(99)
    resumed = network(arrays)
    state = fine_tuning_checkpoint.load(tmp_path / "state.safetensors", identity="run")
    end = fine_tuning.train(TRAIN, VALIDATION, resumed, RECIPE, Session(3, state=state))
    assert end.history == states[-1].history
    for name, values in model.state_dict().items():
        assert torch.equal(values, resumed.state_dict()[name]), name


def test_another_seed_trains_another_network(arrays, whole):
    other = network(arrays)
    end = fine_tuning.train(TRAIN, VALIDATION, other, RECIPE, Session(4))
    assert end.history != whole[1][-1].history


def test_a_finished_run_is_not_trained_again(arrays, whole):
    model, states, _ = whole
    again = network(arrays, seed=8)
    end = fine_tuning.train(TRAIN, VALIDATION, again, RECIPE, Session(3, state=states[-1]))
    assert end == states[-1]
    assert torch.equal(again.fc8.weight, model.fc8.weight)


def test_a_recipe_has_no_defaults_but_those_of_the_configuration():
    assert (DEFAULTS.layout, DEFAULTS.crop) == (CONFIG["cnn"]["layout"], CONFIG["cnn"]["crop"])
    assert DEFAULTS.batch_size == CONFIG["fine_tuning"]["batch_size"] != CONFIG["cnn"]["batch_size"]
    assert all(field.default is MISSING for field in fields(Recipe))
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'patience'"):
        Recipe.of(CONFIG["cnn"], {name: value for name, value in CONFIG["fine_tuning"].items() if name != "patience"})


def test_random_crops_continue_in_the_middle_of_an_epoch():
    whole = list(fine_tuning_data.RandomCrops(TRAIN, RECIPE, 3, lambda: (1, 0)))
    rest = list(fine_tuning_data.RandomCrops(TRAIN, RECIPE, 3, lambda: (1, 2)))
    assert [len(labels) for _, labels in whole] == [4, 4, 2]
    assert len(rest) == 1
    assert torch.equal(rest[0][0], whole[2][0])
    assert torch.equal(rest[0][1], whole[2][1])


def history(*accuracies):
    return [{"val_accuracy": accuracy} for accuracy in accuracies]


@pytest.mark.parametrize(
    ("accuracies", "best", "finished"),
    [((), 0, False), ((0.3,), 1, False), ((0.4, 0.4), 1, False), ((0.4, 0.3, 0.4), 1, True), ((0.4, 0.5), 2, False)],
)
def test_training_stops_after_epochs_without_a_better_validation_accuracy(arrays, accuracies, best, finished):
    state = State(epoch=len(accuracies), history=history(*accuracies))
    run = fine_tuning._Run(network(arrays), replace(DEFAULTS, patience=2), Session(0, state=state))
    assert state.best_epoch == best
    assert run.finished == finished


def test_rates_and_decay_are_those_of_the_paper_and_of_caffe(arrays):
    run = fine_tuning._Run(network(arrays), DEFAULTS, Session(0))
    groups = run.configure_optimizers().param_groups
    computed = {
        name: (group["lr"], group["weight_decay"], group["momentum"])
        for (name, _), group in zip(run.model.named_parameters(), groups, strict=True)
    }
    assert computed["convolution.features.0.weight"] == (1e-3, 5e-4, 0.9)
    assert computed["convolution.features.0.bias"] == (2e-3, 0.0, 0.9)
    assert computed["fc7.weight"] == (1e-3, 5e-4, 0.9)
    assert computed["fc8.weight"] == (4e-3, 5e-4, 0.9)
    assert computed["fc8.bias"] == (8e-3, 0.0, 0.9)
    assert (DEFAULTS.batch_size, DEFAULTS.decay_every, DEFAULTS.decay_factor) == (128, 10, 0.1)


@pytest.mark.parametrize(("epoch", "rate"), [(0, 1e-3), (9, 1e-3), (10, 1e-4), (25, 1e-5)])
def test_rates_fall_every_ten_epochs(arrays, monkeypatch, epoch, rate):
    run = fine_tuning._Run(network(arrays), DEFAULTS, Session(0, state=State(epoch=epoch)))
    optimiser = run.configure_optimizers()
    monkeypatch.setattr(run, "optimizers", lambda: optimiser)
    run.on_train_epoch_start()
    assert optimiser.param_groups[0]["lr"] == pytest.approx(rate)


def test_a_step_is_that_of_the_equations(arrays, whole):
    """V = mu V + grad + decay W; W -= rate V, from the saved states before and after a step."""
    _, states, _ = whole
    before, after = states[0], states[1]
    for name, rate in (("fc8.bias", 8e-3), ("fc6.weight", 1e-3), ("convolution.features.3.bias", 2e-3)):
        moved = before.model[name] - after.model[name]
        torch.testing.assert_close(moved, rate * after.momentum[name], rtol=1e-3, atol=1e-7)


def test_fresh_layers_are_drawn_as_by_caffes_fillers(arrays, monkeypatch):
    monkeypatch.setattr(fine_tuning_network, "HIDDEN_UNITS", 512)
    model = network(arrays)
    assert model.fc6.weight.detach().std() == pytest.approx(0.005, rel=0.02)
    assert model.fc8.weight.detach().std() == pytest.approx(0.01, rel=0.1)
    assert model.fc6.bias.detach().unique().tolist() == pytest.approx([0.1])
    assert not model.fc8.bias.any()


def test_given_layers_are_kept_and_the_last_is_new(arrays):
    head = {"fc6.weight": np.ones((16, 9216), np.float32), "fc7.bias": np.full(16, 5, np.float32)}
    model = network(arrays, head=head)
    assert bool((model.fc6.weight == 1).all())
    assert bool((model.fc7.bias == 5).all())


def test_dropout_stands_where_the_layout_has_it(arrays):
    model = network(arrays)
    with torch.no_grad():
        model.fc6.weight.zero_()
        model.fc6.bias.fill_(1)
    seen = []
    model.fc7.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    model.train()
    model(torch.zeros(2, 3, 227, 227))
    assert set(seen[0].unique().tolist()) == {0.0, 2.0}  # dropped before fc7
    model.drops_first = False
    model.fc8.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    model(torch.zeros(2, 3, 227, 227))
    assert 0.0 in seen[-1].unique().tolist()  # dropped after fc7


def test_crops_are_cut_and_mirrored():
    face = np.tile(np.arange(48, dtype=np.uint8) * 5, (1, 48, 1))
    corner = np.array([0])
    plain, mirrored = (
        fine_tuning_data.scaled_crops(face, corner, corner + 3, np.array([flip]), 227) for flip in (False, True)
    )
    assert plain.shape == (1, 3, 227, 227)
    assert torch.equal(plain.flip(-1), mirrored)
    assert bool((plain[0, 0, 0].diff() >= 0).all())
    assert torch.equal(plain[0, 0], plain[0, 2])
    # 256 / 48 = 5.33 px a pixel: the left edge of the crop is 3 px into the picture, near the first pixel's centre
    assert plain[0, 0, 0, 0] == pytest.approx(5 * ((3 + 0.5) * 48 / 256 - 0.5), abs=1e-3)


def test_a_picture_that_is_learnt_is_recognised(arrays):
    model = network(arrays)
    with torch.no_grad():
        model.fc8.weight.zero_()
        model.fc8.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    expected = float((VALIDATION[1] == 1).mean())
    assert fine_tuning.accuracy(model, VALIDATION, RECIPE) == pytest.approx(expected)


def test_a_loss_that_is_no_number_stops_the_run(arrays):
    broken = arrays | {"features.0.bias": np.full(64, np.nan, np.float32)}
    with pytest.raises(FeatureError, match=r"seed 3: loss is nan in epoch 1, batch 1.*lower fine_tuning.learning_rate"):
        fine_tuning.train(TRAIN, VALIDATION, network(broken), RECIPE, Session(3))


def test_a_state_of_another_run_or_a_damaged_one_is_not_used(whole, tmp_path, caplog):
    path = tmp_path / "state.safetensors"
    assert fine_tuning_checkpoint.load(path, identity="run") == State()
    fine_tuning_checkpoint.save(path, whole[1][0], identity="run")
    assert fine_tuning_checkpoint.load(path, identity="run").batch == 1
    assert fine_tuning_checkpoint.load(path, identity="other") == State()
    (tmp_path / f".{path.name}.1.tmp").write_bytes(b"cut short")
    assert fine_tuning_checkpoint.load(path, identity="run").batch == 1
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert fine_tuning_checkpoint.load(path, identity="run") == State()
    path.write_bytes(data[:1000])
    assert fine_tuning_checkpoint.load(path, identity="run") == State()
    assert "the run begins anew" in caplog.text


def test_the_convolution_layers_are_returned_under_their_names(arrays):
    computed = fine_tuning_network.convolution_arrays(network(arrays), ALEXNET_SHAPES["torchvision"])
    assert {name: values.shape for name, values in computed.items()} == ALEXNET_SHAPES["torchvision"]
    np.testing.assert_array_equal(computed["features.3.weight"], arrays["features.3.weight"])
