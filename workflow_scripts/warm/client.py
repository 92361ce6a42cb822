"""Stands in for `python PROGRAM ARGUMENTS`: a fork of the warm interpreter runs it, or else a plain interpreter does.

Arguments, environment, folder, umask and the three standard streams go to the server (server.py) over a Unix socket;
its answer is the program's exit status. Whatever fails is said on stderr, and the plain interpreter takes over. Only
modules that are built in are imported: this runs once a job.
"""

import _socket
import os
import sys
import time

ANSWER_S = 60.0  # how long to wait until the job is begun; the server may be importing
START_S = 10.0  # how long to wait for a server's socket
SO_PEERCRED = 17


class UnusableError(Exception):
    """Why there is no warm interpreter."""


def main(argv: list[str]) -> None:
    """Run `argv` and end as it ends."""
    socket = server(program(argv[0])) if argv else ""
    if socket:
        try:
            status = run(socket, argv)
        except (UnusableError, OSError) as error:
            print(f"emotiw: no warm interpreter ({error}); a plain one runs this program", file=sys.stderr, flush=True)
        else:
            finish(status)
    interpreter = os.environ["EMOTIW_INTERPRETER"]
    os.execv(interpreter, [interpreter, *argv])  # noqa: S606


def program(path: str) -> str:
    """Name of a program of the workflow, or nothing."""
    folder, name = os.path.split(path)
    return name.removesuffix(".py") if folder == os.environ.get("EMOTIW_PROGRAMS") else ""


def server(name: str) -> str:
    """Socket of the server of a program, or nothing."""
    socket = os.environ.get("EMOTIW_WARM", "off")
    if name and socket != "off":
        for number, names in enumerate(os.environ["EMOTIW_WARM_PROGRAMS"].split(";")):
            if name in names.split():
                return f"{socket}.{number}"
    return ""


def run(socket: str, argv: list[str]) -> int:
    """Exit status of the program, negative for a signal, as the server tells it."""
    check_folder(os.path.dirname(socket))
    connection = connect(socket)
    connection.settimeout(ANSWER_S)
    request = encode(argv)
    try:
        connection.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, pack(0, 1, 2))])
        connection.sendall(pack(len(request)) + request)
        answer = connection.recv(5)
        if answer != b"begun":
            raise UnusableError((answer + connection.recv(1024)).decode() or failure(socket))
        connection.settimeout(None)
        status = connection.recv(4)
    except ConnectionError:
        raise UnusableError(failure(socket)) from None
    if len(status) != 4:
        raise UnusableError("it was killed, and with it the job")
    return int.from_bytes(status, sys.byteorder, signed=True)


def failure(socket: str) -> str:
    """Tell why the server could not begin, as it has left it in writing, or else that it has ended."""
    try:
        return f"{open(socket + '.failed').read()}; see {socket}.log"
    except FileNotFoundError:
        return "it ended"


def check_folder(folder: str) -> None:
    """Refuse a folder that others could have put a socket into."""
    about = os.lstat(folder)
    if about.st_uid != os.geteuid() or about.st_mode & 0o170077 != 0o040000:
        raise UnusableError(f"{folder} is not a folder of this user alone (mode {about.st_mode:o}); remove it")


def connect(socket: str) -> _socket.socket:
    """Connect to the server of this user, which is started where there is none."""
    end = None
    while True:
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            connection.connect(socket)
            break
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            if os.path.exists(f"{socket}.failed"):
                raise UnusableError(failure(socket)) from None
            if end is None:
                end = time.monotonic() + START_S
                start(socket)
            elif time.monotonic() > end:
                raise UnusableError(f"it did not start in {START_S:.0f} s; see {socket}.log") from None
            time.sleep(0.02)
    owner = int.from_bytes(connection.getsockopt(_socket.SOL_SOCKET, SO_PEERCRED, 12)[4:8], sys.byteorder)
    if owner != os.geteuid():
        raise UnusableError(f"{socket} is served by user {owner}")
    return connection


def start(socket: str) -> None:
    """Start a server as a process of its own session that holds none of this job's files."""
    interpreter, server = os.environ["EMOTIW_INTERPRETER"], os.path.join(os.path.dirname(__file__), "server.py")
    log = os.open(f"{socket}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    files = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in ((null, 0), (log, 1), (log, 2))]
    os.posix_spawn(interpreter, [interpreter, server, socket], os.environ, file_actions=files, setsid=True)


def encode(argv: list[str]) -> bytes:
    """Everything that the job inherits, as text without NUL bytes joined by them."""
    umask = os.umask(0o077)
    os.umask(umask)
    environment = [name + b"=" + value for name, value in os.environb.items()]
    return b"\0".join([os.getcwdb(), b"%d" % umask, b"%d" % len(argv), *map(os.fsencode, argv), *environment])


def pack(*numbers: int) -> bytes:
    """Four bytes a number."""
    return b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)


def finish(status: int) -> None:
    """End with this status, or by this signal."""
    if status < 0:
        import resource  # noqa: PLC0415
        import signal  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)
