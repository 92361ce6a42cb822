"""Which jobs Snakemake would run for one clip, and why, read from the output of its dry run."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emotiw.core.errors import ConfigError, ManifestError
from emotiw.corpora.manifest import Row
from emotiw.jobs import identity_changes
from emotiw.workflow.files import Files

PARAMS = "Params have changed since last execution"
MISSING, FOLLOWS = "output missing", "following from these"
TIMEOUT_S = 3600  # of a dry run; one of many clips takes minutes
JOB = re.compile(r"(?:local)?(?:rule|checkpoint) (\w+):")
FIELD = re.compile(r"    (\w+): (.*)")
TOTAL = re.compile(r"^total +(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Job:
    """A job that would run: its rule, what it would write, and Snakemake's reason."""

    rule: str
    output: str
    reason: str


def targets(files: Files, clip: str) -> tuple[Row, list[str]]:
    """Row of a clip, and its files: its features, and the fused scores of each fold whose test part holds it.

    Raises
    ------
    ManifestError
        If the corpus has no such clip.
    """
    plan = files.plan
    row = next((row for row in plan.manifest.rows if clip in (row.clip, row.path)), None)
    if row is None:
        near = [row.clip for row in plan.manifest.rows if clip.lower() in row.clip.lower()][:5]
        hint = f"; similar: {', '.join(near)}" if near else ""
        raise ManifestError(f"{clip}: not a clip of {plan.manifest.corpus}{hint}; see results/<run>/manifest.csv")
    own = [
        plan.layout.feature(name, row.job)
        for name in files.feature_names()
        if row.job in plan.protocol.jobs(plan.stream(name))
    ]
    tested = [name for name, fold in plan.protocol.folds.items() if row.clip in fold.test]
    return row, own + [plan.layout.path("fusion", fold=name) for name in tested]


def dry_run(snakefile: Path, configfiles: Sequence[Path], wanted: Sequence[str], *options: str) -> str:
    """Text of a dry run of Snakemake for the targets `wanted`, with further options.

    Raises
    ------
    ConfigError
        If Snakemake refuses to plan.
    """
    chosen = ["--configfile", *map(str, configfiles)] if configfiles else []
    command = [sys.executable, "-m", "snakemake", "-s", str(snakefile), *chosen, "-n", "-c1", "--nocolor"]
    # the profile would hide the reasons, and a dry run needs no lock because it writes nothing
    command += ["--workflow-profile", "none", "--nolock", *options, "--", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        tail = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise ConfigError(f"snakemake refuses to plan:\n  {tail}")
    return done.stdout + done.stderr


def jobs(text: str) -> list[Job]:
    """Jobs in the text of a dry run, without duplicates.

    Raises
    ------
    ConfigError
        If their number is not the total in the text: this version of Snakemake writes another format.
    """
    job_of_output: dict[tuple[str, str], Job] = {}
    rule, fields = "", {}
    for line in [*text.splitlines(), "end"]:
        if line.startswith(" "):
            if field := FIELD.fullmatch(line):
                fields[field[1]] = field[2]
            continue
        if rule:
            output = fields.get("output", "")
            job_of_output[rule, output] = Job(rule, output, explained(fields.get("reason", "none given")))
        job = JOB.fullmatch(line)
        rule, fields = job[1] if job else "", {}
    total = TOTAL.search(text)
    if (int(total[1]) if total else 0) != len(job_of_output):
        count = total[1] if total else "no"
        raise ConfigError(
            f"dry run: {len(job_of_output)} jobs were understood, {count} are announced; run `snakemake -n`"
        )
    return list(job_of_output.values())


def causes(jobs: Sequence[Job]) -> dict[str, Counter[str]]:
    """Count the jobs of each rule by cause: what each setting, version or change of code makes run, then the rest.

    A job with several causes is counted with the first of them. A job whose reasons are changes of other stages only
    follows from these.
    """
    found: dict[str, Counter[str]] = {}
    for job in jobs:
        if job.rule != "all":
            found.setdefault(_cause(job.reason), Counter())[job.rule] += 1
    last = (MISSING, FOLLOWS)
    return {cause: found[cause] for cause in sorted(found, key=lambda cause: (cause in last, cause == FOLLOWS))}


def _cause(reason: str) -> str:
    head, _, changes = reason.partition(": ")
    if head == PARAMS:
        return next((change for change in changes.split("; ") if identity_changes.own(change)), FOLLOWS)
    if "Missing output files" in reason:
        return MISSING
    return FOLLOWS if "updated by another job" in reason else head.split(";")[0]


def explained(reason: str) -> str:
    """Snakemake's reason; where it prints two identities of a job in full, only their differences are kept."""
    head, mark, rest = reason.partition(" before: {")
    if not mark:
        return reason
    try:
        before, end = json.JSONDecoder().raw_decode("{" + rest)
        now, _ = json.JSONDecoder().raw_decode(rest[rest.index(" now: ", end - 1) + len(" now: ") :])
    except ValueError:
        return reason
    return f"{head.partition(':')[0]}: {'; '.join(identity_changes.changes(before, now)) or 'in order only'}"
