"""Training of the expression network: schedule, losses, pictures, and a stopped run that goes on exactly."""

from dataclasses import MISSING, fields, replace

import numpy as np
import pytest
import torch

from emotiw.core.errors import FeatureError
from emotiw.jobs import settings
from emotiw.video import expression_data, expression_network, expression_training, fine_tuning_checkpoint
from emotiw.video.expression_data import Pictures
from emotiw.video.expression_recipe import Augmentation, Cycle, Phase, Recipe
from emotiw.video.fine_tuning_state import Session, State
from expression_fixtures import base_arrays, small  # noqa: F401

pytestmark = pytest.mark.usefixtures("small")
DEFAULTS = Recipe.of(settings.load([])["expression"])
RECIPE = replace(
    DEFAULTS,
    cycles=(Cycle(1e-3, 1, (Phase(1, 67),)), Cycle(5e-4, None, (Phase(1, 60), Phase(1, 100)))),
    batch_size=4,
    checkpoint_batches=2,
    warm_up=0.5,
)
ONE = replace(RECIPE, cycles=(Cycle(1e-3, 1, (Phase(1, 67),)),))
STILL = Augmentation(rotation_deg=0, scale=1, shift=0, mirrored=0, contrast=1, brightness=0)


def pictures(n, seed, votes=True):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(8), n)[:, :7].astype(np.float32) * votes
    return Pictures(rng.integers(0, 256, (n, 48, 48), dtype=np.uint8), rng.integers(0, 7, n), shares)


TRAIN, VALIDATION = pictures(13, 1), pictures(5, 2)


def network(seed=3):
    return expression_network.pretrained(base_arrays(), dropout=0.2, seed=seed)


@pytest.fixture
def whole():
    """A run that was never stopped, with every state that it saved and every line that it told."""
    states, lines, model = [], [], network()
    session = Session(3, save=states.append, tell=lines.append)
    expression_training.train(TRAIN, VALIDATION, model, RECIPE, session)
    return model, states, lines


def test_a_stopped_run_goes_on_exactly(whole, tmp_path):
    model, states, lines = whole
    assert [(state.epoch, state.batch) for state in states] == [(0, 2), (1, 0), (1, 2), (2, 0), (2, 2), (3, 0)]
    assert [line.partition(":")[0] for line in lines] == ["epoch 1", "epoch 2", "epoch 3"]
    assert [epoch["size"] for epoch in states[-1].history] == [67, 60, 100]
    assert all(np.isfinite(list(epoch.values())).all() for epoch in states[-1].history)
    for stop in (0, 1, 2, 4, 5):
        fine_tuning_checkpoint.save(tmp_path / "state.safetensors", states[stop], identity="run")
        torch.manual_seed(99)
        resumed = network(seed=8)
        state = fine_tuning_checkpoint.load(tmp_path / "state.safetensors", identity="run")
        end = expression_training.train(TRAIN, VALIDATION, resumed, RECIPE, Session(3, state=state))
        assert end.history == states[-1].history
        for name, values in model.state_dict().items():
            assert torch.equal(values, resumed.state_dict()[name]), (stop, name)


def test_frozen_blocks_learn_in_the_cycle_that_frees_them(whole):
    states = whole[1]
    start = network().state_dict()
    first = "blocks.0.first.convolution.weight"
    torch.testing.assert_close(states[1].model[first], start[first], rtol=0, atol=0)
    assert not torch.equal(states[-1].model[first], start[first])
    assert states[1].momentum == {}  # a cycle begins without moments


def test_another_seed_trains_another_network(whole):
    end = expression_training.train(TRAIN, VALIDATION, network(), RECIPE, Session(4))
    assert end.history != whole[1][-1].history


def test_without_votes_the_head_of_the_labels_is_trained_alone():
    model = network()
    del model.heads["votes"]
    end = expression_training.train(pictures(8, 1, votes=False), VALIDATION, model, ONE, Session(3))
    assert set(end.history[0]) == {"train_loss", "val_labels_loss", "val_accuracy", "size"}


def test_a_recipe_has_no_defaults_but_those_of_the_configuration():
    assert all(field.default is MISSING for field in fields(Recipe))
    given = settings.load([])["expression"]
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'warm_up'"):
        Recipe.of({name: value for name, value in given.items() if name != "warm_up"})


def test_the_rate_rises_and_falls_as_half_a_cosine():
    recipe = replace(RECIPE, warm_up=0.2)
    rates = [recipe.rate(done) for done in (0, 0.1, 0.2, 0.6, 1)]
    np.testing.assert_allclose(rates, [0, 0.5, 1, 0.5, 0], atol=1e-12)


def test_the_size_of_the_pictures_follows_the_phases():
    cycles = (Cycle(1, None, (Phase(2, 70), Phase(1, 90))), Cycle(1, 3, (Phase(2, 80),)))
    recipe = replace(RECIPE, cycles=cycles)
    assert [recipe.size_of(epoch) for epoch in range(6)] == [70, 70, 90, 80, 80, 80]
    assert (recipe.max_epochs, recipe.size) == (5, 80)
    assert [recipe.cycle_of(epoch)[1] for epoch in range(6)] == [0, 0, 0, 3, 3, 3]


