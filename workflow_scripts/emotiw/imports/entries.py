"""Entries of the clips of one job, read from the files that hold an imported feature."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from emotiw.core.errors import FeatureError
from emotiw.imports import contents
from emotiw.imports.reading import Content, File, Reading
from emotiw.jobs.store import Entry


class Source:
    """Reads the clips of one job; a context manager.

    A file that is asked for a second time stays open: it holds several clips, and the text of a table is parsed once.

    Parameters
    ----------
    reading : Reading
    """

    def __init__(self, reading: Reading) -> None:
        self._reading, self._files = reading, ExitStack()
        self._asked: set[Path] = set()
        self._open: dict[Path, File] = {}

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def entries(self, paths: Sequence[Path], clips: Sequence[Sequence[str]]) -> Iterator[Entry]:
        """Entry of each clip.

        Parameters
        ----------
        paths : sequence of Path
            File of each clip.
        clips : sequence of (str, str)
            Id of each clip and hash of its content, empty if there is no file of it.

        Raises
        ------
        FeatureError
            If a file has changed since the job was planned, or as in `contents.entry`.
        """
        for path, (clip, sha256) in zip(paths, clips, strict=True):
            yield self._entry(path, clip, sha256) if sha256 else contents.without(clip, "no file")

    def _entry(self, path: Path, clip: str, sha256: str) -> Entry:
        try:
            content = self._content(path, clip)
        except OSError as error:
            raise FeatureError(f"{path}: cannot be read ({error.strerror}); run the workflow again") from error
        if content.sha256 != sha256:
            raise FeatureError(
                f"{path}: changed while running: {clip} has the hash {content.sha256}, {sha256} was planned; run the"
                " workflow again"
            )
        return contents.entry(clip, content, self._reading, f"{path}: {clip}")

    def _content(self, path: Path, clip: str) -> Content:
        if path not in self._asked:
            self._asked.add(path)
            with contents.opened(path, self._reading, only=[clip]) as file:
                return file.content(clip)
        if path not in self._open:
            self._open[path] = self._files.enter_context(contents.opened(path, self._reading))
        return self._open[path].content(clip)
