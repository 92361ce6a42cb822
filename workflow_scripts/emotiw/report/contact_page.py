"""Page of all contact sheets; clips whose face track may be wrong come first."""

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
FOLDER = "contact_sheets"  # folder of the sheets, beside the page
FAINT_SCORE = 0.5  # a detection with a lower score may not be a face
JUMPS, FACES = 3, 5  # number of jumps, and of faces, from which the suspicion is 1


@dataclass(frozen=True)
class TrackQuality:
    """Signs that the face track of a clip may be wrong; the first four fields are from 0 to 1.

    Attributes
    ----------
    missing : float
        Share of the searched frames without a kept face.
    jumping : float
        Number of jumps / `JUMPS`, at most 1. A jump is a pair of consecutive kept frames whose boxes overlap too little
        to show the same face; if there are more cuts than jumps, the number of cuts is used.
    faint : float
        Share of the kept faces with a score below `FAINT_SCORE`.
    several : float
        Largest number of faces in a frame, scaled from 0 (one face) to 1 (`FACES`).
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
        """Sum of the four signs."""
        return self.missing + self.jumping + self.faint + self.several

    @property
    def reasons(self) -> list[str]:
        """Signs that a person should check, as text; few missing frames or faint faces are not listed."""
        applies_of_reason = {
            f"no face kept in {self.missing:.0%} of the frames": self.missing > 0.1,
            f"{self.n_jumps} jump{'s'[: self.n_jumps != 1]}": self.n_jumps > 0,
            f"{self.n_scenes} scenes": self.n_scenes > 1,
            f"faint in {self.faint:.0%}": self.faint > 0.2,
            f"{self.n_faces} faces at once": self.n_faces > 1,
        }
        return [text for text, applies in applies_of_reason.items() if applies]


@dataclass(frozen=True)
class ClipStrip:
    """Strip of a clip on the page: its sheet (job), position in it (CSS object-position, %), and texts."""

    clip: str
    subject: str
    job: str
    place: float
    summary: str
    status: Status
    reasons: Sequence[str]
    suspicion: float


def render(corpus: Manifest, folder: Path) -> str:
    """Render the page as HTML. It shows the sheets in `FOLDER`, beside the page.

    Parameters
    ----------
    corpus : Manifest
        The clips.
    folder : Path
        Folder of the face artefacts; those of one job at a time are in memory.

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
            groups=groups(list(clip_strips(corpus, folder))),
            folder=FOLDER,
            width=contact_sheet.WIDTH,
            height=contact_sheet.HEIGHT,
            style=html.resource(STYLE),
            script=html.resource(SCRIPT),
        )
    )


def groups(clips: Sequence[ClipStrip]) -> dict[str, list[ClipStrip]]:
    """Clips in three groups: suspicious, without a track, unremarkable; the most suspicious come first."""
    ordered = sorted(clips, key=lambda strip: (-strip.suspicion, strip.clip))
    tracked = [strip for strip in ordered if strip.status == Status.OK]
    return {
        "Suspicious": [strip for strip in tracked if strip.reasons],
        "Without a track": [strip for strip in ordered if strip.status != Status.OK],
        "Unremarkable": [strip for strip in tracked if not strip.reasons],
    }


def clip_strips(corpus: Manifest, folder: Path) -> Iterator[ClipStrip]:
    """Yield the strip of each clip, job by job; a job whose clips are sound alone has none."""
    pictured = corpus.jobs_with["video"]
    by_job = sorted((row for row in corpus.rows if row.job in pictured), key=lambda row: row.job)
    for job, rows in groupby(by_job, key=lambda row: row.job):
        row_of_clip: dict[str, Row] = {row.clip: row for row in rows}
        entries = list(store.read(folder / f"{job}.h5", "faces").entries.values())
        for i, entry in enumerate(entries):
            quality = track_quality(entry) if entry.status == Status.OK else None
            yield ClipStrip(
                clip=entry.name,
                subject=row_of_clip[entry.name].subject,
                job=job,
                place=100 * i / max(1, len(entries) - 1),
                summary=contact_sheet.summary(entry),
                status=entry.status,
                reasons=quality.reasons if quality else (),
                suspicion=quality.suspicion if quality else 0.0,
            )


def track_quality(entry: store.Entry) -> TrackQuality:
    """Quality of the track of an entry of kind `faces` whose status is ok."""
    boxes = [tuple(box) for box in entry.arrays["box"].tolist()]
    n_jumps = sum(overlap(a, b) < SAME_FACE for a, b in pairwise(boxes))
    n_scenes, n_faces = entry.facts["n_scenes"], entry.facts["n_faces_max"]
    return TrackQuality(
        missing=1 - entry.facts["kept_fraction"],
        jumping=min(1.0, max(n_jumps, n_scenes - 1) / JUMPS),
        faint=float(np.mean(entry.arrays["score"] < FAINT_SCORE)),
        several=min(1.0, (n_faces - 1) / (FACES - 1)),
        n_jumps=n_jumps,
        n_scenes=n_scenes,
        n_faces=n_faces,
    )
