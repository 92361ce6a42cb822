"""Write the clip scores of a fold's networks, their means and the best network's; the mean of all, frame by frame."""

from emotiw.audio import blstm
from emotiw.jobs import runtime, store
from emotiw.report import time_courses
from emotiw.statistics import selection_record

KEPT = ("architecture", "seed", "validation", "best_epoch", "improved", "history")


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["frames"], many=["posteriors"])
    networks, scores, frames, times, above = {}, {}, {}, {}, []
    for path in args.posteriors:
        facts = store.read(path, "posteriors", names=()).facts
        # the training clips have no score that a network did not learn from
        clips = [*facts["parts"]["val"], *facts["parts"]["test"]]
        entries = store.read(path, "posteriors", names=clips).entries.values()
        above.append(facts)
        for entry in entries:
            frames.setdefault(entry.name, []).append(entry.arrays["posteriors"])
            times[entry.name] = entry.arrays["time"]
        networks[facts["network"]] = {key: facts[key] for key in KEPT}
        scores[facts["network"]] = blstm.clip_scores([entry.arrays["posteriors"] for entry in entries]).reshape(
            len(clips), len(facts["classes"])
        )
    selected = blstm.best(networks)
    scores |= blstm.mean_scores(scores) | {"selected": scores[selected]}
    made = [
        selection_record.Record(
            "audio: best network", selected, blstm.RULE, facts["parts"]["val"], candidates=len(networks)
        )
    ]
    about = {
        "fold": facts["fold"],
        "clips": clips,
        "classes": facts["classes"],
        "networks": networks,
        "selected": selected,
        "selection": {"rule": blstm.RULE, "part": "val", "n_clips": len(facts["parts"]["val"])},
        "restarts": blstm.restarts(networks),
        **selection_record.facts(made if facts["parts"]["val"] else [], *above),
    }
    entries = [store.Entry(name, {"scores": values}) for name, values in scores.items()]
    store.write(args.output, "scores", entries, stage=args.stage, facts=about)
    over_time = (
        store.Entry(clip, {"posteriors": time_courses.mean_course(found), "time": times[clip]})
        for clip, found in frames.items()
    )
    store.write(
        args.frames, "posteriors", over_time, stage=args.stage, facts={key: facts[key] for key in ("fold", "classes")}
    )


if __name__ == "__main__":
    runtime.start(main)
