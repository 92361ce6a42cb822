"""The warm interpreter: a job in it is like a job of its own process, whatever happens to either side."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import media_fixtures as make
from emotiw.core.errors import ConfigError
from emotiw.workflow import warm
from job_fixtures import job_of

PROGRAM = '''"""A program of one clip that does as it is told, and tells which process it is in."""
import atexit, faulthandler, os, random, sys, time
import json as loaded_before

def main():
    print("parent", os.getppid(), flush=True)
    exec(sys.argv[1])

if __name__ == "__main__":
    main()
'''
FALLS_BACK = "a plain one runs this program"


class Workflow:
    """A folder of programs that start quickly, and the environment of a run."""

    def __init__(self, folder, root):
        self.scripts, self.temporary = folder / "workflow_scripts", folder / "t"
        library = self.scripts / "emotiw"
        (library / "resources").mkdir(parents=True)
        self.temporary.mkdir()
        core = [f"core/{name}" for name in ("__init__", "errors", "resources")]
        jobs = [f"jobs/{name}" for name in ("__init__", "stages", "stage_row", "stage_table", "classifier_table")]
        for name in ("__init__", *core, *jobs, *(f"workflow/{name}" for name in ("__init__", "warm", "process_end"))):
            (library / name).parent.mkdir(exist_ok=True)
            shutil.copy(root / f"workflow_scripts/emotiw/{name}.py", library / f"{name}.py")
        shutil.copytree(root / "workflow_scripts/warm", self.scripts / "warm", ignore=shutil.ignore_patterns("__py*"))
        for name in (*warm.PROGRAMS, "train"):
            (self.scripts / f"{name}.py").write_text(PROGRAM)
        self.owner = subprocess.Popen(["sleep", "600"])
        self.environment = os.environ | self.run_variables(self.owner.pid)

    def run_variables(self, owner):
        """What the Snakefile gives to the jobs of a run."""
        about = f"{warm._boot()}:{owner}:{warm._start(owner)}"
        own = {"PYTHONPATH": str(self.scripts), "TMPDIR": str(self.temporary), warm.OWNER: about, "EMOTIW_WARM": ""}
        variables = "warm.environment(wanted=True, inherit=True)"
        code = f"import json; from emotiw.workflow import warm; print(json.dumps({variables}))"
        command = [sys.executable, "-c", code]
        found = subprocess.run(command, env=os.environ | own, check=True, capture_output=True)
        return own | json.loads(found.stdout) | {"EMOTIW_PROGRAMS": str(self.scripts)}

    def start(self, code="", program="audio", **more):
        """Start a job as a rule does."""
        command = ["bash", "-c", 'python "$EMOTIW_PROGRAMS"/$0.py "$@"', program, code]
        environment = self.environment | {k: v for k, v in more.items() if k.isupper()}
        options = {k: v for k, v in more.items() if not k.isupper()}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        return subprocess.Popen(command, env=environment, **pipes)

    def run(self, code="", program="audio", **more):
        """Run a job to its end; its exit status, stdout and stderr."""
        process = self.start(code, program, **more)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def server(self):
        """Process id of the server, which is a job's parent."""
        status, out, err = self.run()
        assert (status, err) == (0, "")
        return int(out.split()[1])

    def end(self):
        self.owner.kill()
        self.owner.wait()


@pytest.fixture
def workflow(tmp_path_factory, root):
    """A run of its own, whose server ends with the test."""
    made = Workflow(tmp_path_factory.mktemp("w"), root)
    yield made
    made.end()


