"""Columns of tables that are known by their header: OpenFace's, openSMILE's, those of opensmile-python, plain ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from emotiw.core.errors import FeatureError

SUCCESS, FACE = "success", "face_id"  # columns of OpenFace


@dataclass(frozen=True)
class Layout:
    """Columns of a program's tables.

    Attributes
    ----------
    marks : frozenset of str
        Columns by which the table is known.
    clip, time : str
        Columns of the clip's name and of the time of a row.
    skipped : frozenset of str
        Further columns that hold no values.
    values : tuple of str
        Patterns of the columns that are the feature if the configuration names none.
    """

    marks: frozenset[str]
    clip: str = "clip"
    time: str = "time"
    skipped: frozenset[str] = frozenset()
    values: tuple[str, ...] = ("*",)


OPENFACE = Layout(
    frozenset({"timestamp", "confidence", SUCCESS}),
    time="timestamp",
    skipped=frozenset({"frame", FACE, "confidence", SUCCESS}),
    # what a face does; the other columns say where it is in the picture and what it looks like
    values=("AU*_r", "gaze_angle_*", "pose_R*"),
)
OPENSMILE_PYTHON = Layout(frozenset({"file", "start", "end"}), clip="file", time="start", skipped=frozenset({"end"}))
OPENSMILE = Layout(frozenset({"name"}), clip="name", time="frameTime", skipped=frozenset({"frameIndex"}))
PLAIN = Layout(frozenset())
LAYOUTS = (OPENFACE, OPENSMILE_PYTHON, OPENSMILE, PLAIN)


@dataclass(frozen=True)
class Columns:
    """Positions of the columns of a table; None for a column that it lacks."""

    layout: Layout
    names: tuple[str, ...]
    values: tuple[int, ...]
    clip: int | None
    time: int | None

    def of(self, name: str) -> int | None:
        """Position of a column."""
        return self.names.index(name) if name in self.names else None


def recognised(names: Sequence[str], patterns: Sequence[str], times: str | None, subject: str) -> Columns:
    """Columns of a table with this header.

    Parameters
    ----------
    names : sequence of str
        The header, without spaces around the names.
    patterns : sequence of str
        Patterns of the columns that hold the values, in their order; empty: the layout's own.
    times : str or None
        Column of the times; None: the layout's own.
    subject : str
        The file, for errors.

    Raises
    ------
    FeatureError
        If a name occurs twice or a pattern matches no column.
    """
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FeatureError(f"{subject}:1: has the columns {', '.join(twice)} twice; keep one of each")
    layout = next(layout for layout in LAYOUTS if layout.marks <= set(names))
    if times and times not in names:
        raise FeatureError(f"{subject}:1: has no column {times!r}; correct times")
    clip = PLAIN.clip if PLAIN.clip in names else layout.clip
    reserved = {clip, times or layout.time, *layout.skipped}
    free = [name for name in names if name not in reserved]
    matched = {pattern: [name for name in free if fnmatchcase(name, pattern)] for pattern in patterns or layout.values}
    absent = [pattern for pattern, found in matched.items() if not found]
    if absent and (patterns or len(absent) == len(matched)):
        raise FeatureError(
            f"{subject}:1: no column of values matches {', '.join(absent)}; it has {', '.join(names)}; set columns"
        )
    values = dict.fromkeys(name for found in matched.values() for name in found)
    position = {name: i for i, name in enumerate(names)}
    return Columns(
        layout,
        tuple(names),
        tuple(position[name] for name in values),
        position.get(clip),
        position.get(times or layout.time),
    )
