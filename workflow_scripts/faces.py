"""Write the aligned faces of the clips of one job."""

from collections.abc import Sequence
from functools import cache

from emotiw.faces import search
from emotiw.jobs import containment, per_clip, runtime
from emotiw.weights import loading


def main(argv: Sequence[str] | None = None) -> None:
    """Search, align and write the faces."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "landmarks"], texts=["job"])
    predictor = cache(lambda: loading.load_landmarks(args.landmarks))
    per_clip.from_media(args, "faces", lambda paths, clips: search.entries(paths, clips, args.settings, predictor()))


if __name__ == "__main__":
    containment.start(main)
