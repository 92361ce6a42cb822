"""Environment, sockets and life time of the warm interpreter, whose server and client are in `workflow_scripts/warm`.

The name of a socket is a hash of the interpreter, the run, the code and the control group, so that a job never connects
to the server of another run, of other code or of another allocation of a cluster.
"""

import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

from emotiw.core.errors import ConfigError
from emotiw.core.resources import PACKAGE
from emotiw.jobs import stages

# Programs of single clips by server. A fork takes longer the more modules are loaded, so programs with few imports are
# not forked from a server that has loaded pandas or torch. ONNX Runtime starts threads when it is imported, so its
# programs cannot be forked safely and have no server.
SERVERS = stages.servers()
PROGRAMS = tuple(name for names in SERVERS for name in names)
SHIM = PACKAGE.parent / "warm"
SWITCH = "EMOTIW_WARM"  # environment: path of the sockets without their suffix, or `OFF`
OFF = "off"  # no warm interpreter: every program starts an interpreter of its own
OWNER = "EMOTIW_OWNER"  # environment: process whose end also ends the server, as <boot>:<pid>:<start>
_PROC = Path("/proc")

Snapshot = tuple[tuple[str, int, int], ...]


def environment(*, wanted: bool, inherit: bool) -> dict[str, str]:
    """Environment variables that tell jobs their interpreter.

    Parameters
    ----------
    wanted : bool
        Whether to use a warm interpreter; it is used on Linux only, and not if the user has set EMOTIW_WARM=off.
    inherit : bool
        Whether this process belongs to a run that another process, perhaps on another machine, has started.

    Raises
    ------
    ConfigError
        If the folder of the sockets is not this user's alone.
    """
    search = [str(Path(sys.executable).parent), *os.get_exec_path()]
    if not wanted or sys.platform != "linux" or os.environ.get(SWITCH) == OFF:
        return {SWITCH: OFF, "PATH": os.pathsep.join(search)}
    owner = os.environ.get(OWNER, "") if inherit else ""
    owner = owner or this_process()
    return {
        "PATH": os.pathsep.join([str(SHIM), *search]),
        SWITCH: str(socket(owner)),
        OWNER: owner,
        "EMOTIW_WARM_PROGRAMS": ";".join(map(" ".join, SERVERS)),
        "EMOTIW_INTERPRETER": sys.executable,
    }


def socket(owner: str) -> Path:
    """Path of the sockets of this interpreter, code and control group for a run; a server adds its number."""
    control_group = (_PROC / "self/cgroup").read_text(encoding="utf-8")
    shared = [sys.executable, sys.version, owner, code_digest(), control_group]
    return folder() / hashlib.sha256("\0".join(shared).encode()).hexdigest()[:16]


def folder() -> Path:
    """Return the user's private folder of sockets on this machine; it is created if it is missing.

    Raises
    ------
    ConfigError
        If the path is no folder, or others can access it.
    """
    path = Path(tempfile.gettempdir()) / f"emotiw-{os.geteuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise ConfigError(
            f"{path}: mode {status.st_mode:o} of user {status.st_uid}, expected a folder of this user alone (mode 700);"
            " remove it, or set `warm: false`"
        )
    return path


def code_digest() -> str:
    """SHA-256 of the bytes of every program, module and resource."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(f"{path.relative_to(PACKAGE.parent)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def snapshot() -> Snapshot:
    """Path, size and modification time of each file that `code_digest` reads."""
    return tuple((str(path), status.st_size, status.st_mtime_ns) for path in _sources() for status in [path.stat()])


class Sources:
    """State of the files that `code_digest` reads, at the time when the object is created."""

    def __init__(self) -> None:
        self._files = snapshot()
        self._folders = _folder_times()

    def edited(self) -> bool:
        """Whether a file was changed, added or removed since then; the folders are listed again only if one changed."""
        if any(_changed(*file) for file in self._files):
            return True
        times = _folder_times(*self._folders)
        if times != self._folders:
            if snapshot() != self._files:
                return True
            self._folders = _folder_times()
        return False


def this_process() -> str:
    """Identity of this process, <boot>:<pid>:<start>, which no other process of this machine ever has."""
    return f"{_boot()}:{os.getpid()}:{_start(os.getpid())}"


def alive(owner: str) -> bool:
    """Whether a process still runs; true for a process of another machine, whose state is unknown."""
    boot, pid, start = owner.split(":")
    return boot != _boot() or _start(int(pid)) == start


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()


def _start(pid: int) -> str:
    """Clock ticks from the boot to the start of a process, as text; empty if it has ended."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _changed(path: str, size: int, time_ns: int) -> bool:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return True
    return (status.st_size, status.st_mtime_ns) != (size, time_ns)


def _folder_times(*folders: str) -> dict[str, int]:
    """Modification times of the folders (default: all folders with sources), in ns; 0 for a missing one."""
    watched = folders or (
        *map(str, (PACKAGE.parent, SHIM, PACKAGE)),
        *(str(path) for path in PACKAGE.rglob("*") if path.is_dir() and path.name != "__pycache__"),
    )
    return {path: os.stat(path).st_mtime_ns if os.path.isdir(path) else 0 for path in watched}


def _sources() -> list[Path]:
    folders = (PACKAGE.parent, PACKAGE, SHIM)
    modules = [*folders[0].glob("*.py"), *folders[2].glob("*.py"), *PACKAGE.rglob("*.py")]
    return sorted({*modules, *(path for path in (PACKAGE / "resources").rglob("*") if path.is_file())})
