"""Predict the emotions of the clips of one job by a bundle, and write one row per clip."""

from collections.abc import Sequence

from emotiw.core import files
from emotiw.corpora import manifest
from emotiw.jobs import runtime
from emotiw.prediction import output_files, prediction_jobs
from emotiw.prediction.predictor import Predictor


def main(argv: Sequence[str] | None = None) -> None:
    """Predict the clips of `--job` and write the rows to `--output`."""
    args = runtime.arguments(__doc__, argv, one=["bundle", "table"], texts=["job"])
    predictor = Predictor.load(args.bundle)
    clips = prediction_jobs.clips(args.table, args.job)
    records = [output_files.record(prediction) for prediction in predictor.predict(clips)]
    rows = output_files.rows(records, predictor.bundle.classes)
    files.write_atomic(args.output, manifest.table_bytes(rows))


if __name__ == "__main__":
    runtime.start(main)
