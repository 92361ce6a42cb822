"""Track every face of a clip, and keep all of them; who the people are is not asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from emotiw.faces.tracking import MAX_GAP, Describe, Face, Sighting, pairs


@dataclass(eq=False)
class Person:
    """A face that is followed: its number by appearance, number of the frame of the last sighting, and sightings."""

    number: int
    seen: int
    last: Face
    sightings: list[Sighting] = field(default_factory=list)


class Everyone:
    """Follow every face, by the rules of `tracking.Longest`, and keep the sightings of each.

    A face that returns after a cut, or after more than `MAX_GAP` frames, gets a new number. The sightings are given
    away by `take`, so that memory does not grow with the clip.
    """

    def __init__(self) -> None:
        self._n = 0
        self._n_people = 0
        self._active: list[Person] = []
        self._ended: list[Person] = []

    @property
    def near(self) -> list[Face]:
        """Last sighting of each face that is followed."""
        return [person.last for person in self._active]

    @property
    def sure(self) -> list[Face]:
        """Faces of the last frame."""
        return [person.last for person in self._active if person.seen == self._n]

    @property
    def kept(self) -> list[Sighting]:
        """Sightings, since the last `take`, of the face that has most of them."""
        return max((person.sightings for person in (*self._ended, *self._active)), key=len, default=[])

    def see(self, faces: Sequence[Face], describe: Describe) -> None:
        """Add each of `faces` to its track, or start a new track with it."""
        self._n += 1
        self._end([person for person in self._active if self._n - person.seen > MAX_GAP + 1])
        known, followed = pairs(self.near, faces), list(self._active)
        for j, face in enumerate(faces):
            person = followed[known[j]] if j in known else self._new(face)
            person.seen, person.last = self._n, face
            person.sightings.append(describe(face))

    def cut(self) -> None:
        """End all tracks."""
        self._end(list(self._active))

    def take(self) -> dict[int, list[Sighting]]:
        """Sightings of each face since the last call, by its number; they are forgotten here."""
        people = sorted((*self._ended, *self._active), key=lambda person: person.number)
        taken = {person.number: person.sightings for person in people if person.sightings}
        for person in self._active:
            person.sightings = []
        self._ended = []
        return taken

    def _new(self, face: Face) -> Person:
        self._n_people += 1
        self._active.append(Person(self._n_people, self._n, face))
        return self._active[-1]

    def _end(self, people: Sequence[Person]) -> None:
        self._active = [person for person in self._active if person not in people]
        self._ended += people
