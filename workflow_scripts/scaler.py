"""Write the mean and the standard deviation of the audio frames of a fold's training clips."""

from emotiw import blstm, collection, manifest, runtime, store
from emotiw.status import Status


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    corpus = manifest.read(args.manifest)
    fold = manifest.folds(corpus)[args.stage["fold"]]
    entries = collection.load(corpus, args.features, "frame_features", fold.train).values()
    features = [entry.arrays["features"] for entry in entries if entry.status == Status.OK]
    fitted = blstm.fit_scaler(features)
    job = next(row.job for row in corpus.rows if row.clip in fold.train)
    facts = {
        "columns": store.read(args.features / f"{job}.h5", "frame_features", names=()).facts["columns"],
        "constant": fitted.constant,
        "n_constant": len(fitted.constant),
        "n_clips": len(features),
        "n_frames": sum(map(len, features)),
    }
    entry = store.Entry("scaler", {"mean": fitted.mean, "scale": fitted.scale})
    store.write(args.output, "scaler", [entry], stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
