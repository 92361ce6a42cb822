"""Write the eGeMAPS frames of the clips of one job."""

from collections.abc import Sequence

from emotiw.audio import egemaps
from emotiw.jobs import containment, per_clip, runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Compute the eGeMAPS frames of each clip's waveform, and write them with the names of their columns."""
    args = runtime.arguments(__doc__, argv, one=["audio"])
    settings = args.settings["egemaps"]
    facts = {"columns": egemaps.columns(**settings)}
    per_clip.from_entries(args, "audio", "frame_features", lambda clips: egemaps.frame_entries(clips, settings), facts)


if __name__ == "__main__":
    containment.start(main)
