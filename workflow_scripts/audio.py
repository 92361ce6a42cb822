"""Write the 16 kHz mono waveforms of the clips of one job."""

from collections.abc import Sequence

from emotiw.jobs import containment, per_clip, runtime
from emotiw.media import waveform


def main(argv: Sequence[str] | None = None) -> None:
    """Decode, convert and write the waveforms."""
    args = runtime.arguments(__doc__, argv, one=["manifest"], texts=["job"])
    per_clip.from_media(args, "audio", lambda paths, clips: waveform.entries(paths, clips, args.settings))


if __name__ == "__main__":
    containment.start(main)
