"""Run the demo twice under other circumstances and compare every artefact; then change a setting and compare again.

Run: make reproduce, or .venv/bin/python tests/reproduce.py FOLDER, which is emptied first. The second run has one core
instead of two, another seed of Python's hashes, another locale and time zone, and a corpus table in reverse order. A
difference is reported with the first rule, in the order of the workflow, that made different files; so is a rule whose
files should change with the setting and do not, or the other way round.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from emotiw.core.files import sha256

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "examples/demo.yaml"
TABLE = Path("results/demo_corpus/manifest.csv")
LEFT_OUT = re.compile(r"/logs/|\.files\.csv$|/\.snakemake/")  # what tells of the run, not of its results
CHANGE, CHANGED_RULE = "video: {pca_dimension: 48}\n", "pca"


@dataclass(frozen=True)
class Circumstances:
    """What a run must not depend on."""

    name: str
    cores: int
    environment: Mapping[str, str] = field(default_factory=dict)
    reverse: bool = False


RUNS = (
    Circumstances("first", 2, {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"}),
    Circumstances("second", 1, {"PYTHONHASHSEED": "4711", "LC_ALL": "C.UTF-8", "TZ": "Asia/Singapore"}, reverse=True),
)


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every result below a folder, by path from there."""
    files = (path for path in (folder / "results").rglob("*") if path.is_file() and not LEFT_OUT.search(str(path)))
    return {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(files)}


def differing(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """Files that only one has, or that differ."""
    return sorted(name for name in {*first, *second} if first.get(name) != second.get(name))


def parents(rulegraph: str) -> dict[str, set[str]]:
    """Rules that each rule needs, from what `snakemake --rulegraph` prints."""
    names = dict(re.findall(r'^\s*(\d+)\[label = "(\w+)', rulegraph, re.MULTILINE))
    needed: dict[str, set[str]] = {name: set() for name in names.values()}
    for above, below in re.findall(r"^\s*(\d+) -> (\d+)", rulegraph, re.MULTILINE):
        needed[names[below]].add(names[above])
    return needed


def descendants(rule: str, needed: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the rule and all that need it, directly or not."""
    found = {rule}
    for name in TopologicalSorter(needed).static_order():
        if found & set(needed.get(name, ())):
            found.add(name)
    return found


def rules_of(summary: str) -> dict[str, str]:
    """Rule that makes each file, from what `snakemake --summary` prints."""
    rows = [line.split("\t") for line in summary.splitlines() if "\t" in line]
    place = {name: i for i, name in enumerate(rows[0])}
    return {row[place["output_file"]]: row[place["rule"]] for row in rows[1:]}


def makers_of(files: Iterable[str], makers: Mapping[str, str]) -> set[str]:
    """Rules that made files: each the file's own or that of a folder above it, as of a bundle."""
    folders = (makers.get(str(path)) for file in files for path in (Path(file), *Path(file).parents))
    return {rule for rule in folders if rule}


def first_rule(files: Iterable[str], makers: Mapping[str, str], needed: Mapping[str, Iterable[str]]) -> str:
    """First rule, in the order of the workflow, that made one of the files."""
    order = list(TopologicalSorter(needed).static_order())
    made = makers_of(files, makers)
    return next((rule for rule in order if rule in made), "no rule of the workflow")


def snakemake(folder: Path, *more: str, run: Circumstances = RUNS[0], config: Sequence[Path] = (CONFIG,)) -> str:
    """Run Snakemake in a folder; return what it printed."""
    command = [sys.executable, "-m", "snakemake", "--directory", str(folder), "-c", str(run.cores)]
    command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", *map(str, config)]
    return _output([*command, *more], run)


def render(folder: Path, run: Circumstances) -> None:
    """Render the demo corpus in a folder, and reverse its table if the run wants that."""
    profile = str(ROOT / "profiles/default")
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "rules/demo.smk"), "--directory", str(folder)]
    _output([*command, "-c", str(run.cores), "--workflow-profile", profile], run)
    table = folder / TABLE
    if run.reverse:
        header, *rows = table.read_bytes().splitlines(keepends=True)
        table.write_bytes(b"".join([header, *reversed(rows)]))


def _output(command: Sequence[str], run: Circumstances) -> str:
    environment = {**os.environ, **run.environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def main(folder: Path) -> int:
    """Run and compare; return the number of complaints."""
    shutil.rmtree(folder, ignore_errors=True)
    made = {}
    for run in RUNS:
        (folder / run.name).mkdir(parents=True)
        render(folder / run.name, run)
        snakemake(folder / run.name, run=run)
        made[run.name] = hashes(folder / run.name)
    complaints = []
    needed = parents(snakemake(folder / "first", "--rulegraph", "--forceall"))
    makers = rules_of(snakemake(folder / "first", "--summary"))
    different = differing(made["first"], made["second"])
    different = [name for name in different if name != TABLE.as_posix()]  # that was reversed
    print(f"two runs: {len(made['first'])} files, {len(different)} differ")
    if different:
        complaints.append(f"{first_rule(different, makers, needed)}: {', '.join(different[:5])}")

    change = folder / "change.yaml"
    change.write_text(CHANGE)
    snakemake(folder / "second", run=RUNS[1], config=(CONFIG, change))
    after = differing(made["second"], hashes(folder / "second"))
    changed = makers_of(after, makers)
    expected = descendants(CHANGED_RULE, needed) & set(makers.values())
    print(f"{CHANGE.strip()}: {len(after)} files of {len(changed)} rules changed: {', '.join(sorted(changed))}")
    if wrong := changed ^ expected:
        complaints.append(f"changed or not against expectation: {', '.join(sorted(wrong))}")
    print("\n".join(complaints) or "every artefact is the same, and the change reached what lies below it and no more")
    return len(complaints)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
