import copy
import logging
import signal
import threading
from dataclasses import MISSING, fields, replace
from functools import partial

import numpy as np
import pytest
import torch

from emotiw.audio import training
from emotiw.audio.training import Clips, Recipe, Session
from emotiw.core.errors import FeatureError
from emotiw.core.progress import Progress
from emotiw.jobs import settings

BLSTM = settings.load([])["blstm"]


def recipe_of(**changes):
    """A small network with the defaults of the configuration but for `changes`."""
    return replace(Recipe.from_settings((4,), BLSTM), **changes)


ADAM = recipe_of(optimiser="adam", learning_rate=0.02, max_epochs=3)


@pytest.fixture(autouse=True)
def _quiet():
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)


def clips(n=24, *, seed=0, shift=1.0):
    """Two classes that differ in the mean of their frames."""
    rng = np.random.default_rng(seed)
    labels = [i % 2 for i in range(n)]
    lengths = rng.integers(2, 9, n)
    return Clips(
        [rng.normal(shift * y, 1, (t, 3)).astype(np.float32) for y, t in zip(labels, lengths, strict=True)], labels
    )


def train(recipe, *, seed=5, learnt=None, validation=None, **more):
    session = Session(seed, **more)
    return training.train(learnt or clips(), validation or clips(seed=1), recipe, n_classes=2, session=session)


def weights(trained):
    return torch.cat([values.flatten() for values in trained.model.state_dict().values()])


def test_adam_learns_what_can_be_learnt():
    trained = train(replace(ADAM, max_epochs=20, dropout=0.1, input_noise=0.1))
    assert training.evaluate(trained.model, clips(60, seed=2))["accuracy"] > 0.8
    assert trained.facts["improved"]


def test_currennts_descent_learns_at_its_rate_on_the_summed_loss():
    trained = train(recipe_of(learning_rate=1e-3, max_epochs=20))
    losses = [epoch["train_loss"] for epoch in trained.history]
    assert losses[-1] < losses[0] - 0.05


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    recipe = replace(ADAM, dropout=0.2, input_noise=0.1)
    first = train(recipe)
    torch.manual_seed(99)
    second, other = train(recipe), train(recipe, seed=6)
    assert torch.equal(weights(first), weights(second))
    assert first.history == second.history
    assert not torch.allclose(weights(first), weights(other))


def test_one_step_of_descent_is_the_rate_times_the_gradient_of_the_sum():
    recipe, part = recipe_of(learning_rate=1e-3, max_epochs=1, batch_size=100), clips()
    generator = torch.Generator().manual_seed(5)
    model = training.initialise(training.BLSTM(3, (4,), 2), init_range=0.1, generator=generator)
    inputs, rows, labels = training._batch(part, range(len(part.features)))
    real = labels != training.PADDING
    log_posteriors = model(inputs, rows)[real].log_softmax(dim=1)
    (-log_posteriors[torch.arange(len(log_posteriors)), labels[real]].sum()).backward()
    expected = model.output.weight - 1e-3 * model.output.weight.grad
    found = train(recipe, learnt=part).model.output.weight
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_every_element_of_the_gradient_is_clipped():
    before = train(recipe_of(max_epochs=0)).model.output.weight
    after = train(recipe_of(learning_rate=1e-2, max_epochs=1, batch_size=100, gradient_clip=0.5)).model.output.weight
    assert (after - before).detach().abs().max().item() == pytest.approx(0.5e-2, rel=1e-3)


def test_loss_of_padding_is_nothing():
    logits = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [9.0, -9.0]]])
    loss = training.summed_cross_entropy(logits, torch.tensor([[0, 1], [1, training.PADDING]]))
    assert loss.item() == pytest.approx(3 * np.log(2))


def test_loss_with_class_weights_and_smoothing_is_that_of_its_definition():
    logits, labels = torch.tensor([[[0.3, -0.2], [1.0, 0.5]]]), torch.tensor([[0, 1]])
    weights, smoothing = torch.tensor([0.5, 2.0]), 0.2
    log_posteriors = logits[0].log_softmax(dim=1)
    targets = torch.tensor([[0.9, 0.1], [0.1, 0.9]])
    expected = -(targets * weights * log_posteriors).sum()
    found = training.summed_cross_entropy(logits, labels, weights=weights, smoothing=smoothing)
    torch.testing.assert_close(found, expected)


