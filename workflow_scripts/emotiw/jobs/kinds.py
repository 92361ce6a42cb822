"""The kinds of artefacts: which datasets each has, with their type, shape and unit."""

from dataclasses import dataclass

from emotiw.jobs.differences import DIFFERENCES


@dataclass(frozen=True)
class Field:
    """A dataset: its type, the names (or sizes) of its axes, its unit; axes of one name must have one size.

    If `narrow` is given, the dataset may be stored in that type; it is read as `dtype` all the same. `rows` says that
    pictures are stored as differences between their rows.
    """

    dtype: str
    shape: tuple[str | int, ...]
    unit: str = "1"
    narrow: str | None = None
    rows: bool = False

    @property
    def attributes(self) -> dict[str, str]:
        """Attributes of the dataset in a file."""
        return {"unit": self.unit} | ({DIFFERENCES: "rows"} if self.rows else {})


_TIME = Field("<f8", ("frames",), "s")
_FRAME_FEATURES = {"features": Field("<f4", ("frames", "features"), narrow="<f2"), "time": _TIME}

KINDS: dict[str, dict[str, Field]] = {
    "audio": {"waveform": Field("<f4", ("samples",), "full scale")},
    "frame_features": _FRAME_FEATURES,
    "copies": {"features": Field("<f4", ("copies", "features"))},
    "clip_features": {"features": Field("<f4", ("features",), narrow="<f2")},
    "faces": {
        "chips": Field("|u1", ("frames", "height", "width", 3), "grey level", rows=True),
        "time": _TIME,
        "frame": Field("<i4", ("frames",)),
        "box": Field("<i4", ("frames", 4), "px"),
        "score": Field("<f4", ("frames",)),
        "landmarks": Field("<f4", ("frames", 5, 2), "px"),
    },
    "pca": {
        "mean": Field("<f8", ("features",)),
        "components": Field("<f8", ("components", "features")),
        "variance": Field("<f8", ("components",)),
    },
    "kernels": {"matrix": Field("<f8", ("clips", "columns"))},  # columns of all clips, or of landmarks
    "classifier": {"coefficients": Field("<f8", ("clips", "classes")), "intercept": Field("<f8", ("classes",))},
    "pooled_classifier": {
        **{name: Field("<f8", ("values",)) for name in ("mean", "scale", "population_mean", "population_scale")},
        "coefficients": Field("<f8", ("values", "classes")),
        "intercept": Field("<f8", ("classes",)),
    },
    "scores": {"scores": Field("<f8", ("clips", "classes"))},
    "posteriors": {"posteriors": Field("<f4", ("frames", "classes")), "time": _TIME},
    "scaler": {"mean": Field("<f8", ("features",)), "scale": Field("<f8", ("features",))},
}


def version(kind: str) -> int:
    """Version of the schema; files of version 1, whose pictures are stored as they are, are read too."""
    return 2 if any(spec.rows for spec in KINDS[kind].values()) else 1
