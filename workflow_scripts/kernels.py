"""Compute the six kernels of one feature between all clips of a fold: training, validation, test."""

from emotiw.core.status import Status
from emotiw.corpora import manifest, splits
from emotiw.jobs import gather, runtime, store
from emotiw.statistics import selection_record
from emotiw.video import image_sets, kernels


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["manifest", "features", "pca"])
    video = args.settings["video"]
    table = manifest.read(args.manifest)
    fold = manifest.folds(table)[args.stage["fold"]]
    sets, parts, above = {}, [], store.read(args.pca, "pca")
    pca = [image_sets.PCA(**entry.arrays) for entry in above.entries.values()]
    for clip, part in [(clip, name) for name in splits.SPLITS if pca for clip in getattr(fold, name)]:
        # one clip at a time: the 9216 values of all frames of EmotiW are 4 GB
        entry = gather.load(table, args.features, "frame_features", [clip])[clip]
        if entry.status == Status.OK:
            sets[clip] = image_sets.project(entry.arrays["features"], pca[0])
            parts.append(part)
    rank, regularisation, degree = video["subspace_rank"], video["regularisation"], video["polynomial_degree"]
    found = kernels.feature_kernels(sets, parts.count("train"), rank=rank, regularisation=regularisation, degree=degree)
    gammas = {name: kernel.gamma for name, kernel in found.items()}
    made = selection_record.Record(
        f"video/{args.stage['feature']}: kernel widths",
        gammas,
        "median squared distance",
        list(sets)[: parts.count("train")],
        kind=selection_record.NO_LABELS,
    )
    facts = {
        "clips": list(sets),
        "parts": parts,
        "n_frames": [len(F) for F in sets.values()],
        "gamma": gammas,
        "min_eigenvalue": {name: kernel.min_eigenvalue for name, kernel in found.items()},
        **selection_record.facts([made] if sets else [], above.facts),
    }
    entries = [store.Entry(name, {"matrix": kernel.matrix}) for name, kernel in found.items()]
    store.write(args.output, "kernels", entries, stage=args.stage, facts=facts)


if __name__ == "__main__":
    runtime.start(main)