def test_classes_weigh_inversely_to_their_frames():
    part = Clips([np.zeros((n, 1)) for n in (10, 20, 10)], [0, 2, 2])
    weights = training.class_weights(part, 3)
    assert weights.tolist() == pytest.approx([2, 0, 2 / 3])
    assert (weights[0] * 10 + weights[2] * 30) / 40 == pytest.approx(1)


def test_class_weights_change_what_is_learnt():
    part = clips(40)
    chosen = [i for i, y in enumerate(part.labels) if y == 0 or i % 8 == 1]
    uneven = Clips([part.features[i] for i in chosen], [part.labels[i] for i in chosen])
    found = [train(replace(ADAM, class_weights=use, max_epochs=5), learnt=uneven).model for use in (False, True)]
    minority = [np.mean([p[:, 1].mean() for p in training.frame_posteriors(m, clips().features)]) for m in found]
    assert minority[1] > minority[0] + 0.05


def test_a_recipe_has_no_defaults_and_takes_every_value_from_the_configuration():
    assert all(field.default is MISSING and field.default_factory is MISSING for field in fields(Recipe))
    recipe = Recipe.from_settings([128, 64], BLSTM | {"patience": 7})
    assert (recipe.layers, recipe.architecture, recipe.patience) == ((128, 64), "128-64", 7)
    others = {field.name for field in fields(Recipe)} - {"layers", "patience"}
    assert all(getattr(recipe, name) == BLSTM[name] for name in others)
    with pytest.raises(KeyError, match="patience"):
        Recipe.from_settings([4], {name: value for name, value in BLSTM.items() if name != "patience"})


def test_the_cosine_schedule_goes_from_the_rate_to_nearly_0():
    recipe = recipe_of(learning_rate=0.1, schedule="cosine", max_epochs=10)
    rates = [recipe.rate(epoch) for epoch in range(10)]
    assert rates[0] == 0.1
    assert rates[5] == pytest.approx(0.05)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.003
    assert {replace(recipe, schedule="constant").rate(epoch) for epoch in range(10)} == {0.1}


def test_the_schedule_reaches_the_optimiser():
    found = [train(replace(ADAM, schedule=schedule)).history for schedule in ("constant", "cosine")]
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]


def test_batches_are_of_similar_length_and_in_a_new_order_each_time():
    part = Clips([np.zeros((n, 1), np.float32) for n in range(40, 0, -1)], [0] * 40)
    batches = training.Batches(part, 10, torch.Generator().manual_seed(0))
    first, second = ([len(inputs) for inputs, _, _ in batches] for _ in range(2))
    assert sorted(first) == sorted(second) == [10, 20, 30, 40]
    assert first != second


def test_an_epoch_is_one_step_to_lightning(monkeypatch):
    steps, step = [], training._Run.training_step
    monkeypatch.setattr(
        training._Run, "training_step", lambda run, *args: (steps.append(args), step(run, *args)) and None
    )
    part = clips(40)
    trained = train(replace(ADAM, max_epochs=3, patience=9), learnt=part)
    assert len(training.Batches(part, ADAM.batch_size, torch.Generator())) > 1
    assert len(steps) == len(trained.history) == 3


def test_training_stops_after_patience_and_restores_the_best_weights():
    noise = Clips(clips().features, [0, 1, 1, 0] * 6)
    trained = train(replace(ADAM, learning_rate=0.05, max_epochs=60, patience=3), learnt=noise)
    losses = [epoch["val_loss"] for epoch in trained.history]
    assert len(losses) == trained.best_epoch + 3 < 60
    if trained.best_epoch:
        assert losses[trained.best_epoch - 1] == min(losses)


def test_the_best_weights_are_those_of_the_best_epoch():
    trained = train(ADAM)
    best = trained.history[trained.best_epoch - 1]
    assert training.evaluate(trained.model, clips(seed=1))["frame_loss"] == best["val_loss"]


def test_training_that_never_improves_returns_the_initial_weights_and_says_so():
    opposite = Clips(clips(seed=1).features, [1 - y for y in clips(seed=1).labels])
    recipe = replace(ADAM, learning_rate=1.0, patience=2, init_range=1e-3)
    trained = train(recipe, validation=opposite)
    assert (trained.best_epoch, trained.facts["improved"]) == (0, False)
    assert torch.equal(weights(trained), weights(train(replace(recipe, max_epochs=0))))


def test_divergence_stops_with_the_seed_and_the_learning_rate():
    with pytest.raises(FeatureError, match=r"seed 5: training loss is (nan|inf) .* learning rate 1e\+38, expected"):
        train(recipe_of(learning_rate=1e38, max_epochs=30))


