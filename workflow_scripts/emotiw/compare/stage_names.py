"""Readable names of stages, and of what a stage was computed from."""

from emotiw.jobs import stages
from emotiw.report import names

TITLES = {
    "audio": "waveform",
    "average_scores": "mean posteriors",
    "baseline": "baselines",
    "blstm_scores": "BLSTM scores",
    "contact_sheet": "contact sheets",
    "crate": "run crate",
    "evaluate": "metrics",
    "faces_film": "film of the faces",
    "folds": "files of all folds",
    "gather_frames": "frames of all clips",
    "kernel_scores": "kernel classifiers",
    "pca": "principal components",
    "pooled_scores": "pooled classifiers",
    "scaler": "standardisation",
    "train_blstm": "BLSTM training",
}


def stage(name: str) -> str:
    """Title of a stage, or of a folder that holds the files of several stages."""
    row = stages.ROWS.get(name)
    return TITLES.get(name) or (row.title if row and row.title else name.replace("_", " "))


def computed(name: str, of: str) -> str:
    """Title of a stage and what its results are of: `kernel_scores` of `cnn/pls` are `kernel classifiers: CNN, PLS`."""
    parts = of.split("/")
    if not of:
        return stage(name)
    what = names.feature(of) if len(parts) == 1 else names.system(f"/{of}" if len(parts) > 2 else f"/{of}/mean")
    return f"{stage(name)}: {what}"