def ended(pid, seconds=30.0):
    """Whether a process ends within some seconds."""
    end = time.monotonic() + seconds
    while warm._start(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not warm._start(pid)


def test_jobs_are_forks_of_one_server(workflow):
    assert workflow.server() == workflow.server()
    assert workflow.run("import os; print(os.getpid() == os.getpgid(0) == os.getsid(0))")[1].endswith("True\n")


def test_other_programs_and_other_interpreters_are_not_touched(workflow):
    assert workflow.run(program="train")[1] != f"parent {workflow.server()}\n"
    done = subprocess.run(["python", "-c", "print(1)"], env=workflow.environment, check=False, capture_output=True)
    assert done.stdout == b"1\n"


@pytest.mark.parametrize(
    ("code", "status", "err"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('MediaError: clip a: empty')", 1, "MediaError: clip a: empty\n"),
        ("raise ValueError('x')", 1, "ValueError: x\n"),
        ("os._exit(7)", 7, ""),
        ("os.kill(os.getpid(), 9)", -9, ""),
        ("os.abort()", -6, ""),
        ("atexit.register(print, 'last', file=sys.stderr)", 0, "last\n"),
        ("faulthandler.dump_traceback_later(0.2, exit=True); time.sleep(60)", 1, "in main\n"),
    ],
)
def test_a_job_ends_as_in_a_process_of_its_own(workflow, code, status, err):
    workflow.server()
    for switch in ({}, {"EMOTIW_WARM": "off"}):
        found = workflow.run(code, **switch)
        assert found[0] == status
        assert err in found[2] if err else not found[2]


def test_a_job_has_its_own_folder_environment_streams_umask_and_random_numbers(workflow, tmp_path):
    workflow.server()
    (tmp_path / "in").write_text("typed")
    code = "print(os.getcwd(), os.environ['EMOTIW_DEADLINE_S'], sys.stdin.read(), oct(os.umask(0)), random.random())"
    found = []
    for _ in range(2):
        with (tmp_path / "in").open() as typed, (tmp_path / "out").open("w") as log:
            options = {"stdin": typed, "stdout": log, "stderr": log, "cwd": tmp_path, "umask": 0o027}
            assert workflow.run(code, EMOTIW_DEADLINE_S="5", **options)[0] == 0
        found.append((tmp_path / "out").read_text().splitlines()[1].split())
    assert found[0][:4] == [str(tmp_path), "5", "typed", "0o27"]
    assert found[0][4] != found[1][4]


def test_nothing_of_the_server_is_open_in_a_job(workflow):
    workflow.server()
    code = "print(sorted(int(n) for n in os.listdir('/proc/self/fd')), len(os.listdir('/proc/self/task')))"
    assert workflow.run(code)[1].endswith("[0, 1, 2, 3] 1\n")  # 3 is the listing itself


def test_programs_with_heavy_imports_have_a_server_of_their_own(workflow):
    parents = {program: workflow.run(program=program)[1] for program in ("audio", "hog", "egemaps", "cnn")}
    assert parents["audio"] == parents["hog"]
    assert len(set(parents.values())) == 3


def test_what_every_job_needs_is_made_once_a_server(workflow):
    text = "made = []\ndef preload():\n    import os\n    made.append(os.getpid())\n"
    (workflow.scripts / "emotiw/constant.py").write_text(text)
    (workflow.scripts / "hog.py").write_text(PROGRAM + "from emotiw import constant\n")
    workflow.environment |= workflow.run_variables(workflow.owner.pid)
    server, made = workflow.run("print(sys.modules['emotiw.constant'].made)")[1].splitlines()
    assert (server, made) == (f"parent {made[1:-1]}", f"[{workflow.server()}]")


def test_only_what_a_job_made_is_taken_down_at_its_end(workflow):
    text = "import weakref\nclass Big: pass\nbig = Big()\nweakref.finalize(big, print, 'of an import')\n"
    (workflow.scripts / "hog.py").write_text(PROGRAM + text)
    workflow.environment |= workflow.run_variables(workflow.owner.pid)
    code = "import weakref; weakref.finalize(Mine, print, 'of the job')"
    found = workflow.run(f"class Mine: pass\nglobals().update(Mine=Mine); {code}")
    assert (found[0], found[1].splitlines()[1:], found[2]) == (0, ["of the job"], "")


def test_a_killed_client_kills_its_job(workflow, tmp_path):
    workflow.server()
    job = workflow.start(f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(600)")
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.02)
    process = int((tmp_path / "pid").read_text())
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
    os.kill(int(children[0]) if children else job.pid, signal.SIGKILL)  # bash may have become the client
    assert ended(process)
    job.communicate(timeout=10)
    assert workflow.run("sys.exit(5)")[0] == 5


def test_a_killed_server_kills_its_jobs_and_a_plain_interpreter_does_them(workflow, tmp_path):
    server = workflow.server()
    once = f"p = {str(tmp_path / 'begun')!r}; first = not os.path.exists(p); open(p, 'w'); time.sleep(600 * first)"
    job = workflow.start(once)
    while not (tmp_path / "begun").exists():
        time.sleep(0.02)
    os.kill(server, signal.SIGKILL)
    out, err = job.communicate(timeout=30)
    assert job.returncode == 0
    assert "it was killed, and with it the job" in err
    assert FALLS_BACK in err
    assert len(out.split()) == 4  # begun twice
    assert workflow.server() != server  # the stale socket does not matter


def test_a_server_ends_with_its_run_however_that_ends(workflow):
    server = workflow.server()
    workflow.owner.kill()
    workflow.owner.wait()
    assert ended(server)
    assert [path.name for path in (workflow.temporary / f"emotiw-{os.geteuid()}").iterdir()] == ["lock"]


def test_a_server_that_nobody_needs_ends(workflow):
    workflow.environment["EMOTIW_WARM_IDLE_S"] = "0.5"
    assert ended(workflow.server())


def test_two_runs_have_two_servers(workflow):
    first = workflow.server()
    workflow.environment |= workflow.run_variables(os.getppid())
    workflow.environment["EMOTIW_WARM_IDLE_S"] = "2"
    assert workflow.server() != first


def test_jobs_that_begin_at_once_share_a_server(workflow):
    jobs = [workflow.start() for _ in range(6)]
    parents = {job.communicate(timeout=60)[0] for job in jobs}
    assert len(parents) == 1


@pytest.mark.parametrize("name", ["emotiw/core/errors.py", "audio.py", "emotiw/new.py", "emotiw/resources/table.json"])
def test_edited_code_is_never_run_by_a_server_that_loaded_it_before(workflow, name):
    server = workflow.server()
    path = workflow.scripts / name
    path.write_text((path.read_text() if path.exists() else "") + "\n")
    status, out, err = workflow.run()
    assert (status, out != f"parent {server}\n") == (0, True)
    assert f"no warm interpreter (the code was edited after it was loaded); {FALLS_BACK}" in err
    assert workflow.run_variables(workflow.owner.pid)["EMOTIW_WARM"] != workflow.environment["EMOTIW_WARM"]


def test_sources_are_edited_when_their_content_may_differ_and_not_when_a_folder_does(tmp_path, monkeypatch):
    package, shim = tmp_path / "emotiw", tmp_path / "warm"
    for folder in (package / "resources/old", shim):
        folder.mkdir(parents=True)
    (package / "a.py").touch()
    monkeypatch.setattr(warm, "PACKAGE", package)
    monkeypatch.setattr(warm, "SHIM", shim)
    sources = warm.Sources()
    (package / "__pycache__").mkdir()
    (package / "note.txt").touch()
    assert not sources.edited()
    for path in (package / "b.py", package / "resources/old/table.json", package / "a.py"):
        sources = warm.Sources()
        path.write_text("1")
        assert sources.edited()
        path.unlink()
        assert warm.Sources().edited() is False
    (package / "c.py").touch()
    sources = warm.Sources()
    (package / "c.py").unlink()
    assert sources.edited()


def test_code_that_was_edited_before_a_server_started_is_not_served(workflow):
    (workflow.scripts / "audio.py").write_text(PROGRAM + "\n")
    status, _, err = workflow.run()
    assert (status, FALLS_BACK in err) == (0, True)
    assert "the code was edited after the run began" in err


def test_another_environment_is_not_served(workflow):
    server = workflow.server()
    status, out, err = workflow.run(OMP_NUM_THREADS="7")
    assert (status, out != f"parent {server}\n") == (0, True)
    assert "the environment is not the one that it was started in" in err


@pytest.mark.parametrize("what", ["mode", "link"])
def test_a_folder_that_others_could_write_is_refused(workflow, what):
    workflow.server()
    folder = Path(workflow.environment["EMOTIW_WARM"]).parent
    if what == "mode":
        folder.chmod(0o770)
    else:
        folder.rename(folder.with_name("moved"))
        folder.symlink_to(folder.with_name("moved"))
    status, _, err = workflow.run()
    assert (status, FALLS_BACK in err) == (0, True)
    assert "is not a folder of this user alone" in err


def test_a_server_that_cannot_import_says_so_and_jobs_run_plainly(workflow):
    (workflow.scripts / "hog.py").write_text("import does_not_exist\n")
    workflow.environment |= workflow.run_variables(workflow.owner.pid)
    for _ in range(2):
        status, _, err = workflow.run("sys.exit(4)")
        assert status == 4
        assert "no warm interpreter (ModuleNotFoundError: No module named 'does_not_exist'; see /" in err
    log = Path(err.partition("see ")[2].partition(")")[0])
    assert log.read_text().count("Traceback") == 1  # it is not tried for every job


def test_a_program_whose_imports_start_threads_is_not_forked(workflow):
    text = "import threading, time\nthreading.Thread(target=time.sleep, args=[9], daemon=True).start()\n"
    (workflow.scripts / "hog.py").write_text(text)
    workflow.environment |= workflow.run_variables(workflow.owner.pid)
    status, _, err = workflow.run("sys.exit(4)")
    assert (status, FALLS_BACK in err) == (4, True)
    assert "an import has started 1 threads; take its program out of warm.PROGRAMS" in err


def test_the_users_folder_must_be_private(tmp_path, monkeypatch):
    monkeypatch.setattr(warm.tempfile, "gettempdir", lambda: str(tmp_path))
    assert warm.folder().stat().st_mode & 0o777 == 0o700
    warm.folder().chmod(0o755)
    with pytest.raises(
        ConfigError, match=r"expected a folder of this user alone \(mode 700\); remove it, or set `warm"
    ):
        warm.folder()


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv(warm.SWITCH, "off")
    monkeypatch.setenv("PATH", "/usr/bin")
    plain = {warm.SWITCH: "off", "PATH": f"{Path(sys.executable).parent}:/usr/bin"}
    assert warm.environment(wanted=True, inherit=False) == plain
    monkeypatch.delenv(warm.SWITCH)
    assert warm.environment(wanted=False, inherit=False) == plain


def test_a_part_of_a_run_on_another_machine_keeps_the_runs_owner(tmp_path, monkeypatch):
    monkeypatch.setattr(warm.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv(warm.OWNER, "another-boot:1:2")
    monkeypatch.delenv(warm.SWITCH, raising=False)
    found = warm.environment(wanted=True, inherit=True)
    assert found[warm.OWNER] == "another-boot:1:2"
    assert warm.alive(found[warm.OWNER])  # until the server has been idle for long enough
    assert warm.environment(wanted=True, inherit=False)[warm.OWNER] == warm.this_process()
    assert found["PATH"].startswith(f"{warm.SHIM}:{Path(sys.executable).parent}:")


def test_a_process_that_has_ended_is_not_alive():
    process = subprocess.Popen(["sleep", "60"])
    about = f"{warm._boot()}:{process.pid}:{warm._start(process.pid)}"
    assert warm.alive(about)
    process.kill()
    process.wait()
    assert not warm.alive(about)
    assert warm.alive(warm.this_process())


def test_real_programs_write_the_same_bytes(root, tmp_path, monkeypatch):
    monkeypatch.setattr(warm.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.delenv(warm.SWITCH, raising=False)
    clip = make.clip(tmp_path / "clip.mp4", sound=make.tone(0.8))
    settings = {
        "audio": {"rate_hz": 16000, "silence_peak": 1e-4, "min_duration_s": 0.1},
        "limits": {"max_pixels": 16777216, "max_duration_s": 600.0, "min_decoded_fraction": 0.98},
        "on_defect": "exclude",
        "egemaps": {"feature_set": "eGeMAPSv02", "mode": "functionals", "frame_length_s": 0.04, "deltas": False},
    }
    chosen, clips = job_of(tmp_path, {"clip": clip})
    stage = json.dumps({"settings": settings, "clips_sha256": clips})
    run = warm.environment(wanted=True, inherit=False)
    for name, switch in (("warm", run[warm.SWITCH]), ("plain", "off")):
        own = {"EMOTIW_PROGRAMS": str(root / "workflow_scripts"), "TMPDIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
        environment = os.environ | run | own | {warm.SWITCH: switch, "EMOTIW_WARM_IDLE_S": "2"}
        jobs = [("audio", *chosen), ("egemaps", "--audio", tmp_path / f"{name}.audio.h5")]
        for program, *options in jobs:
            output = tmp_path / f"{name}.{program}.h5"
            command = [f"{root}/workflow_scripts/{program}.py", *options, "--output", output, "--stage", stage]
            done = subprocess.run(
                ["sh", "-c", 'exec python "$@"', "sh", *command],
                env=environment, check=False, capture_output=True, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert re.fullmatch(
                r"INFO emotiw.jobs.runtime: took [\d.]+ s of CPU time and \d+ MB of memory\n", done.stderr
            )
    for program in ("audio", "egemaps"):
        assert (tmp_path / f"warm.{program}.h5").read_bytes() == (tmp_path / f"plain.{program}.h5").read_bytes()
