"""Average one classifier's scores of several features over the clips that all of them score."""

from emotiw.jobs import runtime, store
from emotiw.statistics import selection_record
from emotiw.video import score_average


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, many=["scores"])
    artefacts = [store.read(path, "scores", names=["mean"]) for path in args.scores]
    clips, classes, scores = score_average.mean_scores(
        [(found.facts["clips"], found.facts["classes"], found.entries["mean"].arrays["scores"]) for found in artefacts]
    )
    features = [found.stage["feature"] for found in artefacts]
    system = f"video/{args.stage['features']}/{args.stage['classifier']}/mean"
    made = selection_record.Record(f"{system}: weights", "equal", "fixed beforehand", [])
    facts = {"clips": clips, "classes": classes, "features": features, **selection_record.facts([made])}
    store.write(args.output, "scores", [store.Entry("mean", {"scores": scores})], stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
