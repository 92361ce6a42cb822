"""Write the predicted class of every clip whose label is hidden, a file a clip, as the EmotiW challenge takes them."""

import csv

from emotiw.core import files
from emotiw.corpora import manifest
from emotiw.evaluation import submission
from emotiw.jobs import runtime


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "predictions"])
    with args.predictions.open(newline="", encoding="utf-8") as stream:
        texts = submission.texts(manifest.read(args.manifest), csv.DictReader(stream))
    for name, text in texts.items():
        files.write_atomic(args.output / name, text.encode())


if __name__ == "__main__":
    runtime.start(main)
