"""Write the openSMILE functionals of the whole clips of one job, for the challenge's audio baseline."""

from collections.abc import Sequence

from emotiw.audio import functionals
from emotiw.jobs import containment, per_clip, runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Compute the functionals of each clip's waveform, and write them with the names of their columns."""
    args = runtime.arguments(__doc__, argv, one=["audio"])
    settings = args.settings["functionals"]
    facts = {"columns": functionals.utterance_columns(**settings)}
    per_clip.from_entries(
        args, "audio", "clip_features", lambda clips: functionals.utterance_entries(clips, settings), facts
    )


if __name__ == "__main__":
    containment.start(main)
