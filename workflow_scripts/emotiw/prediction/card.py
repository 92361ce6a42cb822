"""What a bundle says of itself in one line beside every answer, and its threshold of confidence."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from emotiw.core.errors import BundleError

WORDS = {"video": "the face", "audio": "the voice"}


def line(about: Mapping[str, Any]) -> str:
    """One line on what a bundle was trained on, and how often it is right; `about` is the index of the bundle.

    A bundle with a card has such a line. For others it is made of the run's metrics on test clips.
    """
    written = about.get("card", {}).get("line")
    told = str(written) if written else f"bundle {about['run']}: {_trained(about['trained_on'])}; {_scored(about)}"
    return "; ".join(filter(None, (told, lacking(about))))


def lacking(about: Mapping[str, Any]) -> str:
    """Name the classes that face or voice cannot answer, because no training clip of them was usable; else empty."""
    members = about["members"]
    told = []
    for modality, word in WORDS.items():
        of = Counter(name for member in members for name in member.get("lacking", {}).get(modality, ()))
        never = [name for name in about["classes"] if 0 < of[name] == len(members)]
        partly = [
            f"{name} (in {of[name]} of {len(members)} members)"
            for name in about["classes"]
            if 0 < of[name] < len(members)
        ]
        if never or partly:
            told.append(f"{word} cannot answer {', '.join([*never, *partly])}")
    return f"{' and '.join(told)}: no usable training clips" if told else ""


def of_left_out(run: str, trained_on: Mapping[str, Any], cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Card of a bundle whose siblings were tested on corpora that they were not trained on.

    Parameters
    ----------
    run : str
    trained_on : mapping
        As in the index of the bundle.
    cells : sequence of mapping
        `corpora` of the run's metrics.

    Returns
    -------
    dict
        `line`, and `tested`: corpus, number of clips and classes, and accuracy among these classes by face and voice.
    """
    tested = [
        {
            "corpus": cell["tested_on"],
            "n_clips": cell["n"],
            "n_classes": len(cell["classes"]),
            "accuracy": scored["own_classes"]["accuracy"],
            "accuracy_interval": scored["own_classes"]["accuracy_interval"],  # None: one subject
        }
        for cell in cells
        if (scored := cell["systems"]["fusion"])
    ]
    scores = ", ".join(
        f"{one['corpus']} {one['accuracy']:.0%} of {one['n_classes']} classes"
        for one in tested
        if one["accuracy_interval"]  # clips of one person tell too little for a line
    )
    subjects = f" of {n} people" if (n := trained_on["n_subjects"]) else ""
    trained = f"bundle {run}: trained on {trained_on['n_clips']} clips{subjects}"
    line = f"{trained}; its siblings are right on corpora new to them: {scores}"
    return {"line": line, "tested": tested}


def is_synthetic(about: Mapping[str, Any]) -> bool:
    """Whether a bundle was trained on synthetic clips, so that its answers test the program only."""
    return bool(about["trained_on"]["synthetic"])


def min_confidence(about: Mapping[str, Any]) -> float:
    """Threshold of confidence that the bundle was calibrated with; 0 if it has none."""
    return float(about.get("calibration", {}).get("min_confidence") or 0.0)


def check(about: Mapping[str, Any], self_test: bool) -> None:
    """Raise BundleError for a bundle of synthetic clips, unless it is used to test the program."""
    if is_synthetic(about) and not self_test:
        raise BundleError(
            f"bundle {about['run']}: trained on synthetic clips, expected clips of people, because its answers mean"
            " nothing for them; name another bundle with --bundle, or try the program with --self-test"
        )


def _trained(trained_on: Mapping[str, Any]) -> str:
    clips = f"{trained_on['n_clips']} {'synthetic ' if trained_on['synthetic'] else ''}clips"
    subjects = trained_on["n_subjects"]
    return f"trained on {clips} of {f'{subjects} subjects of ' if subjects else ''}{trained_on['corpus']}"


def _scored(about: Mapping[str, Any]) -> str:
    """Accuracy on the test clips of the bundle's own corpus."""
    if is_synthetic(about):
        return "a self-test, its answers mean nothing for real people"
    fused = about.get("metrics", {}).get("parts", {}).get("test", {}).get("fusion")
    if fused is None:
        return "it was not tested"
    return f"{fused['accuracy']:.0%} of {fused['n']} test clips of that corpus right, not tested on any other"
