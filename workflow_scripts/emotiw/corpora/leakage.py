"""The check for leakage: no subject, no source film and no content may be in two splits or folds."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from emotiw.core.errors import ManifestError

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
FAIL, NOTE = "fail", "note"  # values of corpus.shared_films: a film in two splits is an error, or a note in the report


class Clip(Protocol):
    """A clip's facts as text, empty if unknown."""

    @property
    def clip(self) -> str:
        """Id."""

    @property
    def split(self) -> str:
        """Part of the official splits: train, val or test."""

    @property
    def fold(self) -> str:
        """Name of its fold."""

    @property
    def subject(self) -> str:
        """Person who is seen or heard."""

    @property
    def film(self) -> str:
        """Film or broadcast that it is cut from."""

    @property
    def sha256(self) -> str:
        """Hash of its content."""


@dataclass(frozen=True)
class Wall:
    """Something that splits must not share: its name and plural, its key for a clip, and the remedy if it is shared."""

    name: str
    plural: str
    key: Callable[[Clip], str]
    remedy: str


SUBJECT = Wall(
    "subject",
    "subjects",
    lambda clip: clip.subject,
    "move all clips of the subject to one of them (corpus.protocol.scheme: subjects divides by subject)",
)
FILM = Wall(
    "film",
    "films",
    lambda clip: clip.film,
    "move all clips of the film to one of them; if published splits share films, set corpus.shared_films: note",
)
CONTENT = Wall(
    "content (SHA-256)",
    "clips",
    lambda clip: "" if clip.sha256 == EMPTY_SHA256 else clip.sha256,  # an empty file has no content to share
    "remove one of the two clips",
)
WALLS = (SUBJECT, FILM, CONTENT)


def part(clip: Clip) -> str:
    """Split or fold of a clip, or both where it has both (`splits.folds`)."""
    return f"{clip.fold} {clip.split}".strip()


def shared(wall: Wall, clips: Iterable[Clip], where: Callable[[Any], str]) -> Iterator[str]:
    """One line for each key that is in more than one split or fold, with the first clip in each and the remedy.

    Parameters
    ----------
    wall : Wall
        What must not be shared.
    clips : iterable of Clip
        All clips; those without a split or fold, or without a key, are ignored.
    where : callable
        Returns the place of a clip for messages: a file, or a table and a line.
    """
    first: dict[str, dict[str, Clip]] = defaultdict(dict)
    for clip in clips:
        if wall.key(clip) and part(clip):
            first[wall.key(clip)].setdefault(part(clip), clip)
    for value, clip_of_part in first.items():
        if len(clip_of_part) > 1:
            ordered = sorted(clip_of_part.items())
            places = " and ".join(f"{name} (clip {clip.clip!r}, {where(clip)})" for name, clip in ordered)
            name = value[:12] if wall is CONTENT else value
            yield (
                f"{where(ordered[-1][1])}: {wall.name} {name!r} is in {places}; splits and folds must not share"
                f" {wall.plural}: {wall.remedy}"
            )


def check(clips: Sequence[Clip], where: Callable[[Any], str], *, shared_films: str) -> dict[str, Any]:
    """Check the clips of a run again before evaluation, and count what was checked.

    Parameters
    ----------
    clips : sequence of Clip
        All clips of a manifest.
    where : callable
        As in `shared`.
    shared_films : str
        `fail`, or `note`: films in two splits are counted, which is no error.

    Raises
    ------
    ManifestError
        If splits share a subject, film or content; the message lists all cases.
    """
    leaks_of_wall = {wall.name: list(shared(wall, clips, where)) for wall in WALLS}
    films = leaks_of_wall.pop(FILM.name) if shared_films == NOTE else []
    if problems := [line for lines in leaks_of_wall.values() for line in lines]:
        raise ManifestError(f"{len(problems)} leaks between splits:\n  " + "\n  ".join(problems))
    return {
        **{f"n_{wall.plural}": len({wall.key(clip) for clip in clips} - {""}) for wall in (SUBJECT, FILM)},
        "n_contents": len({CONTENT.key(clip) for clip in clips} - {""}),
        "n_without_film": sum(not clip.film for clip in clips),
        "n_shared_films": len(films),
        "passed": True,
    }
