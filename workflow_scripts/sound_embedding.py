"""Write what a network in an ONNX file says of the sound of the clips of one job."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial

from emotiw.audio import onnx_sound, sound_entries
from emotiw.audio.sound import Floats
from emotiw.core import device_choice
from emotiw.jobs import containment, per_clip, runtime, store
from emotiw.weights import onnx_network

KINDS = {"frame": "frame_features", "clip": "clip_features"}


def main(argv: Sequence[str] | None = None) -> None:
    """Compute the features of each clip's waveform; the network is read only if a clip is not in the cache."""
    args = runtime.arguments(__doc__, argv, one=["audio", "network"])
    name, gpu = args.stage["sound_embedding"], device_choice.may_use_gpu()
    settings = args.settings["sound_embeddings"][name]
    network = cache(partial(onnx_sound.read, args.network, name, settings, gpu=gpu))

    def arrays(waveform: Floats) -> store.Arrays:
        return onnx_sound.features(waveform, network())

    def make(clips: Iterable[store.Entry]) -> Iterator[store.Entry]:
        return store.narrowed((sound_entries.entry(clip, arrays) for clip in clips), settings["storage"])

    facts = {"device": onnx_network.device(gpu=gpu), "storage": settings["storage"]}
    per_clip.from_entries(args, "audio", KINDS[settings["level"]], make, facts)


if __name__ == "__main__":
    containment.start(main)