def test_the_losses_are_their_definitions():
    logits = {name: torch.randn((5, 7), generator=torch.Generator().manual_seed(i)) for i, name in enumerate("ab")}
    logits = {"labels": logits["a"], "votes": logits["b"]}
    found = expression_training.losses(
        logits, torch.from_numpy(VALIDATION.labels), torch.from_numpy(VALIDATION.shares), smoothing=0.1
    )
    log_p = {name: np.log(np.exp(z.numpy()) / np.exp(z.numpy()).sum(1, keepdims=True)) for name, z in logits.items()}
    target = np.full((5, 7), 0.1 / 7)
    target[np.arange(5), VALIDATION.labels] += 0.9
    assert found["labels"].item() == pytest.approx(-(target * log_p["labels"]).sum(1).mean(), rel=1e-5)
    assert found["votes"].item() == pytest.approx(-(VALIDATION.shares * log_p["votes"]).sum(1).mean(), rel=1e-5)


def test_a_loss_that_is_not_finite_ends_the_training():
    model = network()
    with torch.no_grad():
        model.heads["labels"].bias[0] = torch.nan
    with pytest.raises(FeatureError, match=r"seed 3: loss is nan in epoch 1, batch 1.*lower learning_rate"):
        expression_training.train(TRAIN, VALIDATION, model, RECIPE, Session(3))


def test_progress_names_the_time_left(monkeypatch):
    monkeypatch.setattr(expression_training, "LOG_EVERY", 2)
    lines, recipe = [], replace(RECIPE, cycles=(Cycle(1, 1, (Phase(1, 67), Phase(1, 134))),))
    run = expression_training._Run(network(), recipe, Session(0, state=State(batch=1), tell=lines.append))
    run.n_batches = 4
    monkeypatch.setattr(run, "snapshot", State)
    run.started -= 60  # a minute for one batch of 67 px; two more of these and four of four times the pixels are left
    run.on_train_batch_end(None, None, 0)
    assert lines == ["epoch 1 of 2, batch 2 of 4, loss 0.000, 18 min left"]


def test_augmentation_of_width_zero_scales_alone():
    found = expression_data.augmented(TRAIN.pixels, 100, STILL, np.random.default_rng(0))
    torch.testing.assert_close(found, expression_data.scaled(TRAIN.pixels, 100), rtol=0, atol=2e-3)


def test_a_mirrored_picture_is_the_picture_from_right_to_left():
    found = expression_data.augmented(TRAIN.pixels, 67, replace(STILL, mirrored=1), np.random.default_rng(0))
    torch.testing.assert_close(found, expression_data.scaled(TRAIN.pixels, 67).flip(3), rtol=0, atol=2e-3)


def test_the_light_changes_grey_levels_within_their_bounds():
    lit = replace(STILL, contrast=1.3, brightness=20)
    flat = np.full((200, 48, 48), 100, np.uint8)
    levels = expression_data.augmented(flat, 67, lit, np.random.default_rng(0)).mean(dim=(1, 2, 3)).numpy()
    assert levels.min() >= 80 - 1e-3
    assert levels.max() <= 120 + 1e-3
    assert np.ptp(levels) > 30
    step = np.where(np.arange(48) < 24, 90, 110).astype(np.uint8) * np.ones((200, 48, 1), np.uint8)
    contrast = expression_data.augmented(step, 96, replace(lit, brightness=0), np.random.default_rng(0)).flatten(1)
    heights = (contrast.max(dim=1).values - contrast.min(dim=1).values).numpy() / 20
    assert heights.min() >= 1 / 1.3 - 1e-3
    assert heights.max() <= 1.3 + 1e-3


def test_pictures_are_turned_shifted_and_scaled_within_their_bounds():
    spot = np.zeros((300, 48, 48), np.uint8)
    spot[:, 23:25, 23:25] = 255
    moved = expression_data.augmented(spot, 96, replace(STILL, shift=0.1), np.random.default_rng(0))[:, 0].numpy()
    mass = moved.sum(axis=(1, 2))
    x = (moved.sum(axis=1) * np.arange(96)).sum(axis=1) / mass
    assert np.abs(x - 47.5).max() <= 9.7
    assert np.ptp(x) > 15
    sizes = expression_data.augmented(spot, 96, replace(STILL, scale=1.5), np.random.default_rng(0)).sum(dim=(1, 2, 3))
    ratio = sizes.numpy() / np.median(mass)
    assert ratio.min() > 0.9 / 1.5**2
    assert ratio.max() < 1.1 * 1.5**2
    assert ratio.max() > 1.5


def test_batches_continue_in_the_middle_of_an_epoch():
    whole = list(expression_data.Augmented(TRAIN, RECIPE, 3, lambda: (1, 0)))
    rest = list(expression_data.Augmented(TRAIN, RECIPE, 3, lambda: (1, 2)))
    assert [len(batch[1]) for batch in whole] == [4, 4, 4]
    assert len(rest) == 1
    for found, expected in zip(rest[0], whole[2], strict=True):
        assert torch.equal(found, expected)
