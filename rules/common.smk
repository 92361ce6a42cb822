import atexit
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

STARTED = datetime.now(UTC)

SCRIPTS = Path(str(workflow.current_basedir)).parent / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))

from snakemake.logging import logger

from emotiw.corpora import inventory
from emotiw.corpora import manifest as manifests
from emotiw.jobs import cache, features, loggers, settings, source_facts, stages
from emotiw.media.probing import probe
from emotiw.workflow import (
    checksums,
    ending,
    failures,
    hints,
    imported_clips,
    layout,
    plan,
    retries,
    warm,
)
from emotiw.workflow import memory as requests
from emotiw.workflow.costs import Costs
from emotiw.workflow.files import Files
from emotiw.workflow.layout import Layout
from emotiw.workflow.plan import Plan

for path in workflow.configfiles:
    settings.read(Path(path))
config = settings.completed(
    config
)  # of a `module`, the configuration holds only what its user has set

LAYOUT = Layout(config["run"])
OUT, LOG = LAYOUT.pattern, LAYOUT.log
TABLE, ABOUT = LAYOUT.table, LAYOUT.table_facts
# Programs run under the interpreter that runs Snakemake, unless conda puts another one first on the PATH. Per-clip
# programs run in forks of a warm interpreter, except batches on a cluster. Settings that change no result (the cache;
# the accelerator, within a checked tolerance) are passed in the environment, so that they are in no job's identity.
os.environ.update(
    warm.environment(
        wanted=config["warm"]
        and (workflow.is_main_process or config["clips_per_job"] == 1),
        inherit=not workflow.is_main_process,
    ),
    **cache.environment(config["cache"]),
    **loggers.environment(config["loggers"], f"{LAYOUT.folder}/logs/training"),
    EMOTIW_PROGRAMS=str(SCRIPTS),
    EMOTIW_DEADLINE_S=str(config["limits"]["job_s"]),
    EMOTIW_ACCELERATOR=config["accelerator"],
)


def deposit(path):
    """Copy a file that no rule makes to the storage of the run, if there is one (--default-storage-provider)."""
    provider = workflow.storage_registry.default_storage_provider
    if provider:
        prefix = workflow.storage_settings.default_storage_prefix
        there = provider.object(f"{prefix.rstrip('/')}/{path}" if prefix else path)
        there.set_local_path(Path(path))
        workflow.async_run(there.managed_store())


if workflow.is_main_process:
    source_facts.remember(Path(".snakemake", "emotiw-sources.json"))

# Only the main process reads the corpus; Snakemake's processes on the nodes of a cluster read the table.
if workflow.is_main_process:
    corpus = inventory.refresh(config, Path(TABLE), probe)
    PLAN = Plan(config, corpus, imported_clips.refresh(config, corpus))
    for path in (TABLE, ABOUT, *map(LAYOUT.imports, config["imports"])):
        deposit(path)
else:
    PLAN = Plan(config, manifests.read(Path(TABLE)), imported_clips.read(config))
if workflow.is_main_process:
    for hint in (
        hints.small_corpus(config, len(PLAN.manifest.rows)),
        hints.batches(config, len(PLAN.manifest.rows)),
        hints.sweep(config),
    ):
        if hint:
            logger.info(hint)
FILES, COSTS = Files(PLAN), Costs(config, PLAN.manifest)


wildcard_constraints:
    digest=r"[0-9a-f]{12}",
    scope="|".join(map(re.escape, layout.SCOPES)),
    job=r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}",
    # a fold of the protocol, or an inner fold (its name, a dot, and i of n)
    fold=r"[A-Za-z0-9][A-Za-z0-9_-]*(\.\d+of\d+)?",
    feature="|".join(map(re.escape, features.available(config))),
    # none: matches nothing
    embedding="|".join(map(re.escape, config["embeddings"])) or r"(?!)",
    sound_embedding="|".join(map(re.escape, config["sound_embeddings"])) or r"(?!)",
    imported="|".join(map(re.escape, config["imports"])) or r"(?!)",
    features=r"[A-Za-z0-9_.-]+(\+[A-Za-z0-9_.-]+)+",
    classifier="|".join(stages.CLASSIFIERS),
    architecture=r"\d+(-\d+)*",
    repeat=r"\d+",


def stage(name):
    """The identity of a rule's job, as a function of its wildcards."""
    return lambda wildcards: PLAN.stage(name, **wildcards)


def folder(name, levels=1):
    """Folder of an input's files, or one some levels up, as a function of a job's wildcards and inputs.

    `.` without files, as those of a modality that the run lacks, whose folder no program reads.
    """

    def parent(wildcards, input):
        files = input.get(name)
        if not files:
            return "."
        first = Path(files if isinstance(files, str) else files[0])
        return str(first.parents[levels - 1])

    return parent


# a GPU is requested only if the configuration demands one
GPU = int(config["accelerator"] == "gpu")


# An executor is known only when Snakemake has read the workflow.
REQUESTS = requests.Requests(COSTS, lambda: workflow.local_exec, requests.machine_mb())
memory = REQUESTS.of


def share_memory():
    """Let jobs on this machine wait for free memory, if no option of Snakemake limits it already."""
    if not REQUESTS.available_mb:
        return
    for resources in (
        workflow.scheduler.global_resources,
        workflow.scheduler.resources,
    ):
        resources.setdefault("mem_mb", REQUESTS.available_mb)
    if hint := REQUESTS.hint({job.rule.name for job in workflow.dag.needrun_jobs()}):
        logger.info(hint)


def minutes(name):
    """Minutes of a job of a stage, as a function of the attempt; see emotiw.workflow.costs."""
    need = COSTS.minutes(name)
    return lambda wildcards, attempt: attempt * need


def record_checksums():
    """Record the hashes of the run's files, in the process that plans."""
    folder = Path(LAYOUT.folder)
    if workflow.is_main_process and folder.is_dir():
        checksums.record(folder)


def record_end(succeeded):
    """Record the times and costs of the run, in the process that plans."""
    folder = Path(LAYOUT.folder)
    if workflow.is_main_process and folder.is_dir():
        ending.record(folder, STARTED, succeeded)


def explain_failures():
    """Print which jobs failed, for which clips, why, and where their logs are, as the last lines of a failed run."""
    failed = [
        failures.Failure(
            job.rule.name, dict(job.wildcards_dict), list(map(str, job.log))
        )
        for job in getattr(workflow.scheduler, "failed", ())
    ]
    if failed and workflow.is_main_process:
        # at exit, because Snakemake prints more after `onerror`
        text = failures.summary(failed, PLAN.protocol)
        atexit.register(lambda: print(text, file=sys.stderr, flush=True))
