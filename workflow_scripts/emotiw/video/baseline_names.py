"""Names of the systems of the challenge's baselines, apart from the baselines themselves, which import learners."""


def system(modality: str, feature: str) -> str:
    """Name of the baseline's system on a feature, such as `video/lbp_top/svm`."""
    return f"{modality}/{feature}/svm"
