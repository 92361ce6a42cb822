"""Features of sound by any network in an ONNX file; the configuration describes its inputs and its output.

The network is given pieces of a clip: samples or a log-mel spectrogram. It gives vectors in time, which become frames,
or one vector for each piece, whose mean is the vector of the clip.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotiw.audio import log_mel, sound
from emotiw.audio.sound import RATE_HZ, Floats, TooShortError
from emotiw.core.errors import FeatureError, WeightsError
from emotiw.weights import onnx_network
from emotiw.weights.onnx_network import FLOAT, Model

MASK_TYPES = {"tensor(int64)": "<i8", "tensor(int32)": "<i4", "tensor(bool)": "?", FLOAT: "<f4"}
EPSILON = 1e-7  # added to the variance of the waveform, as for wav2vec 2.0 and HuBERT

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Network:
    """A loaded network.

    Attributes
    ----------
    model : Model
        Runs it.
    source, sink : str
        Names of the input that is given the sound, and of the output that is read.
    types : mapping of str to str
        Types of the mask's and of the length's input, where the network has them.
    settings : mapping
        Its entry under `sound_embeddings` in the configuration; see `config.yaml`.
    """

    model: Model
    source: str
    sink: str
    types: Mapping[str, str]
    settings: Mapping[str, Any]

    @property
    def front_end(self) -> log_mel.Settings | None:
        """Settings of the spectrogram; None if the input is the waveform."""
        return log_mel.Settings.of(self.settings["log_mel"]) if self.settings["input"] == "log_mel" else None


def read(path: Path, name: str, settings: Mapping[str, Any], *, gpu: bool = False) -> Network:
    """Read an ONNX file, and check its SHA-256 and that its inputs and output are as the configuration says.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Name of the network in the configuration.
    settings : mapping
        Its entry in the configuration.
    gpu : bool
        Whether to use a GPU where ONNX Runtime has one.

    Raises
    ------
    WeightsError
        As in `onnx_network.read`, or if an input or the output is not as the configuration says.
    """
    model = onnx_network.read(path, f"sound_embeddings.{name}", settings["sha256"], gpu=gpu)
    inputs = {value.name: value for value in model.inputs}
    for option, rank in (("mask", 2), ("length", 1)):
        _check_second(model, inputs, settings[option], option, rank)
    others = {settings["mask"], settings["length"]} - {None}
    sources = [value for name, value in inputs.items() if name not in others]
    types = {name: MASK_TYPES[inputs[name].type] for name in others}
    source = _source(model, sources, settings)
    return Network(model, source, model.sink(settings["output"]), types, settings)


def features(waveform: Floats, network: Network) -> Arrays:
    """Features of a clip.

    Parameters
    ----------
    waveform : ndarray
        float32 (n_samples,) in [-1, 1], mono, 16 kHz.
    network : Network
        From `read`.

    Returns
    -------
    dict of str to ndarray
        Where `level` is `frame`: `features` (n_frames, n_values) and `time` (n_frames,), the starts of the frames in s;
        where it is `clip`: `features` (n_values,).

    Raises
    ------
    sound.TooShortError
        If the sound is shorter than `shortest_s`, or than one frame.
    FeatureError
        If the waveform does not have the stated form, if the network fails, or if its output has an unexpected shape or
        values that are not finite.
    """
    sound.check(waveform)
    samples = standardised(waveform) if network.settings["normalise"] == "clip" else waveform
    pieces = list(_pieces(samples, network))
    if not pieces:
        raise TooShortError(
            f"{network.model.subject}: {waveform.size / RATE_HZ} s of sound, too short for a piece of"
            f" {network.settings['shortest_s']} s; leave the clip out"
        )
    outputs = [_output(piece, network) for _, piece in pieces]
    if network.settings["level"] == "clip":
        weights = [piece.size for _, piece in pieces]
        return {"features": _finite(np.average(outputs, axis=0, weights=weights), network)}
    return _frames([start for start, _ in pieces], [piece.size for _, piece in pieces], outputs, network)


def standardised(waveform: Floats) -> Floats:
    """Waveform of mean 0 and variance 1, as wav2vec 2.0 and HuBERT expect it."""
    centred = waveform.astype(np.float64) - waveform.mean(dtype=np.float64)
    scaled: Floats = (centred / np.sqrt(centred.var() + EPSILON)).astype(np.float32)
    return scaled


def _pieces(samples: Floats, network: Network) -> Iterator[tuple[int, Floats]]:
    """Start and samples of each piece of at most `piece_s`; one that is shorter than `shortest_s` is left out."""
    longest = round(network.settings["piece_s"] * RATE_HZ)
    front_end = network.front_end
    least = 1 if front_end is None or network.settings["padded"] else front_end.shortest
    shortest = max(round(network.settings["shortest_s"] * RATE_HZ), least)
    for start in range(0, samples.size, longest):
        piece = samples[start : start + longest]
        if piece.size >= shortest:
            yield start, piece


def _output(piece: Floats, network: Network) -> npt.NDArray[Any]:
    """Output of the network for a piece: (n_vectors, n_values), or (n_values,) where `level` is `clip`."""
    settings, front_end = network.settings, network.front_end
    length = round(settings["piece_s"] * RATE_HZ) if settings["padded"] else piece.size
    filled = np.pad(piece, (0, length - piece.size))
    values = filled if front_end is None else log_mel.log_mel(filled, front_end)
    n_real = piece.size if front_end is None else min(values.shape[-1], -(-piece.size // front_end.hop))
    feeds = {network.source: _arranged(values, settings["layout"])} | _others(n_real, values.shape[-1], network)
    output = network.model.run(network.sink, feeds, f"{piece.size / RATE_HZ} s of sound")
    return _ordered(output, network)


def _arranged(values: Floats, layout: str) -> Floats:
    """Values (t,) or (f, t) with the axes of `layout`; n and c have the size 1."""
    turned = values.T if layout.find("t") < layout.find("f") else values
    sizes = iter(turned.shape)
    return np.ascontiguousarray(turned.reshape([next(sizes) if axis in "ft" else 1 for axis in layout]))


def _others(n_real: int, n_all: int, network: Network) -> Arrays:
    """Mask (1, n_all), which is 1 where there is sound, and length (1,), where the network takes them."""
    feeds: Arrays = {}
    if name := network.settings["mask"]:
        feeds[name] = (np.arange(n_all) < n_real)[None].astype(network.types[name])
    if name := network.settings["length"]:
        feeds[name] = np.array([n_real], network.types[name])
    return feeds


def _ordered(output: npt.NDArray[Any], network: Network) -> npt.NDArray[Any]:
    """Output with the axes (t, d) or (d,)."""
    layout = network.settings["output_layout"]
    if output.ndim != len(layout) or (layout.startswith("n") and len(output) != 1):
        axes = ", ".join("1" if axis == "n" else axis for axis in layout)
        raise FeatureError(
            f"{network.model.subject}: its output {network.sink!r} has the shape {output.shape}, expected ({axes});"
            " correct its output, level or output_layout"
        )
    first = output[0] if layout.startswith("n") else output
    return first.T if layout.endswith("dt") else first


def _frames(
    starts: Sequence[int], sizes: Sequence[int], outputs: Sequence[npt.NDArray[Any]], network: Network
) -> Arrays:
    """Frames of the vectors of all pieces; vectors beyond the end of the sound are dropped."""
    kept, times = [], []
    for start, size, output in zip(starts, sizes, outputs, strict=True):
        step = _step_samples(size, len(output), network)
        n_vectors = min(len(output), int(size / step + 1e-6))
        kept.append(output[:n_vectors])
        times.append((start + step * np.arange(n_vectors)) / RATE_HZ)
    frame_s, step_s = network.settings["frame_length_s"], step / RATE_HZ
    n_joined = 1 if frame_s is None else round(frame_s / step_s)
    joined, time = np.concatenate(kept), np.concatenate(times)
    n_frames = len(joined) // n_joined
    if not n_frames:
        raise TooShortError(
            f"{network.model.subject}: {sum(sizes) / RATE_HZ} s of sound, too short for one frame of"
            f" {frame_s or step_s} s; leave the clip out"
        )
    values = joined[: n_frames * n_joined].reshape(n_frames, n_joined, -1).mean(axis=1)
    return {"features": _finite(values, network), "time": time[: n_frames * n_joined : n_joined]}


def _step_samples(size: int, n_vectors: int, network: Network) -> float:
    """Return the samples between two vectors, and check that `step_s` fits their number."""
    settings = network.settings
    filled = round(settings["piece_s"] * RATE_HZ) if settings["padded"] else size
    if settings["step_s"] is None:
        return filled / max(1, n_vectors)
    expected = filled / RATE_HZ / settings["step_s"]
    if abs(n_vectors - expected) > max(4, expected / 4):
        raise FeatureError(
            f"{network.model.subject}: gives {n_vectors} vectors for {filled / RATE_HZ} s of sound, expected about"
            f" {expected:.0f}; correct its step_s or output_layout"
        )
    return float(settings["step_s"] * RATE_HZ)


def _finite(values: npt.NDArray[Any], network: Network) -> Floats:
    if not np.isfinite(values).all():
        raise FeatureError(
            f"{network.model.subject}: values of its output {network.sink!r} are not finite, expected numbers;"
            " correct its settings, or leave the clip out"
        )
    return values.astype(np.float32)


def _check_second(model: Model, inputs: Mapping[str, Any], name: str | None, option: str, rank: int) -> None:
    """Check the type and rank of the input for the mask or for the length."""
    if name is None:
        return
    value = inputs.get(name)
    kinds = [kind for kind in MASK_TYPES if option == "mask" or "int" in kind]
    if value is None or value.type not in kinds or len(value.shape) != rank:
        raise WeightsError(
            f"{model.subject}: takes {onnx_network.declared(model.inputs)}; expected {name!r} among these, of rank"
            f" {rank} and one of {', '.join(kinds)}: correct its {option}"
        )


def _source(model: Model, sources: Sequence[Any], settings: Mapping[str, Any]) -> str:
    """Name of the only input for the sound, which takes pieces of the configured form."""
    expected = _expected_shape(settings)
    fits = len(sources) == 1 and sources[0].type == FLOAT and len(sources[0].shape) == len(expected)
    if not fits or any(n != m for n, m in zip(sources[0].shape, expected, strict=True) if isinstance(n, int)):
        raise WeightsError(
            f"{model.subject}: takes {onnx_network.declared(model.inputs)}; expected one input {FLOAT}"
            f" {expected}, beside mask and length: correct its input, log_mel, layout, piece_s, padded, mask or length,"
            " or export it again"
        )
    name: str = sources[0].name
    return name


def _expected_shape(settings: Mapping[str, Any]) -> list[Any]:
    """Shape of the network's input; time has the size `any` if the network must take sound of any length."""
    length = round(settings["piece_s"] * RATE_HZ)
    if settings["input"] == "log_mel":
        front_end = log_mel.Settings.of(settings["log_mel"])
        bands, length = front_end.bands, front_end.columns(length)
    else:
        bands = 0
    size_of_axis = {"n": 1, "c": 1, "f": bands, "t": length if settings["padded"] else "any"}
    return [size_of_axis[axis] for axis in settings["layout"]]
