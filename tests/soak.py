"""The soak: tiny clips, a fifth of them defective, through the whole workflow twice, once under random kills.

Run: make soak, or .venv/bin/python tests/soak.py FOLDER [--clips 2000]. In FOLDER, which must be new or empty, come the
corpus, a copy of the code, and a folder a run. In the second run a random job, the warm interpreter, Snakemake alone or
all of it is killed with SIGKILL every few seconds; the lock is then taken away and the same command given again, until
it succeeds. At the end every clip must have a status, the one that it was made for, and both runs must hold the same
bytes. The table says so; the exit status is the number of complaints.
"""

import argparse
import csv
import ctypes
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflow_scripts")]

import soak_clips  # noqa: E402  after the path
from killing import hashes, kill  # noqa: E402
from reproduce import differing  # noqa: E402

LEFT_OUT = (".git", ".venv*", ".snakemake", "results", "__pycache__", ".*_cache", ".hypothesis")
CONFIG = """
run: soak
clips_per_job: 20
corpus: {kind: csv, root: ../corpus, table: manifest.csv, protocol: {scheme: folds}}
faces: {frame_step: 2, min_frames: 3}
video: {features: [dense_sift], pca_dimension: 16, subspace_rank: 3, n_components: 4, inner_folds: 2,
        combination: {features: [dense_sift], classifier: pls}}
baseline: {c_grid: [1.0], gamma_grid: [1.0], inner_folds: 2}
blstm: {architectures: [[16]], repeats: 1, optimiser: adam, learning_rate: 1.0e-3, max_epochs: 4, patience: 4}
fusion: {cv_folds: 2, cv_repeats: 1, grid_step: 0.25}
evaluation: {bootstrap: 100}
"""
KINDS = {"job": 12, "warm interpreter": 2, "Snakemake alone": 1, "all of it": 1}  # how often, relative to each other
PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Run:
    """One run: its folder, how it went, and what it left.

    Attributes
    ----------
    kills : Counter of str
    resumes : int
        Times that Snakemake was started again.
    """

    folder: Path
    kills: Counter = field(default_factory=Counter)
    resumes: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def command(self, *more: str) -> list[str]:
        """Return Snakemake's command line."""
        code = self.folder.parent / "code"
        command = [sys.executable, "-m", "snakemake", *more, "--snakefile", str(code / "Snakefile"), "--directory"]
        return [*command, str(self.folder), "--cores", "2", "--configfile", str(code / "soak.yaml")]

    def start(self, *more: str) -> "subprocess.Popen[bytes]":
        """Start Snakemake in a session of its own."""
        env = os.environ | {"PYTHONPATH": str(self.folder.parent / "code/workflow_scripts"), "OMP_NUM_THREADS": "1"}
        with (self.folder / "said.log").open("ab") as log:
            return subprocess.Popen(
                self.command(*more), cwd=self.folder, env=env, stdout=log, stderr=log, start_new_session=True
            )


def processes() -> dict[int, tuple[int, list[str]]]:
    """Parent and arguments of every process here."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            parent = int((process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        found[int(process.name)] = parent, arguments
    return found


def victims(kind: str, run: Run, snakemake: int) -> list[int]:
    """Process ids that a kill of this kind may hit."""
    programs = f"{run.folder.parent}/code/workflow_scripts/"
    ours = {
        pid: next((it.removeprefix(programs) for it in arguments if it.startswith(programs)), "")
        for pid, (_, arguments) in processes().items()
    }
    server = [pid for pid, name in ours.items() if name == "warm/server.py"]
    jobs = [pid for pid, name in ours.items() if name and not name.startswith("warm/")]
    return {"job": jobs, "warm interpreter": server, "Snakemake alone": [snakemake], "all of it": [snakemake]}[kind]


def strike(run: Run, snakemake: int, choose: random.Random) -> None:
    """Kill one process, or all, at random."""
    kind = choose.choices(list(KINDS), list(KINDS.values()))[0]
    hit = victims(kind, run, snakemake)
    if not hit:
        return
    if kind == "all of it":
        os.killpg(snakemake, signal.SIGKILL)
    else:
        kill([choose.choice(hit)])
    run.kills[kind] += 1


def reap(but: int) -> None:
    """Take leave of orphans that have ended, so that their time is counted."""
    for pid, (parent, _) in processes().items():
        if parent == os.getpid() and pid != but:
            os.waitpid(pid, os.WNOHANG)


def go(run: Run, choose: random.Random | None, every_s: tuple[float, float], kills: int) -> None:
    """Run to the end; with `choose`, kill `kills` times, every so many seconds, and resume."""
    run.folder.mkdir()
    start, used = time.monotonic(), cpu_s()
    while attempt(run, choose, every_s, kills):
        run.resumes += 1
        if run.resumes > 4 * kills + 3 or not choose:
            sys.exit(f"{run.folder}: does not come to an end; see said.log there")
        unlock = run.start("--unlock")
        unlock.wait()
    reap(0)
    run.wall_s, run.cpu_s = time.monotonic() - start, cpu_s() - used


def attempt(run: Run, choose: random.Random | None, every_s: tuple[float, float], kills: int) -> int:
    """Start Snakemake, kill until the kills are spent, and return its exit status."""
    snakemake = run.start()
    while choose and run.kills.total() < kills and snakemake.poll() is None:
        try:
            snakemake.wait(choose.uniform(*every_s))
        except subprocess.TimeoutExpired:
            strike(run, snakemake.pid, choose)
        reap(snakemake.pid)
    return snakemake.wait()


def cpu_s() -> float:
    """CPU time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def statuses(run: Run) -> dict[str, tuple[str, str]]:
    """Status of video and audio of every clip that the run's predictions hold."""
    with (run.folder / "results/soak/report/predictions.csv").open(encoding="utf-8", newline="") as stream:
        return {row["clip"]: (row["status_video"], row["status_audio"]) for row in csv.DictReader(stream)}


