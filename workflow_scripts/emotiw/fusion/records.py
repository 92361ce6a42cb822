"""Ledger records of what a fusion fitted and chose."""

from emotiw.fusion import schemes
from emotiw.fusion.choice import Chosen, Method
from emotiw.fusion.schemes import AUTO, WEIGHTED, FittedFusion, Scale, Scores
from emotiw.statistics import cross_validation, selection_record
from emotiw.statistics.selection_record import Record

CRITERION = "accuracy in folds grouped by subject, film and content; of equals, the simplest"
UNDIVIDED = "no division by subject, film and content; the simplest"


def of(chosen: Chosen, scores: Scores, method: Method) -> list[Record]:
    """List the records of what `choice.fit` fitted and chose on the clips of `scores`."""
    fitted = chosen.unshrunk
    return [
        *_scale_records(fitted, scores),
        *_weight_records(fitted, scores, method.step),
        *_choice_records(chosen, scores, method),
    ]


def _scale_records(fusion: FittedFusion, scores: Scores) -> list[Record]:
    values = {"audio": fusion.audio_scale, "video": fusion.video_scale}
    scales = {name: fusion.scales.get(name, Scale(value, scores.clips)) for name, value in values.items()}
    return [
        selection_record.Record(f"fusion/scale of {name}", scale.value, "likelihood", scale.clips)
        for name, scale in scales.items()
    ]


def _weight_records(fusion: FittedFusion, scores: Scores, step: float) -> list[Record]:
    n, n_classes = len(schemes.grid(step)), scores.audio.shape[1]
    objective = "most clips right, then nearest to 1/2, then likeliest"
    proof = "proven" if fusion.joint.complete else f"at most {fusion.joint.upper_bound} clips could be right"
    # by scheme: what was chosen, the criterion, the number of candidates
    choices = {
        "shared": (fusion.weights["shared"].tolist(), objective, n),
        "per_class": (fusion.weights["per_class"].tolist(), "recalls of the single modalities", 1),
        "joint": (fusion.weights["joint"].tolist(), f"{objective}; {proof}", n**n_classes),
    }
    if fusion.stacked:
        choice = fusion.stacked.choice
        choices["stacked: C"] = (choice.value, choice.note or cross_validation.CRITERION, len(choice.grid))
    return [
        selection_record.Record(f"fusion/{name}", chosen, criterion, scores.clips, candidates=n_candidates)
        for name, (chosen, criterion, n_candidates) in choices.items()
    ]


def _choice_records(chosen: Chosen, scores: Scores, method: Method) -> list[Record]:
    criterion = CRITERION if chosen.accuracies else UNDIVIDED
    found: dict[str, tuple[str | float, int]] = {}
    if method.shrinkage == AUTO:
        found = {f"shrinkage of {name}": (s, len(chosen.factors)) for name, s in chosen.shrinkage.items()}
    if method.scheme == AUTO:
        found["scheme"] = (chosen.scheme, len(WEIGHTED))
    return [
        Record(f"fusion/{name}", value, criterion, scores.clips, candidates=n) for name, (value, n) in found.items()
    ]
