"""Write the features of the clips of one job that another program has computed."""

from collections.abc import Sequence

from emotiw.imports import entries
from emotiw.imports.reading import KINDS, Reading
from emotiw.jobs import containment, per_clip, runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Read the file of each clip, check it and write its features."""
    args = runtime.arguments(__doc__, argv, one=["manifest"], texts=["job"])
    reading = Reading.of(args.stage["reading"], of_all=args.stage["reading"]["of_all"])
    with entries.Source(reading) as source:
        per_clip.from_media(args, KINDS[reading.level], source.entries)


if __name__ == "__main__":
    containment.start(main)