def refusals(run: Run, made: Sequence[soak_clips.Made]) -> list[str]:
    """Complaints where a table of refused rows is not refused, or a row is not named."""
    run.folder.mkdir()
    process = run.start("manifest", "--config", "corpus={table: refused.csv}")
    status, said = process.wait(), (run.folder / "said.log").read_text()
    with (run.folder.parent / "corpus/refused.csv").open(encoding="utf-8", newline="") as stream:
        n_rows = len(list(csv.reader(stream)))
    refused = range(len(made) + 2, n_rows + 1)  # lines of the file
    silent = [line for line in refused if f"refused.csv:{line}:" not in said]
    made_jobs = list((run.folder / "results").rglob("*.h5")) if (run.folder / "results").exists() else []
    print(f"{len(refused)} rows to refuse, {len(refused) - len(silent)} named before any job")
    return [f"lines of refused.csv are not named: {silent}"] * bool(silent) + ["they were not refused"] * (
        not status or bool(made_jobs)
    )


def table(made: Sequence[soak_clips.Made], found: Mapping[str, tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Lines of clips by kind and status, and complaints."""
    counts = Counter((it.kind, *found.get(it.row[0], ("lost", "lost"))) for it in made)
    lines = [f"{'kind':24s}{'video':>14s}{'audio':>14s}{'clips':>8s}"]
    lines += [f"{kind:24s}{video:>14s}{audio:>14s}{n:8d}" for (kind, video, audio), n in sorted(counts.items())]
    lost = [it.row[0] for it in made if it.row[0] not in found]
    other = [it.row[0] for it in made if it.row[0] in found and found[it.row[0]] != it.status]
    complaints = [f"{len(lost)} clips are lost: {lost[:5]}"] * bool(lost)
    complaints += [f"{len(other)} clips have another status than expected: {other[:5]}"] * bool(other)
    return lines, complaints


def report(made: Sequence[soak_clips.Made], undisturbed: Run, killed: Run) -> list[str]:
    """Print the table; return complaints."""
    lines, complaints = table(made, statuses(killed))
    print("\n".join(lines))
    expected, found = hashes(undisturbed.folder), hashes(killed.folder)
    differ = differing(expected, found)
    left = sum(1 for _ in (killed.folder / "results").rglob(".*.tmp"))
    for name, run in (("undisturbed", undisturbed), ("killed", killed)):
        kills = ", ".join(f"{n} {kind}" for kind, n in sorted(run.kills.items())) or "none"
        print(f"{name}: kills {kills}; resumes {run.resumes}; wall {run.wall_s:.0f} s, CPU {run.cpu_s:.0f} s")
    print(
        f"clips {len(made)}, defective {sum(it.kind != 'good' for it in made)}, with a status {len(statuses(killed))}"
    )
    print(f"artefacts {len(expected)}, of them differing {len(differ)}; temporary files left by kills {left}")
    return complaints + [f"{len(differ)} artefacts differ: {differ[:5]}"] * bool(differ)


def save(path: Path, made: Sequence[soak_clips.Made], runs: Sequence[Run]) -> None:
    """Write what the report needs beside the runs' results."""
    about = {"made": [vars(it) for it in made], "runs": [vars(run) | {"folder": run.folder.name} for run in runs]}
    path.write_text(json.dumps(about))


def saved(path: Path) -> tuple[list[soak_clips.Made], list[Run]]:
    """Read what `save` wrote."""
    about = json.loads(path.read_text())
    made = [soak_clips.Made(tuple(it["row"]), it["kind"], tuple(it["status"])) for it in about["made"]]
    runs = [it | {"folder": path.parent / it["folder"], "kills": Counter(it["kills"])} for it in about["runs"]]
    return made, [Run(**it) for it in runs]


def main(argv: Sequence[str] | None = None) -> int:
    """Make the corpus, run twice, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=2016)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--every", type=float, nargs=2, default=(3.0, 40.0), help="s between kills, least and greatest")
    parser.add_argument("--report", action="store_true", help="print the table of a soak that has ended, again")
    args = parser.parse_args(argv)
    folder = args.folder.resolve()
    complaints = [] if args.report else soak(folder, args)
    made, runs = saved(folder / "soak.json")
    complaints += report(made, *runs)
    print("\n".join(complaints) or "every clip is accounted for, and both runs hold the same bytes")
    return len(complaints)


def soak(folder: Path, args: argparse.Namespace) -> list[str]:
    """Make the corpus and run twice; complaints of the table that must be refused."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        sys.exit(f"{folder} is not empty")
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    copy_code(folder / "code")
    made = soak_clips.write(folder / "corpus", args.clips, args.seed)
    print(f"{len(made)} clips written, seed {args.seed}", flush=True)
    complaints = refusals(Run(folder / "refused"), made)
    undisturbed, killed = Run(folder / "undisturbed"), Run(folder / "killed")
    go(undisturbed, None, tuple(args.every), 0)
    print(f"the undisturbed run took {undisturbed.wall_s:.0f} s", flush=True)
    go(killed, random.Random(args.seed), tuple(args.every), args.kills)  # noqa: S311 - a seeded sequence
    save(folder / "soak.json", made, (undisturbed, killed))
    return complaints


def copy_code(folder: Path) -> None:
    """Copy the workflow, so that it may be edited while the soak runs."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    config = yaml.safe_load(CONFIG)
    config["corpus"]["classes"] = list(soak_clips.EMOTIONS)
    (folder / "soak.yaml").write_text(json.dumps(config))


if __name__ == "__main__":
    sys.exit(main())
