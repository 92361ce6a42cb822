"""Write the mean and the standard deviation of the audio frames of a fold's training clips."""

from emotiw.audio import standardisation
from emotiw.core.status import Status
from emotiw.corpora import manifest
from emotiw.jobs import gather, runtime, store
from emotiw.statistics import selection_record


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features"])
    corpus = manifest.read(args.manifest)
    fold = manifest.fold(corpus, args.stage["fold"])
    entries = gather.load(corpus, args.features, "frame_features", fold.train).values()
    usable = [entry for entry in entries if entry.status == Status.OK]
    features, found = [entry.arrays["features"] for entry in usable], []
    if args.settings["blstm"]["normalise"] == "subject" and features:
        theirs = [corpus.row_of_clip[entry.name].subject for entry in usable]
        average = standardisation.fit_population(features, theirs)
        found.append(store.Entry("population", {"mean": average.mean, "scale": average.scale}))
        features = standardisation.by_subject(features, theirs)
    # without a usable training clip the fold has no audio system, and the other modality decides
    scalers = [standardisation.fit_scaler(features)] if features else []
    made = [
        selection_record.Record(
            "audio: standardisation",
            None,
            "mean and deviation",
            [e.name for e in usable],
            kind=selection_record.NO_LABELS,
        )
        for _ in scalers
    ]
    job = next(row.job for row in corpus.rows if row.clip in fold.train)
    facts = {
        "columns": store.read(args.features / f"{job}.h5", "frame_features", names=()).facts["columns"],
        "constant": [column for fitted in scalers for column in fitted.constant],
        "n_constant": sum(len(fitted.constant) for fitted in scalers),
        "n_clips": len(features),
        "n_frames": sum(map(len, features)),
        **selection_record.facts(made),
    }
    found += [store.Entry("scaler", {"mean": fitted.mean, "scale": fitted.scale}) for fitted in scalers]
    store.write(args.output, "scaler", found, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
