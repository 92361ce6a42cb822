"""Write what a layer of Whisper's encoder says of the frames of the clips of one job."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from emotiw.audio import sound_entries, whisper
from emotiw.audio.sound import Floats
from emotiw.jobs import accelerator, containment, per_clip, runtime, store
from emotiw.weights import whisper_weights


def main(argv: Sequence[str] | None = None) -> None:
    """Compute the frames of each clip's waveform; the network is read only if a clip is not in the cache."""
    args = runtime.arguments(__doc__, argv, one=["audio", "weights"])
    settings = {name: value for name, value in args.settings["whisper"].items() if name != "storage"}
    storage, device = args.settings["whisper"]["storage"], accelerator.device()

    @cache
    def network() -> whisper.Encoder:
        return whisper.on_device(whisper.encoder(whisper_weights.load(args.weights)), device, settings["layer"])

    def arrays(waveform: Floats) -> store.Arrays:
        times, values = whisper.heard_frames(waveform, network(), **settings)
        return {"features": values, "time": times}

    def make(clips: Iterable[store.Entry]) -> Iterator[store.Entry]:
        return store.narrowed((sound_entries.entry(clip, arrays) for clip in clips), storage)

    facts = {"device": accelerator.describe(device), "storage": storage}
    per_clip.from_entries(args, "audio", "frame_features", make, facts)


if __name__ == "__main__":
    containment.start(main)
