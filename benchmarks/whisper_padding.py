"""Whether Whisper's frames recognise emotions better if sound is padded to 30 s, on unseen actors of RAVDESS.

Run: python benchmarks/whisper_padding.py WEIGHTS FOLDER [n_actors [layer]]; WEIGHTS is
results/weights/whisper_base-<sha256>.safetensors, FOLDER holds Actor_NN/03-01-EE-II-SS-RR-NN.flac of 16 kHz mono.

A clip is the mean and the standard deviation of its frames of 0.04 s over time, standardised by the training clips. A
logistic regression is trained on all actors but one and tested on that one, for each actor in turn. Prints the
unweighted average recall (UAR) of the eight emotions over all clips for several C, without padding and with it.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from emotiw.audio import sound, whisper
from emotiw.jobs import runtime
from emotiw.media import soundtrack
from emotiw.weights import whisper_weights

LIMITS = {"max_pixels": 1, "max_duration_s": 60.0, "min_decoded_fraction": 0.98}


def described(path, model, layer, padded):
    """Mean and standard deviation over time of a clip's frames, (1024,)."""
    waveform, _ = soundtrack.waveform(path, sound.RATE_HZ, LIMITS)
    _, values = whisper.frames(waveform, model, layer=layer, frame_length_s=0.04, padded=padded)
    return np.concatenate([values.mean(axis=0), values.std(axis=0)])


def main():
    """Print the UAR for each C."""
    weights, folder = map(Path, sys.argv[1:3])
    n_actors, layer = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((3, 8), (4, 3)))
    runtime.compute_alike()
    model = whisper.encoder(whisper_weights.load(weights))
    paths = sorted(folder.glob("Actor_*/*.flac"))
    paths = [path for path in paths if int(path.parent.name.removeprefix("Actor_")) <= n_actors]
    emotions, actors = ([path.stem.split("-")[i] for path in paths] for i in (2, 6))
    for padded in (False, True):
        clips = np.stack([described(path, model, layer, padded) for path in paths])
        for c in (0.001, 0.01, 0.1):
            learner = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000))
            found = cross_val_predict(learner, clips, emotions, groups=actors, cv=LeaveOneGroupOut())
            uar = 100 * recall_score(emotions, found, average="macro")
            print(f"{len(paths)} clips, padded {padded}, C {c}: UAR {uar:.1f} %", flush=True)


if __name__ == "__main__":
    main()
