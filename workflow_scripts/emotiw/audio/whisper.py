"""Encoder of Whisper (Radford et al. 2022), and what its layers say of consecutive frames of sound.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", arXiv:2212.04356, 2022. The encoder is a
transformer with layer normalisation before each part (Vaswani et al. 2017). Its weights stay as they were published.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from emotiw.audio import log_mel, sound
from emotiw.audio.sound import Floats, TooShortError
from emotiw.core.errors import FeatureError
from emotiw.jobs import devices

STEP_SAMPLES = 2 * log_mel.HOP  # of a frame of the encoder: 20 ms
STEP_S = STEP_SAMPLES / sound.RATE_HZ


@dataclass(frozen=True)
class Size:
    """Size of an encoder; the defaults are those of Whisper-base (Radford et al. 2022, table 1).

    Attributes
    ----------
    width, hidden : int
        Values of a frame, and of the hidden layer of the feed-forward networks.
    heads, layers : int
    positions : int
        Largest number of frames: those of 30 s.
    """

    width: int = 512
    hidden: int = 2048
    heads: int = 8
    layers: int = 6
    positions: int = 1500


BASE = Size()


class Attention(nn.Module):
    """Self-attention with several heads; keys have no bias."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads = size.heads
        self.q_proj = nn.Linear(size.width, size.width)
        self.k_proj = nn.Linear(size.width, size.width, bias=False)
        self.v_proj = nn.Linear(size.width, size.width)
        self.out_proj = nn.Linear(size.width, size.width)

    def forward(self, frames: Tensor) -> Tensor:
        """Attend from each of `frames`, (n, width), to all of them."""
        queries, keys, values = (
            project(frames).unflatten(1, (self.heads, -1)).transpose(0, 1)[None]  # (1, heads, n, width / heads)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = scaled_dot_product_attention(queries, keys, values)[0]
        out: Tensor = self.out_proj(attended.transpose(0, 1).flatten(1))
        return out


class Layer(nn.Module):
    """Self-attention and a feed-forward network, each added to what is normalised before it."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.self_attn_layer_norm = nn.LayerNorm(size.width)
        self.self_attn = Attention(size)
        self.final_layer_norm = nn.LayerNorm(size.width)
        self.fc1 = nn.Linear(size.width, size.hidden)
        self.fc2 = nn.Linear(size.hidden, size.width)

    def forward(self, frames: Tensor) -> Tensor:
        """Transform `frames`, (n, width)."""
        frames = frames + self.self_attn(self.self_attn_layer_norm(frames))
        out: Tensor = frames + self.fc2(gelu(self.fc1(self.final_layer_norm(frames))))
        return out


class Encoder(nn.Module):
    """Encoder of Whisper; names of the parameters as in the package `transformers`.

    Parameters
    ----------
    size : Size
    """

    def __init__(self, size: Size = BASE) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(log_mel.N_MELS, size.width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(size.width, size.width, kernel_size=3, stride=2, padding=1)
        # filling it with random numbers on the device "meta" would import the compiler of torch, 1.5 s
        positions = torch.empty(size.positions, size.width)
        self.embed_positions = nn.Embedding(size.positions, size.width, _weight=positions)
        self.layers = nn.ModuleList(Layer(size) for _ in range(size.layers))
        self.layer_norm = nn.LayerNorm(size.width)

    def forward(self, spectrogram: Tensor, layer: int) -> Tensor:
        """Return the output of a layer, (n, width), of a log-mel spectrogram, (80, 2 n)."""
        return self.outputs(spectrogram, [layer])[0]

    def outputs(self, spectrogram: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Return the outputs of several layers, (n, width) each, of a log-mel spectrogram, (80, 2 n).

        Layer 0 is the sum of the convolutions' output and the positions. The last layer is followed by the last layer
        normalisation, as in Whisper.
        """
        maps = gelu(self.conv2(gelu(self.conv1(spectrogram[None]))))
        frames: Tensor = maps[0].T
        frames = frames + self.embed_positions.weight[: len(frames)]
        made = {0: frames}
        for number in range(max(layers)):
            frames = self.layers[number](frames)
            made[number + 1] = frames
        made[len(self.layers)] = self.layer_norm(frames) if max(layers) == len(self.layers) else frames
        return [made[layer] for layer in layers]


def shapes(size: Size = BASE) -> dict[str, tuple[int, ...]]:
    """Shape of each array of an encoder, by name."""
    with torch.device("meta"):
        return {name: tuple(values.shape) for name, values in Encoder(size).state_dict().items()}


def encoder(arrays: Mapping[str, npt.NDArray[Any]], size: Size = BASE) -> Encoder:
    """Make an encoder with given weights.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Weights with the names and shapes of `shapes`.
    size : Size
    """
    with torch.device("meta"):
        model = Encoder(size)
    state = {name: torch.from_numpy(np.array(values, np.float32)) for name, values in arrays.items()}
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def on_device(model: Encoder, device: torch.device, layer: int | Sequence[int]) -> Encoder:
    """Move the encoder to a device, and check that its layers' outputs there equal the CPU's up to rounding.

    Raises
    ------
    FeatureError
        If its outputs for a second of fixed noise differ by more than `agreement.AGREEMENT` times the largest of them.
    """
    layers = [layer] if isinstance(layer, int) else layer
    noise = torch.rand(sound.RATE_HZ, generator=torch.Generator().manual_seed(0)) * 2 - 1
    spectrogram = torch.from_numpy(log_mel.log_mel(noise.numpy()))[:, : 2 * model.embed_positions.num_embeddings]
    return devices.moved("Whisper", model, device, lambda network: [_output(network, spectrogram, layers)])


def frames(
    waveform: Floats, model: Encoder, *, layer: int | Sequence[int], frame_length_s: float, padded: bool
) -> tuple[npt.NDArray[np.float64], Floats]:
    """Start times (n_frames,) in s and values (n_frames, n_layers * width) of consecutive frames of a waveform.

    The encoder gives a vector each 20 ms. A frame is the mean of the vectors of its length; a last frame that the sound
    does not fill is left out. Sound of more than 30 s is cut into pieces of 30 s, so memory is bounded.

    Parameters
    ----------
    waveform : ndarray
        float32 (n_samples,) in [-1, 1], mono, 16 kHz.
    model : Encoder
        From `encoder`, or `on_device`.
    layer : int or sequence of int
        Layer whose output is returned: 1 is the first after the convolutions. The values of several layers stand side
        by side, in the given order.
    frame_length_s : float
        Length of a frame and distance between frames, a multiple of 0.02 s.
    padded : bool
        Whether each piece is filled up with zeros to 30 s before the spectrogram is computed, as in the training of
        Whisper. Vectors of the zeros are dropped.

    Raises
    ------
    sound.TooShortError
        If the waveform is shorter than one frame.
    FeatureError
        If the waveform does not have the stated form, if the layer or the frame length does not exist, or if a value is
        not finite.
    """
    sound.check(waveform)
    steps = _steps(frame_length_s)
    layers = [layer] if isinstance(layer, int) else list(layer)
    if not layers or not all(0 <= number <= len(model.layers) for number in layers):
        raise FeatureError(f"whisper.layer is {layer}; expected 0 to {len(model.layers)}; change it")
    longest = model.embed_positions.num_embeddings * STEP_SAMPLES
    pieces = [waveform[start : start + longest] for start in range(0, waveform.size, longest)]
    vectors = [_vectors(piece, model, layers, longest if padded else 0) for piece in pieces]
    width = len(layers) * model.embed_positions.embedding_dim
    joined = np.concatenate([np.zeros((0, width), np.float32), *vectors])
    n_frames = len(joined) // steps
    if not n_frames:
        found = f"{waveform.size / sound.RATE_HZ} s of sound, too short for one frame of {frame_length_s} s"
        raise TooShortError(f"Whisper: {found}; leave the clip out")
    values: Floats = joined[: n_frames * steps].reshape(n_frames, steps, width).mean(axis=1)
    if not np.isfinite(values).all():
        raise FeatureError("Whisper: values are not finite; expected numbers; check the weights or leave the clip out")
    return np.arange(n_frames, dtype=np.float64) * frame_length_s, values


def heard_frames(
    waveform: Floats, model: Encoder, *, silence_db: float | None, **settings: Any
) -> tuple[npt.NDArray[np.float64], Floats]:
    """`frames` without the silent ones.

    Parameters
    ----------
    waveform, model, **settings
        As in `frames`.
    silence_db : float or None
        Frames whose power is more than this many dB below that of the loudest frame are left out. None: none is.
    """
    times, values = frames(waveform, model, **settings)
    if silence_db is None:
        return times, values
    length = _steps(settings["frame_length_s"]) * STEP_SAMPLES
    heard = sound.active(waveform, length, len(times), silence_db)
    return times[heard], values[heard]


def _vectors(piece: Floats, model: Encoder, layers: Sequence[int], length: int) -> Floats:
    """Vectors (n_samples // 320, n_layers * width) of a piece of sound, filled up to `length` samples."""
    n_vectors = piece.size // STEP_SAMPLES
    if not n_vectors:
        return np.zeros((0, len(layers) * model.embed_positions.embedding_dim), np.float32)
    filled = np.pad(piece, (0, max(0, length - piece.size)))
    spectrogram = torch.from_numpy(log_mel.log_mel(filled))
    return _output(model, spectrogram, layers)[:n_vectors].numpy()


def _output(model: Encoder, spectrogram: Tensor, layers: Sequence[int]) -> Tensor:
    """Compute outputs of layers, side by side, on the CPU."""
    with torch.inference_mode(), devices.exact():
        return torch.cat(model.outputs(spectrogram.to(devices.device_of(model)), layers), dim=1).cpu()


def _steps(frame_length_s: float) -> int:
    steps = round(frame_length_s / STEP_S)
    if steps < 1 or not np.isclose(steps * STEP_S, frame_length_s):
        raise FeatureError(f"whisper.frame_length_s is {frame_length_s}; expected a multiple of {STEP_S}; change it")
    return steps
