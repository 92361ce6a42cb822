"""What a bundle says of itself in one line beside every answer, and its threshold of confidence."""

from collections.abc import Mapping
from typing import Any

from emotiw.core.errors import BundleError


def line(about: Mapping[str, Any]) -> str:
    """One line on what a bundle was trained on, and how often it is right; `about` is the index of the bundle.

    A bundle with a card has such a line. For others it is made of the run's metrics on test clips.
    """
    written = about.get("card", {}).get("line")
    return str(written) if written else f"bundle {about['run']}: {_trained(about['trained_on'])}; {_scored(about)}"


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
