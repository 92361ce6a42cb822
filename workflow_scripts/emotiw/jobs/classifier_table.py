"""The table of the classifiers: one row each, with what they take and the stage that computes their scores."""

from collections.abc import Mapping
from typing import Any

from emotiw.jobs.stage_row import ClassifierRow, Kind

POOLED: dict[str, Any] = {"stage": "pooled_scores", "kinds": (Kind.FRAME_FEATURE, Kind.CLIP_FEATURE)}
CLASSIFIERS: Mapping[str, ClassifierRow] = {
    row.name: row
    for row in (
        ClassifierRow("pls", "PLS", "kernel_scores", "n_components", "n_components_max"),
        ClassifierRow("kernel_pls", "kernel PLS", "kernel_scores", "n_components", "n_components_max"),
        ClassifierRow("svm", "SVM", "kernel_scores", "svm_c", "c_grid"),
        ClassifierRow("logistic", "logistic regression", "kernel_scores", "logistic_c", "c_grid"),
        ClassifierRow("pooled_logistic", "logistic regression on pooled frames", **POOLED),
        ClassifierRow("pooled_svm", "SVM on pooled frames", **POOLED),
        ClassifierRow("blstm", "BLSTM", "blstm_scores", uses_validation=True),
        ClassifierRow("average", "mean of frame posteriors", "average_scores", needs_posteriors=True),
    )
}