def test_a_validation_loss_that_is_no_number_stops_too():
    broken = Clips([np.full((2, 3), np.nan, np.float32)], [0])
    with pytest.raises(FeatureError, match="validation loss is nan after 0 epochs"):
        train(ADAM, validation=broken)


@pytest.mark.parametrize("empty", ["training", "validation"])
def test_a_part_without_clips_is_refused(empty):
    parts = {"training": clips(), "validation": clips()} | {empty: Clips([], [])}
    with pytest.raises(FeatureError, match=f"network 4: no labelled {empty} clip with sound"):
        training.train(*parts.values(), ADAM, n_classes=2, session=Session(1))


def test_labelled_leaves_out_clips_without_features_or_with_hidden_labels():
    features = {"a": np.zeros((1, 1)), "b": np.ones((1, 1))}
    part = training.labelled(features, {"a": "?", "b": "fear", "c": "fear"}, "abc", ["anger", "fear"])
    assert (part.features, part.labels) == ([features["b"]], [1])


def test_metrics_of_known_posteriors(monkeypatch):
    posteriors = [np.float32([[0.5, 0.5], [0.25, 0.75]]), np.float32([[0.0, 1.0]])]
    monkeypatch.setattr(training, "frame_posteriors", lambda _model, _features: posteriors)
    found = training.evaluate(None, Clips([None, None], [1, 1]))
    assert found["accuracy"] == 1
    assert found["frame_loss"] == pytest.approx(-(np.log(0.5) + np.log(0.75)) / 3)
    assert found["clip_loss"] == pytest.approx(-np.log(0.625) / 2)


def test_nothing_is_written_or_printed(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    train(ADAM)
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_slurm_is_not_asked(monkeypatch):
    for name, value in {"SLURM_NTASKS": "4", "SLURM_JOB_NAME": "x", "SLURM_PROCID": "0"}.items():
        monkeypatch.setenv(name, value)
    assert train(replace(ADAM, max_epochs=1)).history


def test_a_signal_ends_training_as_it_would_without_lightning(monkeypatch):
    seen = []
    evaluate = training.evaluate
    monkeypatch.setattr(training, "evaluate", lambda *a: seen.append(signal.getsignal(signal.SIGTERM)) or evaluate(*a))
    train(replace(ADAM, max_epochs=1))
    assert seen[-1] == signal.SIG_DFL


def test_training_in_another_thread_leaves_signals_alone():
    thread = threading.Thread(target=train, args=[replace(ADAM, max_epochs=1)])
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_progress_is_told_epoch_by_epoch(monkeypatch):
    monkeypatch.setattr(training, "Progress", partial(Progress, every_s=0))
    told = []
    trained = train(replace(ADAM, max_epochs=4), tell=told.append)
    assert [line.partition(":")[0] for line in told] == [f"epoch {n} of at most 4" for n in (1, 2, 3, 4)]
    assert f"val_loss {trained.history[1]['val_loss']:.4g}, val_accuracy" in told[1]
    assert all("left" in line for line in told[:3])
    assert told[3].endswith(f"best epoch {trained.best_epoch}; done in 0 s")


def test_the_last_line_of_progress_is_that_of_the_epoch_after_which_patience_ended():
    told = []
    trained = train(recipe_of(learning_rate=1e-9, patience=3), tell=told.append)
    assert told[-1].startswith(f"epoch {len(trained.history)} of at most 500: train_loss")
    assert "done in" in told[-1]


def test_a_gpu_is_compared_in_the_first_batch_and_passed_to_lightning(monkeypatch):
    """The computation stays on the CPU here; only the choice of the device is another."""
    asked, compared, trainer = [], [], training.lightning.trainer

    def moved(name, model, device, outputs):
        compared.append((name, device.type, [tuple(values.shape) for values in outputs(model)]))
        return copy.deepcopy(model)

    def on_cpu(max_epochs, *, accelerator):
        asked.append(accelerator)
        return trainer(max_epochs)

    monkeypatch.setattr(training.devices, "moved", moved)
    monkeypatch.setattr(training.lightning, "trainer", on_cpu)
    found = train(ADAM, device=torch.device("cuda"))
    monkeypatch.undo()
    expected = train(ADAM)
    assert torch.equal(weights(found), weights(expected))
    assert found.history == expected.history
    ((name, device, shapes),) = compared
    assert (name, device, asked) == ("network 4", "cuda", ["gpu"])
    assert shapes[0][1:] == (10, 2)
    assert shapes[1:] == [tuple(p.shape) for p in expected.model.parameters() if p.requires_grad]
