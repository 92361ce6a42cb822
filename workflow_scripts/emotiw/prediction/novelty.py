"""How far a clip is from the training clips, and what a prediction says of one that is too far [ours].

The distance of a clip's pooled frames v (`statistics.pooling`) is the root of their mean squared deviation from the
training clips, in units of the training clips' deviation (`models.PooledModel.distance`)::

    d = sqrt(1/n sum_i ((v_i - mean_i) / scale_i)^2)

It is about 1 for a training clip. The threshold is taken from corpora that were left out of training, because clips of
strangers are farther: `SHARE` of their clips are nearer, each corpus counting alike (`novelty_threshold`).
"""

SHARE = 0.95  # of the clips of left-out corpora that are nearer than the threshold


def note(modality: str) -> str:
    """Note on a clip that is farther than the threshold."""
    what = {"video": "the face", "audio": "the sound"}[modality]
    share = f"{100 * SHARE:.0f} of 100 clips of other corpora"
    return f"{what} is unlike those of the training clips, farther from them than {share}: do not rely on the answer"
