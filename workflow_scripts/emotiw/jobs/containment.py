"""Run a program of single clips in a child process, so that a crash in native code costs one clip and not the job.

FFmpeg, dlib, openSMILE and HDF5 are large libraries in C, and a clip can make one of them crash. `start` forks before
the program computes anything: the child is the program, the parent waits for it. If the child dies of a signal that
its own code caused, the parent computes the clips one by one, each in a child of its own. A clip at which its child
crashes again gets the status `crashed`. A child that something else ended (SIGKILL, the out-of-memory killer, the
time limit) ends the job: nothing is recorded about its clips, and the next run computes them again.

The child is a fork, so programs of single clips must not start threads when they are imported.
"""

import gc
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

from emotiw.core import signals
from emotiw.core.files import write_atomic
from emotiw.jobs import runtime


@dataclass(frozen=True)
class Part:
    """What a child process has to do.

    Attributes
    ----------
    pipe : int
        File descriptor on which the child names its clips and the clip that it works on; -1: there is no parent.
    only : str
        The only clip whose artefact is computed; the output is not written. Empty: the whole job.
    folder : Path or None
        Where the artefacts of single clips are kept between the children.
    crashed : mapping of str to str
        Signal of each clip at which a child has crashed twice.
    """

    pipe: int = -1
    only: str = ""
    folder: Path | None = None
    crashed: Mapping[str, str] = field(default_factory=dict)

    def tell(self, **said: object) -> None:
        """Tell the parent something."""
        if self.pipe >= 0:
            os.write(self.pipe, json.dumps(said).encode() + b"\n")

    def kept(self, clip: str) -> bytes | None:
        """Artefact of a clip that an earlier child has computed."""
        path = self._path(clip)
        return path.read_bytes() if path and path.exists() else None

    def keep(self, clip: str, artefact: bytes) -> None:
        """Keep the artefact of a clip for a later child."""
        if path := self._path(clip):
            write_atomic(path, artefact)

    def _path(self, clip: str) -> Path | None:
        return self.folder / hashlib.sha256(clip.encode()).hexdigest() if self.folder else None


@dataclass(frozen=True)
class _End:
    """How a child ended: its exit status, negative for a signal; its clips, and the one that it worked on last."""

    status: int
    clips: Sequence[str]
    clip: str
    took_s: float

    @property
    def crashed(self) -> bool:
        return -self.status in signals.CRASHES

    @property
    def at_clip(self) -> str:
        return f" at clip {self.clip}" if self.clip else ""


_PART = Part()  # what this process has to do


def part() -> Part:
    """Return what this process has to do: the whole job, without a parent, unless `start` has forked it."""
    return _PART


def start(main: Callable[[], None]) -> None:
    """Run the `main` of a program of single clips in a child process, and end as the child ends.

    Parameters
    ----------
    main : callable
        Writes the artefact of the job by `per_clip`.
    """
    _become_child()
    runtime.start(main)


def _become_child() -> None:
    """Fork the children; this returns in each child, and never in the parent."""
    whole = _child(Part())
    if whole is None:
        return
    if not whole.crashed or not whole.clips:
        _finish(whole)
    _say(
        f"the program crashed ({signals.name(-whole.status)}){whole.at_clip};"
        f" the clips of this job ({len(whole.clips)}) are computed one by one"
    )
    folder = Path(tempfile.mkdtemp(prefix="emotiw-"))
    crashed: dict[str, str] = {}
    for clip in [*whole.clips, ""]:  # at last, the whole job from the artefacts that are kept
        end = _child(Part(only=clip, folder=folder, crashed=crashed))
        if end is None:
            return
        if clip and end.crashed:
            crashed[clip] = signals.name(-end.status)
            _say(f"the program crashed ({crashed[clip]}) at clip {clip} again, alone in its process")
        elif end.status or not clip:
            shutil.rmtree(folder)
            _finish(end)


def _child(job: Part) -> _End | None:
    """Fork a process for a part of the job; None in the child, and in the parent how the child ended."""
    global _PART  # noqa: PLW0603 - what a process has to do is a fact of the process
    sys.stdout.flush()
    sys.stderr.flush()
    gc.freeze()  # a collection in the child would copy every page that the fork shares
    reading, writing = os.pipe()
    parent, begin = os.getpid(), time.monotonic()
    process = os.fork()
    if not process:
        os.close(reading)
        signals.die_with(parent)
        _PART = replace(job, pipe=writing)
        return None
    os.close(writing)
    asked = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child gets it too, and ends as it would alone
    clips, clip = _told(reading)
    _, status = os.waitpid(process, 0)
    signal.signal(signal.SIGINT, asked)
    return _End(os.waitstatus_to_exitcode(status), clips, clip, time.monotonic() - begin)


def _told(reading: int) -> tuple[list[str], str]:
    """Clips of the child, and the one that it worked on last; read until the child ends."""
    clips: list[str] = []
    clip = ""
    with open(reading, "rb") as stream:
        for line in stream:
            said = json.loads(line) if line.endswith(b"\n") else {}
            clips, clip = said.get("clips", clips), said.get("clip", clip)
    return clips, clip


def _finish(end: _End) -> NoReturn:
    """End this process as a child has ended; the last line says which clip is not judged, and why."""
    limit_s = float(os.environ.get(runtime.DEADLINE, "0"))
    again = "nothing is recorded about it; run the same command again"
    if end.status < 0:
        _say(f"the program was ended by {signals.ending(end.status)}{end.at_clip}; {again}")
        if -end.status != signal.SIGKILL:
            signal.signal(-end.status, signal.SIG_DFL)
        os.kill(os.getpid(), -end.status)
    elif end.status and limit_s and end.took_s >= limit_s:
        _say(f"the program was ended after {limit_s:g} s (limits.job_s){end.at_clip}; {again}")
    os._exit(end.status & 0xFF)


def _say(text: str) -> None:
    """Write a line to the log of the job."""
    print(f"emotiw: {text}", file=sys.stderr, flush=True)
