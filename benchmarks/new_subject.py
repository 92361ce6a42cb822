"""UAR of a run's networks trained with `normalise: subject`, on clips whose subject has no other clip.

One row per number of frames by which the average training subject weighs (`standardisation.by_new_subject`), over the
pooled validation parts and the pooled test parts of all folds. The row `subject` is what the run itself does, with all
clips of a subject. Choose by the validation column only. Run with
`PYTHONPATH=workflow_scripts python benchmarks/new_subject.py results/RUN`.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch

from emotiw.audio import blstm
from emotiw.audio.blstm import BLSTM
from emotiw.core.status import Status
from emotiw.corpora import manifest
from emotiw.corpora.manifest import Manifest
from emotiw.jobs import gather
from emotiw.jobs.gather import Source
from emotiw.statistics import metrics, standardisation
from emotiw.statistics.standardisation import Array, Scaler

PRIORS: tuple[float, ...] = (0, 50, 100, 200, 400, 800, 1600, 1e12)
PARTS = ("val", "test")

Network = tuple[BLSTM, Scaler, float]  # with the limit of its inputs in standard deviations


def load(path: Path) -> Network:
    """Read a network and its scaler."""
    with safetensors.safe_open(path, "pt") as stream:
        description = json.loads(stream.metadata()["emotiw"])
        arrays = {name: stream.get_tensor(name) for name in stream.keys() if not name.startswith("population.")}
    fitted = {name: arrays.pop(f"scaler.{name}").numpy() for name in ("mean", "scale")}
    sizes = len(description["columns"]), description["architecture"], len(description["classes"])
    model = BLSTM(*sizes, peepholes=description["peepholes"])
    model.load_state_dict(arrays)
    scaler = Scaler(**fitted, constant=tuple(description["constant"]))
    return model.eval(), scaler, description["feature_clip"]


def usable_clips(run: Path, corpus: Manifest, clips: Sequence[str]) -> tuple[list[Array], list[str], list[str]]:
    """Frames, subjects and labels of the clips that have audio features."""
    loaded = gather.load(corpus, Source(run / "features/egemaps", stream="audio"), clips).values()
    entries = [entry for entry in loaded if entry.status == Status.OK]
    rows = [corpus.row_of_clip[entry.name] for entry in entries]
    features = [entry.arrays["features"] for entry in entries]
    return features, [row.subject for row in rows], [row.label for row in rows]


def confusion_matrix(features: list[Array], labels: list[str], network: Network, classes: Sequence[str]) -> Any:
    """Confusion matrix of clips whose frames are normalised by subject."""
    model, scaler, clip = network
    scaled = standardisation.standardise(features, scaler, clip=clip)
    predicted = blstm.clip_scores(blstm.frame_posteriors(model, scaled)).argmax(1)
    truth = np.array([classes.index(label) for label in labels])
    return metrics.confusion_matrix(truth, predicted, len(classes))


def main() -> None:
    """Evaluate every network of the run with every prior; print one row per prior."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    torch.set_num_threads(1)
    corpus = manifest.read(run / "manifest.csv")
    confusions: dict[tuple[float | str, str], Any] = defaultdict(lambda: 0)
    for fold_name, fold in manifest.folds(corpus).items():
        features, subjects, _ = usable_clips(run, corpus, fold.train)
        population = standardisation.fit_population(features, subjects)
        folder = run / "folds" / fold_name / "egemaps" / "blstm"
        networks = [load(path) for path in sorted(folder.glob("*.safetensors"))]
        for part in PARTS:
            features, subjects, labels = usable_clips(run, corpus, getattr(fold, part))
            normalised: dict[float | str, list[Array]] = {"subject": standardisation.by_subject(features, subjects)}
            for prior in PRIORS:
                normalised[prior] = [standardisation.by_new_subject(x, population, prior=prior) for x in features]
            for network in networks:
                for row, frames in normalised.items():
                    confusions[row, part] += confusion_matrix(frames, labels, network, corpus.classes)
    print(f"{'frames':>10s}" + "".join(f"{part:>8s}" for part in PARTS))
    rows: tuple[float | str, ...] = ("subject", *PRIORS)
    for row in rows:
        values = (100 * float(metrics.uar(confusions[row, part])) for part in PARTS)
        title = row if isinstance(row, str) else f"{row:.0f}"
        print(f"{title:>10s}" + "".join(f"{value:8.1f}" for value in values))


if __name__ == "__main__":
    main()
