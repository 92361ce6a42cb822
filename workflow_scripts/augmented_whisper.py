"""Write what Whisper's encoder says of altered copies of each clip's sound, pooled over the frames."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np

from emotiw.audio import augmentation, sound_entries, whisper
from emotiw.audio.sound import Floats
from emotiw.jobs import accelerator, containment, per_clip, runtime, store
from emotiw.statistics import pooling
from emotiw.weights import whisper_weights


def main(argv: Sequence[str] | None = None) -> None:
    """Compute the vectors of each clip's copies; the network is read only if a clip is not in the cache."""
    args = runtime.arguments(__doc__, argv, one=["audio", "weights"])
    settings, altered = args.settings["whisper"], args.settings["augmentation"]
    device = accelerator.device()

    @cache
    def network() -> whisper.Encoder:
        return whisper.on_device(whisper.encoder(whisper_weights.load(args.weights)), device, settings["layer"])

    def arrays(waveform: Floats) -> store.Arrays:
        copies = (augmentation.copy(waveform, number, altered) for number in range(altered["copies"]))
        frames = (whisper.heard_frames(copy, network(), **settings)[1] for copy in copies)
        return {"features": np.stack([pooling.pooled(values) for values in frames]).astype(np.float32)}

    def make(clips: Iterable[store.Entry]) -> Iterator[store.Entry]:
        return (sound_entries.entry(clip, arrays) for clip in clips)

    per_clip.from_entries(args, "audio", "copies", make, {"device": accelerator.describe(device)})


if __name__ == "__main__":
    containment.start(main)
