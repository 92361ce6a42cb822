"""The warm interpreter: imports the modules of some programs of single clips once, then forks for every job.

The first client (client.py) starts it as `python server.py SOCKET`; the suffix of the socket is the index in
`warm.SERVERS`. The server has one thread. Its jobs share with it only imported modules, the constants that their
`preload` creates, and the number of threads of the libraries. The server ends when no job runs and its owner has ended
or no request came for `IDLE_S` seconds. A job is killed when its client ends, and when the server ends.
"""

import ctypes
import fcntl
import gc
import importlib.util
import os
import random
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType

sys.path[0] = str(Path(__file__).resolve().parents[1])

from emotiw.workflow import process_end, warm  # noqa: E402  after the path

IDLE_S = float(os.environ.get("EMOTIW_WARM_IDLE_S", "45"))
KEPT_S = 7 * 24 * 3600.0  # age at which the log of a failed server is removed, s
LOOK_S = 5.0  # time between two checks of the owner, s
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
# environment variables that may differ between the jobs of a server; an import may have read any other one
VOLATILE = {b"_", b"PWD", b"OLDPWD", b"SHLVL", b"EMOTIW_DEADLINE_S", b"EMOTIW_ACCELERATOR"}


@dataclass(eq=False)
class Job:
    """A client's connection, the bytes and file descriptors received so far, and the process that runs its program."""

    connection: socket.socket
    received: bytes = b""
    files: list[int] = field(default_factory=list)
    process: int = 0

    def receive(self) -> bool:
        """Receive the bytes and file descriptors that have arrived; false if the client has closed the connection."""
        data, control, _, _ = self.connection.recvmsg(1 << 16, socket.CMSG_SPACE(12))
        for level, kind, content in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self.files += struct.unpack(f"={len(content) // 4}i", content)
        self.received += data
        return bool(data)

    @property
    def request(self) -> list[bytes] | None:
        """Folder, umask, number of arguments, arguments, environment; None until the whole request has arrived."""
        if len(self.received) < 5 or len(self.received) < 5 + int.from_bytes(self.received[1:5], sys.byteorder):
            return None
        return self.received[5:].split(b"\0")

    def end(self, answer: bytes = b"") -> None:
        """Kill the job's process if it runs, answer the client, and close the connection and files."""
        if self.process:
            try:
                os.killpg(self.process, signal.SIGKILL)
            except ProcessLookupError:  # the process has no group of its own yet, or has ended
                os.kill(self.process, signal.SIGKILL)
        try:
            self.connection.send(answer)
        except OSError:
            pass  # the client has gone
        self.connection.close()
        for number in self.files:
            os.close(number)
        self.files = []


