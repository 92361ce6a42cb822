"""Write the aligned faces of the clips of one job."""

from functools import cache

from emotiw.faces import search
from emotiw.jobs import per_clip, runtime
from emotiw.weights import loading


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["landmarks"], many=["media"])
    predictor = cache(lambda: loading.load_landmarks(args.landmarks))
    per_clip.from_media(args, "faces", lambda paths, clips: search.entries(paths, clips, args.settings, predictor()))


if __name__ == "__main__":
    runtime.start(main)
