"""Predictions in a child process that may die, so that a crash in native code costs one clip and not the others.

The child is a fork of the process that has loaded the bundle; it judges one clip after the other. If it dies, another
is forked, which takes as long as a frame of a clip. A clip at which two children crash gets the status `crashed`. One
whose child was killed, or made no progress for too long, gets the status `not_judged`: this says nothing of the clip.
"""

import gc
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from emotiw.core import signals
from emotiw.core.errors import FeatureError
from emotiw.core.signals import DiedError
from emotiw.core.status import Status
from emotiw.prediction import predictor as predictors
from emotiw.prediction.bundle import Bundle
from emotiw.prediction.prediction import NOT_JUDGED, Prediction
from emotiw.prediction.predictor import Predictor
from emotiw.prediction.records import shown

STALLED_S = 600.0  # without progress for so long, a clip is given up; a segment of 30 s takes some seconds [ours]
TOLD_S = 0.1  # shortest time between two reports of progress
ATTEMPTS = 2  # number of children that may crash at a clip

Progress = Callable[[int], None]


class StalledError(Exception):
    """The child process has made no progress for too long, and was killed."""


@dataclass
class Contained:
    """A predictor that judges in a child process where the system can fork; call `close` at the end.

    What this process computes before must leave no threads behind: a fork lacks them, and would wait for them in vain.

    Attributes
    ----------
    predictor : Predictor
    stalled_s : float
        A clip without progress for so long is given up.
    """

    predictor: Predictor
    stalled_s: float = STALLED_S
    _child: "_Child | None" = field(default=None, repr=False)

    @property
    def bundle(self) -> Bundle:
        """Bundle of the predictor."""
        return self.predictor.bundle

    def predict(self, paths: Iterable[str | Path], progress: Progress | None = None) -> Iterator[Prediction]:
        """Predict clips as `Predictor.predict` does; a clip at which the process dies gets a reason.

        Parameters
        ----------
        paths : iterable of str or Path
        progress : callable or None
            Called with the number of frames that were searched since the last call.
        """
        if sys.platform != "linux":  # elsewhere, a fork of a process that has loaded frameworks is not safe
            yield from self.predictor.predict(paths, progress)
            return
        try:
            for path in map(Path, paths):
                yield from self._judged(path, progress or (lambda _: None))
        finally:
            self.close()

    def close(self) -> None:
        """End the child process."""
        if self._child:
            self._child.end()
            self._child = None

    def _judged(self, path: Path, progress: Progress) -> list[Prediction]:
        begin, died = time.perf_counter(), 0
        for _ in range(ATTEMPTS):
            self._child = self._child or _Child.of(self.predictor)
            try:
                return self._child.judge(path, progress, self.stalled_s)
            except DiedError as error:
                died = -error.status
                self.close()
                if died not in signals.CRASHES:
                    ended = f"its process ended by {signals.ending(error.status)}"
                    return [self._without(path, NOT_JUDGED, f"not judged this time: {ended}", begin)]
            except StalledError:
                self.close()
                reason = f"not judged this time: no progress for {self.stalled_s:g} s"
                return [self._without(path, NOT_JUDGED, reason, begin)]
        reason = f"the program crashes at this clip ({signals.name(died)}), twice in two processes"
        return [self._without(path, Status.CRASHED.value, reason, begin)]

    def _without(self, path: Path, status: str, reason: str, begin: float) -> Prediction:
        predictors.LOG.error("%s: %s", path, reason)
        return replace(self.predictor.without(path, status, reason), seconds=time.perf_counter() - begin)


def lasting(predictions: Iterable[Prediction]) -> Iterator[Prediction]:
    """Pass predictions on that may be recorded.

    Raises
    ------
    FeatureError
        After the last one, if a clip was not judged for a reason that says nothing of the clip.
    """
    lacking = []
    for prediction in predictions:
        if NOT_JUDGED in prediction.status.values():
            lacking.append(prediction)
        else:
            yield prediction
    if lacking:
        raise FeatureError(unfinished([(shown(one.path), one.reason) for one in lacking]))


def unfinished(clips: Sequence[tuple[str, str]]) -> str:
    """Message on clips, with the reason of each, that were not judged this time."""
    (first, reason), n = clips[0], len(clips)
    more = f" and {n - 1} more" if n > 1 else ""
    return f"{first}{more}: {reason}; nothing is recorded about such clips; run the same command again"


@dataclass
class _Child:
    """A child process that judges clips, and the connection to it."""

    process: int
    connection: Connection

    @classmethod
    def of(cls, predictor: Predictor) -> "_Child":
        """Fork a child."""
        ours, theirs = multiprocessing.Pipe()
        parent = os.getpid()
        process = os.fork()
        if not process:
            ours.close()
            _serve(predictor, theirs, parent)
        theirs.close()
        return cls(process, ours)

    def judge(self, path: Path, progress: Progress, stalled_s: float) -> list[Prediction]:
        """Let the child judge a clip.

        Raises
        ------
        DiedError, StalledError
        """
        try:
            self.connection.send(path)
            while True:
                if not self.connection.poll(stalled_s):
                    os.kill(self.process, signal.SIGKILL)
                    raise StalledError
                kind, content = self.connection.recv()
                if kind == "judged":
                    return list(content)
                if kind == "log":
                    predictors.LOG.error("%s", content)
                else:
                    progress(content)
        except (EOFError, OSError):
            raise DiedError(self._status()) from None

    def end(self) -> None:
        """Close the connection, which ends the child, and wait for it."""
        self.connection.close()
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            self._status()

    def _status(self) -> int:
        _, status = os.waitpid(self.process, 0)
        self.process = 0
        return os.waitstatus_to_exitcode(status)


class _Sent(logging.Handler):
    """Sends the errors that are logged, with their tracebacks, to the parent."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(logging.ERROR)
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record as text."""
        self._connection.send(("log", self.format(record)))


def _serve(predictor: Predictor, connection: Connection, parent: int) -> None:
    """Judge the clips that the parent names, until it closes the connection; the process ends here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the child
    gc.freeze()  # what the parent has left to be collected may own threads, which are not here to be joined
    signals.die_with(parent)
    predictors.LOG.handlers, predictors.LOG.propagate = [_Sent(connection)], False
    waiting = {"frames": 0, "since": time.monotonic()}

    def progress(n_frames: int) -> None:
        waiting["frames"] += n_frames
        if time.monotonic() - waiting["since"] >= TOLD_S:
            _tell()

    def _tell() -> None:
        connection.send(("progress", waiting["frames"]))
        waiting.update(frames=0, since=time.monotonic())

    try:
        while True:
            predictions: list[Any] = list(predictor.predict([connection.recv()], progress))
            _tell()
            connection.send(("judged", predictions))
    except (EOFError, OSError):
        os._exit(0)
    finally:
        os._exit(1)
