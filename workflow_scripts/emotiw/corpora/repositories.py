"""Folders of a public git repository at one commit; git checks every file against the hash of the commit."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from emotiw.core.errors import DownloadError

# the objects of a repository are data: no hook runs, no link is made, and nobody is asked for a password
SAFE = ("-c", "core.hooksPath=/dev/null", "-c", "core.symlinks=false", "-c", "core.fsmonitor=false")
ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C"}


@dataclass(frozen=True)
class Repository:
    """A public repository at one commit.

    Attributes
    ----------
    url : str
    commit : str
        Its full hash, which determines the content of every file.
    paths : sequence of str
        Folders and files to fetch, below the root of the repository.
    """

    url: str
    commit: str
    paths: Sequence[str]


def fetch(repository: Repository, folder: Path) -> list[str]:
    """Fetch the paths of a repository into a folder; a path gets its name there when all of its files are complete.

    Parameters
    ----------
    repository : Repository
    folder : Path
        The clone is kept below `.fetched` in it until everything is there, so that a further attempt continues.

    Returns
    -------
    list of str
        Names of the files, below the folder.

    Raises
    ------
    DownloadError
        If git is not installed, or the repository, the commit or a path of it cannot be fetched.
    """
    clone = folder / ".fetched" / repository.commit
    if not (clone / ".git").is_dir():
        shutil.rmtree(clone, ignore_errors=True)
        clone.parent.mkdir(parents=True, exist_ok=True)
        new = clone.with_name(f"{clone.name}.part")
        shutil.rmtree(new, ignore_errors=True)
        # only the files of the wanted paths are sent, by the checkout
        _git(repository, "clone", "--quiet", "--filter=blob:none", "--no-checkout", repository.url, str(new))
        new.replace(clone)
    tree = ["ls-tree", "-r", "-z", "--name-only", repository.commit, "--", *repository.paths]
    names = _git(repository, "-C", str(clone), *tree).decode(errors="surrogateescape").split("\0")[:-1]
    known = {str(path) for name in names for path in (PurePosixPath(name), *PurePosixPath(name).parents)}
    absent = [path for path in repository.paths if path not in known]
    if absent:
        raise DownloadError(f"{repository.url}: commit {repository.commit} lacks {absent[0]}; check it in a browser")
    _git(repository, "-C", str(clone), "checkout", "--quiet", repository.commit, "--", *repository.paths)
    for path in repository.paths:
        _place(clone / path, folder / path)
    shutil.rmtree(clone)
    return names


def _place(made: Path, path: Path) -> None:
    """Give a folder or file its place; files of an earlier attempt give way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    made.replace(path)


def _git(repository: Repository, *arguments: str) -> bytes:
    """Run git and return what it prints."""
    program = shutil.which("git")
    if program is None:
        raise DownloadError(f"{repository.url}: cannot be fetched without git; install git, then run again")
    command = [program, *SAFE, *arguments]
    done = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        raise DownloadError(f"{repository.url}: git failed ({said[-1]}); check the address, then run again to continue")
    return done.stdout
