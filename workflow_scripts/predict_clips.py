"""Predict the emotions of the clips of one job by a bundle, and write one row per clip."""

from collections.abc import Sequence

from emotiw.core import files
from emotiw.corpora import manifest
from emotiw.jobs import runtime
from emotiw.prediction import card, contained, prediction_jobs, records
from emotiw.prediction.predictor import Predictor


def main(argv: Sequence[str] | None = None) -> None:
    """Predict the clips of `--job` and write the rows to `--output`."""
    args = runtime.arguments(__doc__, argv, one=["bundle", "table"], texts=["job"])
    predictor = contained.Contained(Predictor.load(args.bundle))
    clips = prediction_jobs.clips(args.table, args.job)
    found = [records.record(prediction) for prediction in contained.lasting(predictor.predict(clips))]
    rows = records.rows(found, predictor.bundle.classes, card.line(predictor.bundle.about))
    files.write_atomic(args.output, manifest.table_bytes(rows))


if __name__ == "__main__":
    runtime.start(main)
