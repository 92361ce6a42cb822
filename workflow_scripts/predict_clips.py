"""Judge the clips of one job by a bundle, a row a clip."""

from emotiw import files, manifest, prediction_files, runtime
from emotiw.predict import Predictor


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["bundle"], many=["media"])
    predictor = Predictor.load(args.bundle)
    records = [prediction_files.record(prediction) for prediction in predictor.predict(args.media)]
    rows = prediction_files.rows(records, predictor.bundle.classes)
    files.write_atomic(args.output, manifest.table_bytes(rows))


if __name__ == "__main__":
    runtime.start(main)
