"""Write the predicted class of every clip whose label is hidden, one file per clip, as the EmotiW challenge asks."""

import csv
from collections.abc import Sequence

from emotiw.core import files
from emotiw.corpora import manifest
from emotiw.evaluation import submission
from emotiw.jobs import runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Read the predictions of a run; write the submission files into the output folder."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "predictions"])
    with args.predictions.open(newline="", encoding="utf-8") as stream:
        texts = submission.texts(manifest.read(args.manifest), csv.DictReader(stream))
    for name, text in texts.items():
        files.write_atomic(args.output / name, text.encode())


if __name__ == "__main__":
    runtime.start(main)
