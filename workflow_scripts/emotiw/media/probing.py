"""Facts of clips, read in a process of their own: FFmpeg may crash at a header, and the process that asks goes on.

`python -m emotiw.media.probing` reads a path on each line of its input, in JSON, and answers with the facts. It ends
when its input ends.
"""

import atexit
import json
import os
import select
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from emotiw.core import signals
from emotiw.core.errors import MediaError
from emotiw.core.resources import PACKAGE
from emotiw.core.signals import DiedError

LONGEST_S = 120.0  # a header is read in milliseconds, but the process may have to wait for a slow disk [ours]
ATTEMPTS = 2  # number of processes that may crash at a file


class Prober:
    """A process that reads facts of clips; it is started at the first question, and again after a crash."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self, path: Path) -> dict[str, Any]:
        """Facts of a file's header (`container.probe`); empty if it cannot be read, or if FFmpeg crashes at it twice.

        Raises
        ------
        MediaError
            If the process was killed, or had no answer within `longest_s` seconds.
        """
        for _ in range(ATTEMPTS):
            try:
                return self._ask(path)
            except DiedError as error:
                if -error.status not in signals.CRASHES:
                    ended = f"the process that read its header ended by {signals.ending(error.status)}"
                    raise MediaError(f"{path}: {ended}; run the same command again") from None
        return {}

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._ended()

    def _ended(self) -> int:
        """Exit status of the process, which has ended; the next question starts another."""
        process, self._process = self._process, None
        if process is None:
            return 0
        for stream in (process.stdin, process.stdout):
            if stream:
                with suppress(BrokenPipeError):  # of a question that was not written yet
                    stream.close()
        return process.wait()

    def _ask(self, path: Path) -> dict[str, Any]:
        process = self._process = self._process or _started()
        asked, answered = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        try:
            asked.write(json.dumps(os.fspath(path)).encode() + b"\n")
            asked.flush()
            ready, _, _ = select.select([answered], [], [], self._longest_s)
            if not ready:
                self.close()
                raise MediaError(
                    f"{path}: its header was not read within {self._longest_s:g} s; leave the file out, or run the same"
                    " command again"
                )
            line = answered.readline()
        except BrokenPipeError:
            line = b""
        if not line.endswith(b"\n"):
            raise DiedError(self._ended())
        return dict(json.loads(line))


def _started() -> subprocess.Popen[bytes]:
    search = os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "emotiw.media.probing"]
    return subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": search}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=-1
    )


probe = Prober()  # one for the whole process
atexit.register(probe.close)


def main() -> None:
    """Answer questions until there are no more."""
    from emotiw.media import container  # noqa: PLC0415 - the process that asks never loads FFmpeg

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    for line in sys.stdin.buffer:
        facts = container.probe(Path(json.loads(line)))
        answers.write(json.dumps(facts).encode() + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
