"""Programs of a run, found and killed, and the hashes of what the run leaves."""

import hashlib
import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every result below a working folder; left out are logs, and what was hashed when."""
    files = [path for path in (folder / "results").rglob("*") if path.is_file() and "logs" not in path.parts]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if not path.name.endswith((".files.csv", ".tmp"))
    }


def programs(folder: Path) -> dict[str, list[int]]:
    """Process ids of the programs of the workflow that run in `folder`, by program."""
    found: dict[str, list[int]] = {}
    scripts = f"{folder}/workflow_scripts/".encode()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        for argument in arguments:
            if argument.startswith(scripts) and argument.endswith(b".py"):
                found.setdefault(argument[len(scripts) : -len(b".py")].decode(), []).append(int(process.name))
    return found


def running(folder: Path, program: str) -> list[int]:
    """Process ids of a program of the workflow in `folder`."""
    return programs(folder).get(program, [])


def kill(pids: Iterable[int]) -> None:
    """Kill -9 those of the processes that are still there."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def strike(folder: Path, happens: dict[str, Callable[[], None]]) -> None:
    """Do what is to happen when a program runs, once for each; it is then taken out of `happens`."""
    for program in programs(folder).keys() & happens.keys():
        happens.pop(program)()
