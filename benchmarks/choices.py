r"""What steadier choices gain on the clips of a finished run: of the fusion's scheme and shrinkage, or of PLS and C.

`fusion` fits each way of fusing to the validation clips of every fold and prints, over the clips of all folds, its
accuracy on these clips as fitted, its cross-validated accuracy on them, and its accuracy on the test clips.
`classifier` does the same for the rules by which a classifier on kernels chooses its parameter: accuracy of the mean of
the six kernels on training clips (out of fold), validation and test clips. The last columns are the paired difference
to the default on the test clips, with a 95 % interval (whole subjects resampled) and exact McNemar's p.

The fits use no label of a test clip; the test column is for reporting. Choose by the other columns only. Run with

PYTHONPATH=workflow_scripts python benchmarks/choices.py fusion results/RUN \
    --audio folds/{fold}/egemaps/blstm.h5 --video folds/{fold}/combined/cnn+dense_sift/pls.h5
PYTHONPATH=workflow_scripts python benchmarks/choices.py classifier results/RUN \
    --kernels folds/{fold}/cnn/kernels.h5 --classifier pls
"""

import argparse
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from emotiw.corpora import manifest
from emotiw.fusion import choice, optimism, score_tables
from emotiw.fusion import fold as fold_fusion
from emotiw.fusion.choice import Method
from emotiw.jobs import settings, store
from emotiw.statistics import comparisons, metrics
from emotiw.video import classifiers, fold_scores

SHRINKAGES = (0.0, 0.5, "auto")
DEFAULT_RULE = ("best", 1)
RULES = (DEFAULT_RULE, ("best", 5), ("one_standard_error", 1), ("one_standard_error", 5))
SEED = 2016


class Outcomes:
    """Right and wrong decisions of several systems on the clips of all folds, by part."""

    def __init__(self):
        self.right = defaultdict(lambda: defaultdict(list))
        self.subjects = []

    def add(self, part, right):
        """Add the decisions of a fold: by system, whether each clip is right."""
        for name, values in right.items():
            self.right[part][name].append(values)

    def accuracy(self, part, name):
        """Accuracy over the clips of all folds, in per cent; NaN without clips."""
        values = self.right[part].get(name)
        return 100 * np.concatenate(values).mean() if values and np.concatenate(values).size else np.nan

    def differences(self, base):
        """Paired comparison of every system with `base` on the test clips, by name."""
        right = {name: np.concatenate(values) for name, values in self.right["test"].items()}
        subjects = np.unique(self.subjects, return_inverse=True)[1]
        resamples = metrics.subject_resamples(subjects.max() + 1, np.random.default_rng(SEED))
        pairs = [(name, base) for name in right if name != base]
        return {it["a"]: it for it in comparisons.compare(right, subjects, pairs, resamples, seed=SEED)}


def table(outcomes, base, columns, notes):
    """Print a line for each system: accuracies, the paired difference on test clips, and a note."""
    n_test = len(outcomes.subjects)
    print(
        f"{'':34s}" + "".join(f"{name:>18s}" for name in columns.values()) + f"   against {base}, {n_test} test clips"
    )
    compared = outcomes.differences(base)
    for name in outcomes.right["test"]:
        cells = "".join(f"{outcomes.accuracy(part, name):18.1f}" for part in columns)
        paired = ""
        if name in compared:
            it = compared[name]
            low, high = (100 * end for end in it["difference_interval"])
            paired = f"{100 * it['difference']:+6.1f} ({low:+.1f} to {high:+.1f}), p {it['mcnemar_p']:.2f}"
        print(f"{name:34s}{cells}   {paired:34s} {notes.get(name, '')}".rstrip())


SINGLE = ("audio", "video", "shared", "stacked")  # systems that shrinkage does not change


def named(scheme, shrinkage):
    """Name of a way of fusing."""
    return scheme if scheme in SINGLE else f"{scheme}, shrinkage {shrinkage}"


