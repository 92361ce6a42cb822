"""Folds of whole subjects whose classes are alike, and a number of folds that works where the given one does not."""

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from emotiw.core.emotions import HIDDEN
from emotiw.corpora import splits
from emotiw.corpora.interface import Candidate

SCHEMES = CONSECUTIVE, STRATIFIED = "subjects", "stratified_subjects"
MOST_FOLDS = 20  # that are tried for a suggestion

Counts = Mapping[str, Counter[str]]  # number of clips of each class, by subject


def counted(candidates: Iterable[Candidate]) -> dict[str, Counter[str]]:
    """Count the clips of each class of every subject that is known; clips with a hidden label count for no class."""
    counts: dict[str, Counter[str]] = {}
    for candidate in candidates:
        if candidate.subject:
            count = counts.setdefault(candidate.subject, Counter())
            count.update([candidate.label] if candidate.label != HIDDEN else [])
    return counts


def assigned(scheme: str, counts: Counts, n_folds: int) -> dict[str, str]:
    """Fold name of each subject: of the scheme `subjects` or `stratified_subjects`; errors as in `stratified`."""
    return stratified(counts, n_folds) if scheme == STRATIFIED else splits.consecutive(counts, n_folds)


def stratified(counts: Counts, n_folds: int) -> dict[str, str]:
    """Fold name of each subject, so that the classes are spread over the folds as evenly as whole subjects allow.

    Subjects are taken in turn, those first whose numbers of clips differ most between the classes. Each goes to the
    fold where the shares of each class, over all folds, vary least afterwards; of equal folds, to the one with fewest
    clips. The rule is after scikit-learn's StratifiedGroupKFold, without its random order. Folds that are filled one
    after the other are no neighbours, because fold k tests and fold k + 1 validates: with four folds or more, a class
    of two subjects still has one to train on.

    Parameters
    ----------
    counts : mapping of str to Counter
        Number of clips of each class, by subject.
    n_folds : int

    Raises
    ------
    ManifestError
        If there are fewer than three folds, or more folds than subjects.
    """
    splits.consecutive(counts, n_folds)  # which checks the number
    totals = sum((Counter(count) for count in counts.values()), Counter())
    in_fold = [Counter[str]() for _ in range(n_folds)]
    places = [*range(0, n_folds, 2), *range(1, n_folds, 2)]
    fold_of_subject = {}
    for subject in sorted(counts, key=lambda name: (-_spread(counts[name], totals), splits.natural(name))):
        best = min(
            range(n_folds), key=lambda i: (_variation(in_fold, counts[subject], totals, i), in_fold[i].total(), i)
        )
        in_fold[best] += counts[subject]
        fold_of_subject[subject] = f"fold{places[best] + 1}"
    return fold_of_subject


def _spread(count: Counter[str], totals: Counter[str]) -> float:
    return statistics.pstdev([count[label] for label in totals])


def _variation(in_fold: Sequence[Counter[str]], added: Counter[str], totals: Counter[str], place: int) -> float:
    """Mean over the classes of the deviation, over the folds, of the share of the class that a fold holds."""
    mean = statistics.fmean(
        statistics.pstdev([(fold[label] + (added[label] if i == place else 0)) / n for i, fold in enumerate(in_fold)])
        for label, n in totals.items()
    )
    return round(mean, 12)  # sums in another order are equal


def suggestion(scheme: str, counts: Counts, classes: Sequence[str], n_folds: int) -> str:
    """Say which protocol of subjects works where this one lacks training clips of a class, or why none does.

    Parameters
    ----------
    scheme : str
        `subjects` or `stratified_subjects`.
    counts : mapping of str to Counter
        Number of clips of each class, by subject.
    classes : sequence of str
        Classes that need training clips in every fold.
    n_folds : int
        The number of folds that does not work.

    Returns
    -------
    str
        Empty if no number of folds up to `MOST_FOLDS` works, for a reason that this function does not know.
    """
    if len(counts) < splits.MIN_FOLDS:
        return f"folds of subjects need {splits.MIN_FOLDS} of them, so add subjects or use another scheme"
    for label in classes:
        subjects = [subject for subject, count in counts.items() if count[label]]
        if len(subjects) == 1:
            return (
                f"only subject {subjects[0]!r} has clips of class {label!r}, so no folds of subjects can train and test"
                " it: add subjects, or leave the class out of corpus.classes"
            )
    working = next(_working(scheme, counts, classes, n_folds), None)
    return "set corpus.protocol to {{scheme: {}, n_folds: {}}}, which works".format(*working) if working else ""


def _working(scheme: str, counts: Counts, classes: Sequence[str], n_folds: int) -> Iterator[tuple[str, int]]:
    """Yield schemes and numbers of folds that work: the nearest numbers first, this scheme before the other one."""
    numbers = range(splits.MIN_FOLDS, min(MOST_FOLDS, len(counts)) + 1)
    for number in sorted(numbers, key=lambda number: (abs(number - n_folds), number)):
        for name in sorted(SCHEMES, key=lambda name: name != scheme):
            fold_of_subject = assigned(name, counts, number)
            if len(set(fold_of_subject.values())) == number and works(fold_of_subject, counts, classes):
                yield name, number


def works(fold_of_subject: Mapping[str, str], counts: Counts, classes: Sequence[str]) -> bool:
    """Whether each fold has clips of every class to train on, and clips to test on and to validate on."""
    subjects = list(fold_of_subject)
    divided = splits.folds(subjects, [""] * len(subjects), list(fold_of_subject.values()))
    return all(
        fold.test and fold.val and not splits.lacking((label for name in fold.train for label in counts[name]), classes)
        for fold in divided.values()
    )
