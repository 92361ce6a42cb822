import numpy as np
import pytest
import torch

from emotiw.audio import blstm, permutation
from emotiw.core.errors import FeatureError

LENGTHS = [7, 3, 1, 5]


def network(layers=(6, 4), *, n_inputs=5, init_range=0.4, peepholes=False):
    generator = torch.Generator().manual_seed(3)
    model = blstm.BLSTM(n_inputs, layers, 3, peepholes=peepholes)
    return blstm.initialise(model, init_range=init_range, generator=generator)


def clips(lengths=LENGTHS, n_inputs=5):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, n_inputs)).astype(np.float32) for n in lengths]


def packed(model, inputs, lengths):
    """Second implementation: torch's bidirectional LSTM over packed sequences."""
    x = torch.nn.utils.rnn.pack_padded_sequence(inputs, lengths, enforce_sorted=False)
    for layer in model.layers:
        both = torch.nn.LSTM(layer.ahead.input_size, layer.ahead.hidden_size, bidirectional=True)
        weights = layer.ahead.state_dict()
        weights |= {f"{name}_reverse": values for name, values in layer.back.state_dict().items()}
        both.load_state_dict(weights)
        x, _ = both(x)
    return model.output(torch.nn.utils.rnn.pad_packed_sequence(x)[0])


def test_logits_equal_those_of_packed_bidirectional_lstms():
    model, (inputs, lengths) = network(), blstm.padded(clips())
    found, expected = model(inputs, blstm.reversal(lengths, len(inputs))), packed(model, inputs, lengths)
    for column, n in enumerate(LENGTHS):
        torch.testing.assert_close(found[:n, column], expected[:n, column], atol=1e-6, rtol=0)


def test_gradients_equal_those_of_packed_bidirectional_lstms():
    (inputs, lengths), real = blstm.padded(clips()), torch.arange(7)[:, None] < torch.tensor(LENGTHS)
    model = network()
    gradients = []
    for x in (inputs.clone().requires_grad_(), inputs.clone().requires_grad_()):
        logits = model(x, blstm.reversal(lengths, len(x))) if not gradients else packed(model, x, lengths)
        logits[real].square().sum().backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=0)


def test_gradient_of_the_flip_is_exact():
    values = torch.randn(4, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    rows = blstm.reversal(torch.tensor([4, 2]), 4)
    assert torch.autograd.gradcheck(lambda x: permutation.permute(x, rows), values)


def test_reversal_turns_the_real_frames_and_leaves_the_padding():
    rows = blstm.reversal(torch.tensor([3, 2]), 3)
    frames = torch.tensor([[10, 20], [11, 21], [12, 0]]).flatten()
    assert frames[rows].view(3, 2).tolist() == [[12, 21], [11, 20], [10, 0]]
    assert torch.equal(rows[rows], torch.arange(6))


def test_a_clip_alone_and_in_a_batch_has_the_same_posteriors():
    model, features = network(), clips()
    for together, clip in zip(blstm.frame_posteriors(model, features), features, strict=True):
        (alone,) = blstm.frame_posteriors(model, [clip])
        np.testing.assert_allclose(together, alone, atol=1e-6, rtol=0)


def test_what_is_padded_does_not_matter():
    model, (inputs, lengths) = network(), blstm.padded(clips())
    loud = inputs.clone()
    loud[torch.arange(7)[:, None] >= lengths] = 1e3
    rows = blstm.reversal(lengths, len(inputs))
    quiet, found = model(inputs, rows), model(loud, rows)
    for column, n in enumerate(LENGTHS):
        assert torch.equal(quiet[:n, column], found[:n, column])


def test_both_directions_see_the_whole_clip():
    model, (clip,) = network(), clips([6])
    first, last = clip.copy(), clip.copy()
    first[0] += 1
    last[-1] += 1
    posteriors = [blstm.frame_posteriors(model, [x])[0] for x in (clip, first, last)]
    assert not np.allclose(posteriors[0][-1], posteriors[1][-1], atol=1e-6)
    assert not np.allclose(posteriors[0][0], posteriors[2][0], atol=1e-6)


def test_posteriors_come_in_the_given_order_and_sum_to_one():
    posteriors = blstm.frame_posteriors(network(), clips(list(range(23, 0, -1))))
    assert [len(p) for p in posteriors] == list(range(23, 0, -1))
    assert all(np.allclose(p.sum(axis=1), 1, atol=1e-6) for p in posteriors)


def test_clip_score_is_the_mean_of_its_frames():
    scores = blstm.clip_scores([np.float32([[0.5, 0.5], [0.25, 0.75]]), np.float32([[1, 0]])])
    assert scores.tolist() == [[0.375, 0.625], [1, 0]]


@pytest.mark.parametrize("layers", [[], [3], [4, 0], [-2]])
def test_layers_that_cannot_be_halved_are_refused(layers):
    with pytest.raises(FeatureError, match="positive even numbers, half of the units"):
        blstm.BLSTM(5, layers, 3)


def test_weights_are_uniform_within_the_range_and_one_bias_a_gate():
    model = network((40,), init_range=0.1)
    weights = torch.cat([p.detach().flatten() for p in model.parameters() if p.requires_grad])
    assert weights.abs().max() <= 0.1 + 1e-6
    assert weights.std() == pytest.approx(0.2 / 12**0.5, rel=0.05)
    assert not any(p.any() or p.requires_grad for name, p in model.named_parameters() if "bias_hh" in name)


def test_weights_follow_the_generator_only():
    torch.manual_seed(1)
    first = network().state_dict()
    torch.manual_seed(2)
    second = network().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_dropout_drops_its_share_and_keeps_the_mean():
    noise = blstm.Noise(torch.Generator().manual_seed(0), dropout=0.25)
    outputs = noise.drop(torch.ones(200, 200))
    assert outputs.unique().tolist() == pytest.approx([0, 4 / 3])
    assert outputs.mean() == pytest.approx(1, abs=0.01)


def test_input_noise_has_its_deviation():
    noise = blstm.Noise(torch.Generator().manual_seed(0), inputs=0.5)
    assert noise.add_to(torch.zeros(200, 200)).std() == pytest.approx(0.5, rel=0.02)


def test_noise_changes_the_logits_only_while_training():
    model, (inputs, lengths) = network(), blstm.padded(clips())
    noise, rows = blstm.Noise(torch.Generator().manual_seed(0), inputs=0.5, dropout=0.5), blstm.reversal(lengths, 7)
    assert not torch.allclose(model(inputs, rows, noise), model(inputs, rows))
    assert torch.equal(model(inputs, rows, blstm.Noise(noise.generator)), model(inputs, rows))
