"""Write the clip scores of a fold's networks, of the mean of each architecture and of all, and of the best network."""

from emotiw import blstm, runtime, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, many=["posteriors"])
    networks = {}
    scores = {}
    for path in args.posteriors:
        facts = store.read(path, "posteriors", names=()).facts
        # the training clips have no score that a network did not learn from
        clips = [*facts["parts"]["val"], *facts["parts"]["test"]]
        entries = store.read(path, "posteriors", names=clips).entries.values()
        networks[facts["network"]] = {key: facts[key] for key in ("validation", "best_epoch", "improved", "seed")}
        scores[facts["network"]] = blstm.clip_scores([entry.arrays["posteriors"] for entry in entries]).reshape(
            len(clips), len(facts["classes"])
        )
    # in a fold without an audio system no network has a validation loss
    selected = min(networks, key=lambda name: (networks[name]["validation"] or {"clip_loss": 0})["clip_loss"])
    scores |= blstm.mean_scores(scores) | {"selected": scores[selected]}
    about = {
        "fold": facts["fold"],
        "clips": clips,
        "classes": facts["classes"],
        "networks": networks,
        "selected": selected,
    }
    entries = [store.Entry(name, {"scores": values}) for name, values in scores.items()]
    store.write(args.output, "scores", entries, stage=args.stage, facts=about)


if __name__ == "__main__":
    runtime.start(main)