class Server:
    """The loop that waits for clients, requests and the ends of jobs."""

    def __init__(self, listener: socket.socket, owner: str) -> None:
        self.listener, self.owner = listener, owner
        self.jobs: set[Job] = set()
        self.environment = stable(os.environb.items())
        self.busy_s = time.monotonic()
        self.sources = warm.Sources()
        self.selector = selectors.DefaultSelector()
        self.wakeup = socket.socketpair()
        for end in (listener, *self.wakeup):
            end.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ)
        self.selector.register(self.wakeup[0], selectors.EVENT_READ)

    def serve(self) -> list[bytes] | None:
        """Serve until the server is no longer needed, then return None; in the process of a job, return its request."""
        self.busy_s = time.monotonic()  # the imports may have taken longer than `IDLE_S`
        signal.set_wakeup_fd(self.wakeup[1].fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while self.wanted():
            for key, _ in self.selector.select(LOOK_S):
                if key.fileobj is self.listener:
                    self.accept()
                elif key.fileobj is self.wakeup[0]:
                    self.wakeup[0].recv(1 << 12)
                elif key.data in self.jobs and (request := self.look(key.data)):
                    return request
            self.reap()
        return None

    def wanted(self) -> bool:
        """Whether a job runs, or another request may still come."""
        if self.jobs:
            self.busy_s = time.monotonic()
        return bool(self.jobs) or (time.monotonic() - self.busy_s < IDLE_S and warm.alive(self.owner))

    def accept(self) -> None:
        """Accept the connection of a client, if it belongs to the same user."""
        connection, _ = self.listener.accept()
        connection.setblocking(False)
        _, user, _ = struct.unpack("=3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if user != os.geteuid():
            connection.close()
            return
        job = Job(connection)
        self.jobs.add(job)
        self.selector.register(connection, selectors.EVENT_READ, job)

    def look(self, job: Job) -> list[bytes] | None:
        """Read from a client; in the process of its job, return the request."""
        if not receives(job):
            self.forget(job)
        elif not job.process and (request := job.request):
            if reason := self.objection(job, request):
                self.forget(job, reason.encode())
            elif self.begin(job):
                return request
        return None

    def objection(self, job: Job, request: list[bytes]) -> str:
        """Reason why a new interpreter must run this job; empty if the server can run it."""
        if len(job.files) != 3:
            return "the standard streams did not arrive"
        n_arguments = int(request[2])
        if stable(entry.split(b"=", 1) for entry in request[3 + n_arguments :]) != self.environment:
            return "the environment is not the one that it was started in"
        return "the code was edited after it was loaded" if self.sources.edited() else ""

    def begin(self, job: Job) -> bool:
        """Fork a process for a job; true in the new process, false in the server."""
        server = os.getpid()
        process = os.fork()
        if process:
            job.process = process
            for number in job.files:
                os.close(number)
            job.files = []
            job.connection.send(b"begun")
            return False
        os.setsid()
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for target, source in enumerate(job.files):
            os.dup2(source, target)
        self.close(job.files)
        return True

    def close(self, files: list[int]) -> None:
        """Close all files of the server, in the process of a job."""
        self.selector.close()
        for end in (self.listener, *self.wakeup, *(job.connection for job in self.jobs)):
            end.close()
        for number in files:
            os.close(number)

    def reap(self) -> None:
        """Send the exit status of each ended job to its client."""
        for job in [job for job in self.jobs if job.process]:
            process, status = os.waitpid(job.process, os.WNOHANG)
            if process:
                job.process = 0
                self.forget(job, struct.pack("=i", os.waitstatus_to_exitcode(status)))

    def forget(self, job: Job, answer: bytes = b"") -> None:
        """End a job and its connection."""
        self.selector.unregister(job.connection)
        self.jobs.remove(job)
        process = job.process
        job.end(answer)
        if process:
            os.waitpid(process, 0)


def receives(job: Job) -> bool:
    """Whether the client is still connected; receives what it has sent."""
    try:
        return job.receive()
    except OSError:
        return False


def stable(entries) -> dict[bytes, bytes]:
    """Variables of an environment that imports may have read, and that must therefore be those of the server."""
    return {
        name: value
        for name, value in entries
        if name not in VOLATILE and not name.startswith((b"SLURM", b"SRUN", b"SNAKEMAKE"))
    }


def listen(path: Path) -> socket.socket:
    """Listen at `path`; exit if another server listens there. Sockets without a server and old logs are removed."""
    os.umask(0o077)
    with (path.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in path.parent.iterdir():
            if not served(name) if name.is_socket() else time.time() - name.stat().st_mtime > KEPT_S:
                name.unlink(missing_ok=True)
        if path.exists():
            sys.exit(0)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(4096)
    return listener


def served(path: Path) -> bool:
    """Whether a server accepts connections at `path`."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True


def load(names: Iterable[str]) -> dict[str, CodeType]:
    """Import the programs, so that all modules they need are loaded; return the compiled code of each.

    Raises
    ------
    RuntimeError
        If an import has started a thread: a fork would lose it.
    """
    os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # pyarrow's allocator, which pandas loads
    codes = {}
    for name in names:
        spec = importlib.util.spec_from_file_location(f"program_{name}", Path(sys.path[0], f"{name}.py"))
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
        codes[name] = spec.loader.get_code(spec.name)
    for module in [module for name, module in sys.modules.items() if name.startswith("emotiw.")]:
        getattr(module, "preload", lambda: None)()
    if runtime := sys.modules.get("emotiw.jobs.runtime"):
        runtime.compute_alike()
    threads = os.listdir("/proc/self/task")
    if len(threads) > 1:
        raise RuntimeError(f"an import has started {len(threads) - 1} threads; take its program out of warm.PROGRAMS")
    process_end.forget_finalizers()
    gc.collect()
    gc.freeze()
    return codes


def become(request: list[bytes], codes: Mapping[str, CodeType]) -> None:
    """Run a job's program in this process and end as a new interpreter would."""
    folder, umask, n_arguments, *rest = request
    sys.argv = [os.fsdecode(argument) for argument in rest[: int(n_arguments)]]
    os.environb.clear()
    os.environb.update(entry.split(b"=", 1) for entry in rest[int(n_arguments) :])
    os.umask(int(umask))
    os.chdir(folder)
    random.seed()
    if numpy_random := sys.modules.get("numpy.random"):
        numpy_random.seed()
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    os._exit(outcome(codes[Path(sys.argv[0]).stem]))


def outcome(code: CodeType) -> int:
    """Run the program of `sys.argv` and the steps that end an interpreter; return the exit status."""
    status = 0
    sys.modules["__main__"] = program = ModuleType("__main__")
    program.__file__ = sys.argv[0]
    try:
        exec(code, vars(program))  # noqa: S102  the program, as it was imported
    except SystemExit as error:
        if isinstance(error.code, int):
            status = error.code & 0xFF
        elif error.code is not None:
            print(error.code, file=sys.stderr)
            status = 1
    except BaseException:  # noqa: BLE001  as the interpreter does
        traceback.print_exc()
        status = 1
    process_end.finish()
    return status


def main() -> None:
    """Serve at the socket that the command line names."""
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2:
            try:
                os.close(number)
            except OSError:
                pass  # the descriptor of the listing itself, which is closed already
    path = Path(sys.argv[1])
    server = Server(listen(path), os.environ[warm.OWNER])
    try:
        if warm.socket(os.environ[warm.OWNER]) != path.with_suffix(""):
            raise RuntimeError("the code was edited after the run began")
        codes = load(warm.SERVERS[int(path.suffix[1:])])
    except Exception as error:
        Path(f"{path}.failed").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        path.unlink()
        raise
    request = server.serve()
    if request is not None:
        become(request, codes)
    path.unlink()
    Path(f"{path}.log").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
