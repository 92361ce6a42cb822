"""Judge the clips of one job by a bundle, a row a clip."""

from emotiw.core import files
from emotiw.corpora import manifest
from emotiw.jobs import runtime
from emotiw.prediction import output_files
from emotiw.prediction.predictor import Predictor


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["bundle"], many=["media"])
    predictor = Predictor.load(args.bundle)
    records = [output_files.record(prediction) for prediction in predictor.predict(args.media)]
    rows = output_files.rows(records, predictor.bundle.classes)
    files.write_atomic(args.output, manifest.table_bytes(rows))


if __name__ == "__main__":
    runtime.start(main)
