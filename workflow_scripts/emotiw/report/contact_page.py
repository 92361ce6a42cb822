"""One page of all contact sheets, the tracks that look wrong first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np

from emotiw.core import html
from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest, Row
from emotiw.faces.tracking import SAME_FACE, overlap
from emotiw.jobs import store
from emotiw.report import contact_sheet

TEMPLATE, STYLE, SCRIPT = "contact_page.html.j2", "contact_page.css", "contact_page.js"
FOLDER = "contact_sheets"  # holds the sheets, beside the page
FAINT_SCORE = 0.5  # a face of a lower score may be none
JUMPS, FACES = 3, 5  # this many jumps or faces are as suspicious as they can be


@dataclass(frozen=True)
class Track:
    """How much of a clip's track is suspicious, each from 0 to 1, with the words for it.

    Attributes
    ----------
    missing : float
        Share of the searched frames of which no face is kept.
    jumping : float
        Jumps, `JUMPS` being all: pairs of consecutive kept frames whose boxes overlap too little to show the same face,
        or cuts between kept frames if these are more.
    faint : float
        Share of the kept faces whose score is below `FAINT_SCORE`.
    several : float
        Most faces seen in a frame, from 0 for one to 1 for `FACES`.
    """

    missing: float
    jumping: float
    faint: float
    several: float
    n_jumps: int
    n_scenes: int
    n_faces: int

    @property
    def suspicion(self) -> float:
        """Sum of the four."""
        return self.missing + self.jumping + self.faint + self.several

    @property
    def reasons(self) -> list[str]:
        """What a person should look at; few missing frames and few faint faces are not worth a look."""
        found = {
            f"no face kept in {self.missing:.0%} of the frames": self.missing > 0.1,
            f"{self.n_jumps} jump{'s'[: self.n_jumps != 1]}": self.n_jumps > 0,
            f"{self.n_scenes} scenes": self.n_scenes > 1,
            f"faint in {self.faint:.0%}": self.faint > 0.2,
            f"{self.n_faces} faces at once": self.n_faces > 1,
        }
        return [text for text, said in found.items() if said]


@dataclass(frozen=True)
class Shown:
    """A clip on the page: its sheet, where its strip is in it (% of what overhangs), and what is said of it."""

    clip: str
    subject: str
    job: str
    place: float
    about: str
    status: Status
    reasons: Sequence[str]
    suspicion: float


def render(corpus: Manifest, folder: Path) -> str:
    """Render the page as HTML; it shows the sheets that lie in `FOLDER` beside it.

    Parameters
    ----------
    corpus : Manifest
        The clips.
    folder : Path
        Holds the artefacts of the faces, of which those of one job at a time are in memory.

    Raises
    ------
    StoreError
        If an artefact is missing or damaged.
    """
    return (
        html.environment()
        .get_template(TEMPLATE)
        .render(
            corpus=corpus,
            groups=groups(list(shown(corpus, folder))),
            folder=FOLDER,
            width=contact_sheet.WIDTH,
            height=contact_sheet.HEIGHT,
            style=html.resource(STYLE),
            script=html.resource(SCRIPT),
        )
    )


def groups(clips: Sequence[Shown]) -> dict[str, list[Shown]]:
    """Sort the clips into suspicious ones, the most suspicious first, those without a track, and the rest."""
    ordered = sorted(clips, key=lambda it: (-it.suspicion, it.clip))
    followed = [it for it in ordered if it.status == Status.OK]
    return {
        "Suspicious": [it for it in followed if it.reasons],
        "Without a track": [it for it in ordered if it.status != Status.OK],
        "Unremarkable": [it for it in followed if not it.reasons],
    }


def shown(corpus: Manifest, folder: Path) -> Iterator[Shown]:
    """Yield what the page shows of each clip, job by job."""
    by_job = sorted(corpus.rows, key=lambda row: row.job)
    for job, rows in groupby(by_job, key=lambda row: row.job):
        row_of_clip: dict[str, Row] = {row.clip: row for row in rows}
        entries = list(store.read(folder / f"{job}.h5", "faces").entries.values())
        for i, entry in enumerate(entries):
            track = examine(entry) if entry.status == Status.OK else None
            yield Shown(
                clip=entry.name,
                subject=row_of_clip[entry.name].subject,
                job=job,
                place=100 * i / max(1, len(entries) - 1),
                about=contact_sheet.summary(entry),
                status=entry.status,
                reasons=track.reasons if track else (),
                suspicion=track.suspicion if track else 0.0,
            )


def examine(entry: store.Entry) -> Track:
    """Judge the track of an entry of kind `faces` whose status is ok."""
    boxes = [tuple(box) for box in entry.arrays["box"].tolist()]
    n_jumps = sum(overlap(a, b) < SAME_FACE for a, b in pairwise(boxes))
    n_scenes, n_faces = entry.facts["n_scenes"], entry.facts["n_faces_max"]
    return Track(
        missing=1 - entry.facts["kept_fraction"],
        jumping=min(1.0, max(n_jumps, n_scenes - 1) / JUMPS),
        faint=float(np.mean(entry.arrays["score"] < FAINT_SCORE)),
        several=min(1.0, (n_faces - 1) / (FACES - 1)),
        n_jumps=n_jumps,
        n_scenes=n_scenes,
        n_faces=n_faces,
    )
