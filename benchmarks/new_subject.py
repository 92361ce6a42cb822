"""UAR of a run's networks that learnt `normalise: subject`, on clips of whose subject nothing else is heard.

By the number of frames of the population that are joined with the clip's own (`standardisation.by_new_subject`), on
the validation and the test parts of all folds pooled; `subject` is what the run itself does, with all clips of the
subject. Only the validation column may choose. Run with
`PYTHONPATH=workflow_scripts python benchmarks/new_subject.py results/RUN`.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import safetensors
import torch

from emotiw.audio import blstm, standardisation
from emotiw.core.status import Status
from emotiw.corpora import manifest
from emotiw.jobs import gather
from emotiw.statistics import metrics

PRIORS = (0, 50, 100, 200, 400, 800, 1600, 1e12)
PARTS = ("val", "test")


def loaded(path):
    """Network, scaler, and limit of its inputs in standard deviations."""
    with safetensors.safe_open(path, "pt") as stream:
        about = json.loads(stream.metadata()["emotiw"])
        arrays = {name: stream.get_tensor(name) for name in stream.keys() if not name.startswith("population.")}
    fitted = {name: arrays.pop(f"scaler.{name}").numpy() for name in ("mean", "scale")}
    model = blstm.BLSTM(
        len(about["columns"]), about["architecture"], len(about["classes"]), peepholes=about["peepholes"]
    )
    model.load_state_dict(arrays)
    return model.eval(), standardisation.Scaler(**fitted, constant=tuple(about["constant"])), about["feature_clip"]


def usable(run, corpus, clips):
    """Frames, subjects and classes of the clips that can be heard."""
    entries = gather.load(corpus, run / "features/egemaps", "frame_features", clips).values()
    entries = [entry for entry in entries if entry.status == Status.OK]
    about = {row.clip: row for row in corpus.rows}
    subjects = [about[entry.name].subject for entry in entries]
    return [entry.arrays["features"] for entry in entries], subjects, [about[entry.name].label for entry in entries]


def judged(features, labels, network, corpus):
    """Confusion matrix of some clips' frames, standardised by subject."""
    model, scaler, clip = network
    scaled = standardisation.standardise(features, scaler, clip=clip)
    predicted = blstm.clip_scores(blstm.frame_posteriors(model, scaled)).argmax(1)
    truth = np.array([corpus.classes.index(label) for label in labels])
    return metrics.confusion_matrix(truth, predicted, len(corpus.classes))


def main():
    """Print a line for each prior."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    torch.set_num_threads(1)
    corpus, confusions = manifest.read(run / "manifest.csv"), defaultdict(lambda: 0)
    for name, fold in manifest.folds(corpus).items():
        features, subjects, _ = usable(run, corpus, fold.train)
        population = standardisation.fit_population(features, subjects)
        networks = [loaded(path) for path in sorted((run / "audio" / name / "blstm").glob("*.safetensors"))]
        for part in PARTS:
            heard, subjects, labels = usable(run, corpus, getattr(fold, part))
            ways = {"subject": standardisation.by_subject(heard, subjects)}
            ways |= {n: [standardisation.by_new_subject(x, population, prior=n) for x in heard] for n in PRIORS}
            for network in networks:
                for way, them in ways.items():
                    confusions[way, part] += judged(them, labels, network, corpus)
    print(f"{'frames':>10s}" + "".join(f"{part:>8s}" for part in PARTS))
    for way in ("subject", *PRIORS):
        values = (100 * float(metrics.uar(confusions[way, part])) for part in PARTS)
        print(f"{way if isinstance(way, str) else f'{way:.0f}':>10s}" + "".join(f"{value:8.1f}" for value in values))


if __name__ == "__main__":
    main()
