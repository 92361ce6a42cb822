"""Where jobs find the warm interpreter, and whom it serves: see `workflow_scripts/warm`.

The socket's name holds everything that a server must share with its clients: the interpreter, the run, the code and
the control group, so that a server of another run, of other code or of another allocation of a cluster is never found.
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

# The programs of single clips, those of a server together: a fork costs in proportion to what is loaded, so light ones
# are not forked from what holds openSMILE's pandas or torch. ONNX Runtime starts threads when it is imported and cannot
# be forked safely.
SERVERS = stages.servers()
PROGRAMS = tuple(name for names in SERVERS for name in names)
SHIM = PACKAGE.parent / "warm"
SWITCH = "EMOTIW_WARM"  # environment: the sockets' path without their suffix, or
OFF = "off"  # programs run plainly
OWNER = "EMOTIW_OWNER"  # environment: the process that a server ends with, as <boot>:<pid>:<start>
_PROC = Path("/proc")

Snapshot = tuple[tuple[str, int, int], ...]


def environment(*, wanted: bool, inherit: bool) -> dict[str, str]:
    """Variables that jobs find their interpreter by.

    Parameters
    ----------
    wanted : bool
        Whether there shall be a warm one; there is none but on Linux, or where the user has set EMOTIW_WARM=off.
    inherit : bool
        Whether this process does a part of a run that another one (perhaps on another machine) began.

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
    about = [sys.executable, sys.version, owner, code_digest(), (_PROC / "self/cgroup").read_text(encoding="utf-8")]
    return folder() / hashlib.sha256("\0".join(about).encode()).hexdigest()[:16]


def folder() -> Path:
    """Return the user's private folder of sockets on this machine, made where it is missing."""
    path = Path(tempfile.gettempdir()) / f"emotiw-{os.geteuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    about = path.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o077:
        raise ConfigError(
            f"{path}: mode {about.st_mode:o} of user {about.st_uid}, expected a folder of this user alone (mode 700);"
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
    """Name, size and modification time of what `code_digest` reads; equal as long as nothing is edited."""
    return tuple((str(path), about.st_size, about.st_mtime_ns) for path in _sources() for about in [path.stat()])


class Sources:
    """What `code_digest` reads, as it is when this is made."""

    def __init__(self) -> None:
        self._files = snapshot()
        self._folders = _folder_times()

    def edited(self) -> bool:
        """Whether a file was changed, added or removed since; the folders are read again only where they changed."""
        if any(_changed(*about) for about in self._files):
            return True
        times = _folder_times(*self._folders)
        if times != self._folders:
            if snapshot() != self._files:
                return True
            self._folders = _folder_times()
        return False


def this_process() -> str:
    """Return the identity of this process among all that ever ran here."""
    return f"{_boot()}:{os.getpid()}:{_start(os.getpid())}"


def alive(owner: str) -> bool:
    """Whether a process still runs; of another machine's it is not known, and assumed."""
    boot, pid, start = owner.split(":")
    return boot != _boot() or _start(int(pid)) == start


def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()


def _start(pid: int) -> str:
    """Clock ticks from the boot to the start of a process; empty where it has ended."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _changed(path: str, size: int, time_ns: int) -> bool:
    try:
        about = os.stat(path)
    except FileNotFoundError:
        return True
    return (about.st_size, about.st_mtime_ns) != (size, time_ns)


def _folder_times(*folders: str) -> dict[str, int]:
    """Modification times of some folders, of all that hold sources if none is given; 0 where one is missing."""
    found = folders or (
        *map(str, (PACKAGE.parent, SHIM, PACKAGE)),
        *(str(path) for path in PACKAGE.rglob("*") if path.is_dir() and path.name != "__pycache__"),
    )
    return {path: os.stat(path).st_mtime_ns if os.path.isdir(path) else 0 for path in found}


def _sources() -> list[Path]:
    folders = (PACKAGE.parent, PACKAGE, SHIM)
    found = [*folders[0].glob("*.py"), *folders[2].glob("*.py"), *PACKAGE.rglob("*.py")]
    return sorted({*found, *(path for path in (PACKAGE / "resources").rglob("*") if path.is_file())})
