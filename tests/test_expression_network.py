"""The expression network: calibrated and folded without a change, frozen layers, heads, mirror images."""

import contextlib

import pytest
import torch

from emotiw.video import expression_network
from emotiw.weights import expression_layers, expression_weights, fer2013
from expression_fixtures import base_arrays, small  # noqa: F401

pytestmark = pytest.mark.usefixtures("small")
IMAGES = torch.rand((6, 1, 67, 67), generator=torch.Generator().manual_seed(1)) * 255


@pytest.fixture
def model():
    model = expression_network.pretrained(base_arrays(), dropout=0.5, seed=2)
    expression_network.calibrate(model, IMAGES)
    return model.eval()


def test_calibration_changes_no_output(model):
    other = expression_network.pretrained(base_arrays(), dropout=0.5, seed=2)
    expression_network.calibrate(other, IMAGES[:3].flip(3) / 2)
    torch.testing.assert_close(other.eval().features(IMAGES), model.features(IMAGES), rtol=1e-4, atol=1e-5)


def test_calibration_normalises_the_pictures_it_is_given(model):
    layer = model.stem
    maps = layer.convolution(IMAGES)
    torch.testing.assert_close(layer.normalisation.running_mean, maps.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(layer.normalisation.running_var, maps.var(dim=(0, 2, 3), unbiased=False))


def test_a_trained_network_is_written_without_normalisation(model):
    model.train()
    for _ in range(3):
        model(IMAGES)  # moves the statistics
    arrays = expression_network.folded(model.eval())
    assert {name: values.shape for name, values in arrays.items()} == expression_layers.trained_shapes()
    used = expression_network.trained(arrays)
    assert not any("normalisation" in name for name, _ in used.named_parameters())
    for name, logits in model(IMAGES).items():
        torch.testing.assert_close(used(IMAGES)[name], logits, rtol=1e-4, atol=1e-4)


def test_a_network_without_votes_has_one_head(model):
    del model.heads["votes"]
    arrays = expression_network.folded(model)
    assert set(expression_layers.trained_shapes()) - set(arrays) == set(expression_weights.OPTIONAL)
    assert list(expression_network.trained(arrays)(IMAGES)) == ["labels"]


def test_training_begins_at_nearly_equal_posteriors(model):
    posteriors = torch.softmax(model(IMAGES)["labels"], dim=1)
    assert (posteriors - 1 / 7).abs().max() < 0.1


@pytest.mark.parametrize(("n_blocks", "frozen"), [(None, []), (0, ["stem"]), (2, ["stem", "blocks.0", "blocks.1"])])
def test_frozen_layers_keep_weights_and_statistics(model, n_blocks, frozen):
    model.freeze(n_blocks)
    model.train()
    before = {name: values.clone() for name, values in model.state_dict().items()}
    optimiser = torch.optim.SGD([weights for weights in model.parameters() if weights.requires_grad], lr=1.0)
    sum(logits.square().sum() for logits in model(IMAGES).values()).backward()
    optimiser.step()
    changed = {name for name, values in model.state_dict().items() if not torch.equal(values, before[name])}
    parts = {name for name in before if any(name.startswith(f"{part}.") for part in frozen)}
    assert not changed & parts
    expected = {name for name in before if name.endswith("normalisation.running_mean")} - parts
    assert expected <= changed


def test_a_mirrored_picture_has_the_same_mean_feature(model):
    mirrored = expression_network.mean_features(model, IMAGES.flip(3), mirrored=True)
    torch.testing.assert_close(expression_network.mean_features(model, IMAGES, mirrored=True), mirrored)
    plain = expression_network.mean_features(model, IMAGES, mirrored=False)
    torch.testing.assert_close(plain, model.features(IMAGES))
    assert not torch.allclose(plain, mirrored, rtol=1e-3)


def test_the_side_of_a_picture_is_that_of_fer2013():
    assert expression_layers.PICTURE == fer2013.SIDE


@pytest.mark.parametrize(("smaller", "side"), [(0, 3), (1, 2)])
def test_the_smallest_picture_fills_one_filter_of_the_last_level(model, smaller, side):
    seen = []
    model.blocks[3].register_forward_pre_hook(lambda _, maps: seen.append(maps[0].shape[2]))
    size = expression_layers.SMALLEST - smaller
    with contextlib.suppress(RuntimeError):
        model.features(torch.zeros(1, 1, size, size))
    assert seen == [side]