def fusion(args, corpus, folds):
    """Compare schemes and shrinkages."""
    outcomes, notes, estimates = Outcomes(), defaultdict(Counter), defaultdict(list)
    for fold in folds.values():
        paths = (args.run / pattern.format(fold=fold.name) for pattern in (args.audio, args.video))
        aligned = score_tables.align(corpus, fold, *(score_tables.read(path, corpus) for path in paths))
        prior = score_tables.prior_of(corpus, fold)
        rows = part_rows(aligned.parts.values(), aligned.scores.truth)
        outcomes.subjects += [corpus.row_of_clip[aligned.scores.clips[row]].subject for row in rows["test"]]
        for name, right, validated, chosen in fused(aligned, prior):
            for part, at in rows.items():
                outcomes.add(part, {name: right[at]})
            estimates[name].append((len(aligned.labelled_with_both("val")), validated))
            if chosen is not None:
                notes[name][chosen] += 1
    for name, values in estimates.items():
        n, accuracies = np.array(values).T
        outcomes.add("cross-validated", {name: np.array([(n * accuracies).sum() / n.sum()])})
    columns = {"val": "val, as fitted", "cross-validated": "val, cross-valid.", "test": "test"}
    table(outcomes, named("joint", 0.0), columns, {name: dict(counts) for name, counts in notes.items()})


def fused(aligned, prior):
    """Yield each system of a fold: name, which clips are right, cross-validated accuracy, and what was chosen."""
    validation, defaults = aligned.labelled_with_both("val"), settings.load([])["fusion"]
    for shrinkage in SHRINKAGES:
        method = Method.of(defaults | {"scheme": "auto", "shrinkage": shrinkage})
        found = choice.fit(validation, method)
        validated = optimism.by_scheme(validation, found, method) or {}
        values = found.shrinkage if shrinkage == "auto" else {}
        for scheme, scores in fold_fusion.fused_systems(aligned, found.fusion, prior).items():
            if shrinkage == SHRINKAGES[0] or scheme not in SINGLE:
                right = scores.argmax(1) == aligned.scores.truth
                estimate = validated.get(scheme, {}).get("cross_validated", np.nan)
                chosen = found.scheme if scheme == "auto" else values.get(scheme)
                yield named(scheme, shrinkage), right, estimate, chosen


def part_rows(parts, truth):
    """Rows of the labelled clips of the validation and the test part."""
    parts = np.array(list(parts))
    return {part: np.flatnonzero((parts == part) & (truth >= 0)) for part in ("val", "test")}


def classifier(args, corpus, folds):
    """Compare the rules by which a classifier's parameter is chosen, and its published or nominal value."""
    family, outcomes = classifiers.family(args.classifier), Outcomes()
    defaults = settings.load([])["video"]
    variants = {f"{rule}, {n} division{'s' * (n > 1)}": {"choice": rule, "inner_repeats": n} for rule, n in RULES}
    base = next(iter(variants))
    fixed = classifiers.NOMINAL[family.parameter]
    variants[f"{family.parameter} = {fixed}"] = {family.parameter: fixed}
    values = defaultdict(list)
    for fold in folds.values():
        kernels = store.read(args.run / args.kernels.format(fold=fold.name), "kernels")
        for name, over in variants.items():
            made = fold_scores.scored(corpus, kernels, defaults | over, system="x", classifier=args.classifier)
            clips, parts = made.facts["clips"], np.array(made.facts["parts"])
            truth = score_tables.truth_of(corpus, clips)
            right = made.scores["mean"].values.argmax(1) == truth
            for part in ("train", "val", "test"):
                outcomes.add(part, {name: right[(parts == part) & (truth >= 0)]})
            values[name].append(made.scores["mean"].selection.value)
            if name == base:
                tested = np.flatnonzero((parts == "test") & (truth >= 0))
                outcomes.subjects += [corpus.row_of_clip[clips[row]].subject for row in tested]
    columns = {"train": "train, out of fold", "val": "val", "test": "test"}
    table(outcomes, base, columns, values)


def main():
    """Print one of the two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True)
    for name, function, options in (
        ("fusion", fusion, ("--audio", "--video")),
        ("classifier", classifier, ("--kernels", "--classifier")),
    ):
        kind = kinds.add_parser(name)
        kind.add_argument("run", type=Path)
        for option in options:
            kind.add_argument(option, required=True)
        kind.set_defaults(function=function)
    args = parser.parse_args()
    threadpool_limits(1)
    corpus = manifest.read(args.run / "manifest.csv")
    args.function(args, corpus, manifest.folds(corpus))
    print(f"{time.process_time():.0f} s of CPU time")


if __name__ == "__main__":
    main()
