"""Altered copies of sound in the plan of a run: which jobs there are, and what depends on the settings."""

from emotiw.corpora.manifest import Manifest, Row
from emotiw.jobs import settings
from emotiw.workflow.files import Files
from emotiw.workflow.plan import Plan

WHISPER = {
    "features": ["whisper", "egemaps"],
    "classifiers": ["pooled_logistic"],
    "combination": {"features": ["whisper"], "classifier": "pooled_logistic"},
}
PARTS = ("train",) * 4 + ("val",) * 2 + ("test",) * 2
ROWS = tuple(
    Row(
        *(f"c{i}", f"/x/c{i}.wav", ("anger", "fear")[i % 2], f"s{i}", part),
        **{"job": f"c{i}", "sha256": f"{i:064d}", "rate_hz": "16000", "channels": "1"},
    )
    for i, part in enumerate(PARTS)
)


def plan(**changed):
    config = settings.completed({"audio": WHISPER, "augmentation": changed})
    return Plan(config, Manifest(ROWS, ("anger", "fear"), "csv"))


def digest(made, feature="whisper"):
    return made.stage("pooled_scores", fold="official", feature=feature, classifier="pooled_logistic").digest


def test_copies_are_made_of_training_clips_only_and_only_if_wanted():
    (fold,) = plan().protocol.folds
    assert Files(plan()).copies("whisper", fold) == []
    made = Files(plan(copies=2))
    assert made.copies("whisper", fold) == [f"results/demo/features/augmented_whisper/c{i}.h5" for i in range(4)]
    assert made.copies("egemaps", fold) == []


def test_scores_depend_on_the_copies_and_features_do_not():
    before, after, louder = plan(), plan(copies=2), plan(copies=2, equaliser_db=4.0)
    assert len({digest(made) for made in (before, after, louder)}) == 3
    assert (
        "augmented_whisper"
        not in before.stage("pooled_scores", fold="official", feature="whisper", classifier="pooled_logistic")["above"]
    )
    for name in ("whisper", "audio"):
        assert before.stage(name, job="c0").digest == after.stage(name, job="c0").digest
    assert len({digest(made, "egemaps") for made in (before, after, louder)}) == 1


def test_without_copies_their_settings_matter_to_nothing():
    assert digest(plan()) == digest(plan(equaliser_db=4.0))
