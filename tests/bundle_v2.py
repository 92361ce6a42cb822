"""Bundles of version 2, written as the versions of emotiw that made them did."""

import json
import shutil

from emotiw.prediction.bundle import index_sha256

# sections of the configuration in such a bundle, whole as they were then
SETTINGS = {
    "audio": {"min_duration_s": 0.1, "rate_hz": 16000, "silence_peak": 0.0001},
    "cnn": {"batch_size": 16, "crop": 227, "layer": "pool5", "layout": "torchvision", "storage": "float16"},
    "dense_sift": {"block": 16, "size": 64, "step": 8},
    "egemaps": {"deltas": False, "feature_set": "eGeMAPSv02", "frame_length_s": 0.04, "mode": "functionals"},
    "embeddings": {},
    "faces": {
        **{"chip_padding": 0.25, "chip_size": 128, "frame_step": 2, "min_frames": 5},
        **{"select": "largest", "track": True, "upsample": 0},
    },
    "hog": {"bins": 9, "block": 16, "cell": 8, "size": 64, "step": 8},
    "limits": {
        **{"job_s": 3600.0, "max_duration_s": 600.0, "max_pixels": 16777216, "min_decoded_fraction": 0.98},
    },
    "video": {
        **{"c_grid": [0.01, 0.1, 1.0], "classifiers": ["pls"], "combinations": None, "features": ["dense_sift"]},
        **{"combination": {"classifier": "pls", "features": ["dense_sift"]}, "inner_folds": 2, "logistic_c": "auto"},
        **{"n_components": 3, "n_components_max": 40, "pca_dimension": 5, "polynomial_degree": 1},
        **{"regularisation": 0.001, "subspace_rank": 3, "svm_c": "auto"},
    },
}


def write(folder, source):
    """Write a bundle of version 3 with image sets of dense SIFT and networks of eGeMAPS as one of version 2."""
    shutil.copytree(source, folder)
    about = json.loads((folder / "bundle.json").read_text())
    (folder / "training.json").unlink()
    del about["files"]["training.json"]
    renamed = {name: name.replace("/egemaps/", "/blstm/") for name in about["files"]}
    for old, new in renamed.items():
        (folder / new).parent.mkdir(exist_ok=True)
        (folder / old).rename(folder / new)
    about["files"] = {renamed[name]: facts for name, facts in about["files"].items()}
    for member in about["members"]:
        del member["video"]["dense_sift"]["classifier"]
        del member["fusion_scale"]
        member["networks"] = [renamed[name] for name in member.pop("audio")["egemaps"]["files"]]
    del about["columns"]
    about |= {"version": 2, "features": ["dense_sift"], "settings": SETTINGS}
    (folder / "bundle.json").write_text(json.dumps(about | {"sha256": index_sha256(about)}))
    return folder
