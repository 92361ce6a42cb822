"""Programs that die at one clip: by a fault of native code, by the out-of-memory killer, or by hanging.

A fault is injected by a `sitecustomize.py` on the PYTHONPATH of a child process, which wraps a function of a library
when its module is imported; nothing in the package knows of it.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow_scripts"
# what happens at the clip "bad": a real invalid access, an abort, what the out-of-memory killer does, and a hang
DEEDS = {
    "SIGSEGV": "import ctypes; ctypes.string_at(0)",
    "SIGABRT": "os.abort()",
    "SIGKILL": "os.kill(os.getpid(), 9)",
    "hang": "time.sleep(600)",
}
SITE = """
import importlib.util, os, sys, time

MODULE, NAME, DEED, FEW = {module!r}, {name!r}, {deed!r}, {marks!r}
NOW = {{"clip": ""}}


def follows(take, pick):
    def taking(*args, **more):
        NOW["clip"] = str(pick(*args))
        return take(*args, **more)
    return taking


def strikes(work):
    def working(*args, **more):
        if "bad" in NOW["clip"] or any("bad" in str(getattr(arg, "name", "")) for arg in args):
            if FEW is None or len(os.listdir(FEW)) < 1:
                if FEW is not None:
                    open(os.path.join(FEW, str(os.getpid())), "w").close()
                exec(DEED)
        return work(*args, **more)
    return working


def broken(module):
    if module.__name__ == "emotiw.jobs.store":
        module.Reader.entry = follows(module.Reader.entry, lambda self, clip: clip)
    if module.__name__ == "emotiw.media.clip_checks":
        module.check_hash = follows(module.check_hash, lambda path, sha256, clip: clip)
    if module.__name__ == MODULE:
        *owners, name = NAME.split(".")
        owner = module
        for part in owners:
            owner = getattr(owner, part)
        setattr(owner, name, strikes(getattr(owner, name)))


class Breaker:
    def find_spec(self, name, path, target=None):
        if name not in (MODULE, "emotiw.jobs.store", "emotiw.media.clip_checks"):
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        execute = spec.loader.exec_module

        def executed(module):
            execute(module)
            broken(module)
        spec.loader.exec_module = executed
        return spec


sys.meta_path.insert(0, Breaker())
"""


def injected(folder: Path, function: str, deed: str, *, once: bool = False) -> dict[str, str]:
    """Environment of processes in which a function, `module:name`, does something at the clip "bad".

    With `once`, it does so in the first process that comes to the clip only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    marks = folder / "marks"
    marks.mkdir(exist_ok=True)
    module, name = function.split(":")
    about = {"module": module, "name": name, "deed": DEEDS[deed], "marks": str(marks) if once else None}
    (folder / "sitecustomize.py").write_text(SITE.format(**about))
    return plain() | {"PYTHONPATH": os.pathsep.join([str(folder), plain()["PYTHONPATH"]])}


def plain() -> dict[str, str]:
    """Environment of a program of this checkout in a process of its own, on one thread as in a run."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return os.environ | threads | {"PYTHONPATH": str(SCRIPTS), "EMOTIW_WARM": "off"}


def run(program: str, arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program of the workflow as its rule does, to its end."""
    command = [sys.executable, str(SCRIPTS / f"{program}.py"), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def begin(program: str, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a program of the workflow."""
    command = [sys.executable, str(SCRIPTS / f"{program}.py"), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def family(process: int, at_least: int) -> list[int]:
    """Process ids of a process and its children, as soon as there are enough."""
    last = time.monotonic() + 30
    while time.monotonic() < last:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        if len(children) + 1 >= at_least:
            return [process, *map(int, children)]
        time.sleep(0.05)
    raise TimeoutError(f"{process} has no child")


def ended(processes: list[int]) -> bool:
    """Whether all of the processes end within some seconds."""
    last = time.monotonic() + 10
    while time.monotonic() < last:
        if not any(Path(f"/proc/{process}").exists() for process in processes):
            return True
        time.sleep(0.05)
    return False
