"""Replacement of `python PROGRAM ARGUMENTS`: a fork of the warm interpreter, or a new interpreter, runs the program.

The client sends arguments, environment, working folder, umask and the three standard streams to the server (server.py)
over a Unix socket; the answer is the program's exit status. If anything fails, the client reports it on stderr and a
new interpreter runs the program. Only built-in modules are imported, because the client runs once per job.
"""

import _socket
import os
import sys
import time

ANSWER_S = 60.0  # longest wait for the start of the job, s; the server may still be importing
START_S = 10.0  # longest wait for the socket of a server, s
SO_PEERCRED = 17


class UnusableError(Exception):
    """The warm interpreter cannot be used; the message is the reason."""


def main(argv: list[str]) -> None:
    """Run the program `argv`, and end with its exit status or signal."""
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
    """Name of the workflow's program at `path`; empty if it is another file."""
    folder, name = os.path.split(path)
    return name.removesuffix(".py") if folder == os.environ.get("EMOTIW_PROGRAMS") else ""


def server(name: str) -> str:
    """Path of the socket of a program's server; empty if no server runs the program."""
    socket = os.environ.get("EMOTIW_WARM", "off")
    if name and socket != "off":
        for number, names in enumerate(os.environ["EMOTIW_WARM_PROGRAMS"].split(";")):
            if name in names.split():
                return f"{socket}.{number}"
    return ""


def run(socket: str, argv: list[str]) -> int:
    """Run the program on the server; return its exit status, negative for a signal.

    Raises
    ------
    UnusableError
        If the server cannot run it.
    """
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
    """Reason why the server could not start, from the file that it has written; "it ended" if there is none."""
    try:
        return f"{open(socket + '.failed').read()}; see {socket}.log"
    except FileNotFoundError:
        return "it ended"


def check_folder(folder: str) -> None:
    """Check that only this user can put a socket into a folder; UnusableError otherwise."""
    status = os.lstat(folder)
    if status.st_uid != os.geteuid() or status.st_mode & 0o170077 != 0o040000:
        raise UnusableError(f"{folder} is not a folder of this user alone (mode {status.st_mode:o}); remove it")


def connect(socket: str) -> _socket.socket:
    """Connect to the server at `socket`; start it if none listens there."""
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
    """Start a server in a session of its own, without the open files of this job."""
    interpreter, server = os.environ["EMOTIW_INTERPRETER"], os.path.join(os.path.dirname(__file__), "server.py")
    log = os.open(f"{socket}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    files = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in ((null, 0), (log, 1), (log, 2))]
    os.posix_spawn(interpreter, [interpreter, server, socket], os.environ, file_actions=files, setsid=True)


def encode(argv: list[str]) -> bytes:
    """Request of a job: folder, umask, number of arguments, arguments and environment, joined by NUL bytes."""
    umask = os.umask(0o077)
    os.umask(umask)
    environment = [name + b"=" + value for name, value in os.environb.items()]
    return b"\0".join([os.getcwdb(), b"%d" % umask, b"%d" % len(argv), *map(os.fsencode, argv), *environment])


def pack(*numbers: int) -> bytes:
    """Numbers as bytes, four for each, in the machine's byte order."""
    return b"".join(number.to_bytes(4, sys.byteorder) for number in numbers)


def finish(status: int) -> None:
    """End the process with an exit status, or by signal `-status` if it is negative."""
    if status < 0:
        import resource  # noqa: PLC0415
        import signal  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)
