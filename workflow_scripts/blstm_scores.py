"""Write the clip scores of a fold's networks, of their means and of the best one, and the mean frame posteriors."""

from collections.abc import Sequence

from emotiw.audio import fold_scores
from emotiw.jobs import runtime, store


def main(argv: Sequence[str] | None = None) -> None:
    """Read the frame posteriors of a fold's networks; write their clip scores and their mean frame posteriors."""
    args = runtime.arguments(__doc__, argv, one=["frames"], many=["posteriors"])
    networks = [fold_scores.read(path) for path in args.posteriors]
    system = f"{args.stage['modality']}/{args.stage['feature']}/blstm"
    entries, facts = fold_scores.score(networks, system=system)
    store.write(args.output, "scores", entries, stage=args.stage, facts=facts)
    frame_facts = {key: facts[key] for key in ("fold", "classes")}
    store.write(args.frames, "posteriors", fold_scores.mean_frames(networks), stage=args.stage, facts=frame_facts)


if __name__ == "__main__":
    runtime.start(main)
