"""Write the posteriors that the expression network gives the faces of the clips of one job."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from emotiw.core.emotions import EMOTIONS
from emotiw.core.status import Status
from emotiw.jobs import containment, per_clip, runtime, store
from emotiw.video.expression_posteriors import posteriors
from emotiw.weights import expression_weights
from emotiw.weights.loading import Weights


def main(argv: Sequence[str] | None = None) -> None:
    """Apply the heads to the features of each clip; the network is read only if a clip is not in the cache."""
    args = runtime.arguments(__doc__, argv, one=["expression", "weights"])
    head = args.settings["expression"]["head"]

    @cache
    def arrays() -> Weights:
        return expression_weights.load(args.weights)[0]

    def make(clips: Iterable[store.Entry]) -> Iterator[store.Entry]:
        for clip in clips:
            described: store.Arrays = {}
            if clip.status == Status.OK:
                values = posteriors(clip.arrays["features"], arrays(), head)
                described = {"features": values, "time": clip.arrays["time"]}
            yield replace(clip, arrays=described)

    per_clip.from_entries(args, "expression", "frame_features", make, {"columns": list(EMOTIONS)})


if __name__ == "__main__":
    containment.start(main)
