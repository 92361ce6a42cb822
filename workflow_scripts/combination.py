"""Average one classifier's scores of several features over the clips that all of them score."""

from collections.abc import Sequence

from emotiw.jobs import runtime, store
from emotiw.scoring import score_average
from emotiw.statistics import selection_record


def main(argv: Sequence[str] | None = None) -> None:
    """Write the mean over the features of their scores, each the mean over its kernels or networks."""
    args = runtime.arguments(__doc__, argv, many=["scores"])
    artefacts = [store.read(path, "scores", names=["mean"]) for path in args.scores]
    clips, classes, scores = score_average.mean_scores(
        [(each.facts["clips"], each.facts["classes"], each.entries["mean"].arrays["scores"]) for each in artefacts]
    )
    features = [each.stage["feature"] for each in artefacts]
    system = "/".join(args.stage[name] for name in ("modality", "features", "classifier"))
    weights = selection_record.Record(f"{system}/mean: weights", "equal", "fixed beforehand", [])
    form = {name: artefacts[0].facts[name] for name in ("scores", "classifier")}
    records = selection_record.facts([weights], *(each.facts for each in artefacts))
    lacking = [name for name in classes if any(name in each.facts.get("lacking", ()) for each in artefacts)]
    facts = {"clips": clips, "classes": classes, "lacking": lacking, "features": features, **form, **records}
    store.write(args.output, "scores", [store.Entry("mean", {"scores": scores})], stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
