import math
import os
import re
import sys
from collections import Counter
from pathlib import Path

SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))

from emotiw.corpora import manifest as manifests
from emotiw.jobs import cache, settings
from emotiw.workflow import checksums, warm
from emotiw.corpora import inventory
from emotiw.workflow.plan import Plan

for path in workflow.configfiles:
    settings.read(Path(path))
settings.check(config)

RUN = f"results/{config['run']}"
WEIGHTS = "results/weights"
TABLE = f"{RUN}/manifest.csv"
ABOUT = f"{RUN}/manifest.json"  # is read with the table
# Programs run under the interpreter that runs Snakemake (those of single clips: in forks of a warm one, but not the
# batches that a cluster starts), unless conda puts another one in front. What cannot change a result (the cache; the
# accelerator: not beyond a checked tolerance) goes to them through the environment, so that it is in no job's identity.
os.environ.update(
    warm.environment(
        wanted=config["warm"]
        and (workflow.is_main_process or config["clips_per_job"] == 1),
        inherit=not workflow.is_main_process,
    ),
    **cache.environment(config["cache"]),
    EMOTIW_PROGRAMS=str(SCRIPTS),
    EMOTIW_DEADLINE_S=str(config["limits"]["job_s"]),
    EMOTIW_ACCELERATOR=config["accelerator"],
)


def media_facts(path):
    """Facts of a file that is new or has changed; the decoder is imported only then."""
    from emotiw.media import container as media

    return media.probe(path)


def deposit(path):
    """Put a file that no rule makes into the storage of the run's data, if they have one (--default-storage-provider)."""
    provider = workflow.storage_registry.default_storage_provider
    if provider:
        prefix = workflow.storage_settings.default_storage_prefix
        there = provider.object(f"{prefix.rstrip('/')}/{path}" if prefix else path)
        there.set_local_path(Path(path))
        workflow.async_run(there.managed_store())


# Only the main process looks at the corpus: the processes that a cluster starts read the table.
if workflow.is_main_process:
    PLAN = Plan(config, inventory.refresh(config, Path(TABLE), media_facts))
    deposit(TABLE)
    deposit(ABOUT)
else:
    PLAN = Plan(config, manifests.read(Path(TABLE)))


wildcard_constraints:
    digest=r"[0-9a-f]{12}",
    job=r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}",
    # of the protocol, or one inside such a fold
    fold=r"[A-Za-z0-9][A-Za-z0-9_-]*(\.\d+of\d+)?",
    feature="|".join(map(re.escape, settings.frame_features(config))),
    embedding="|".join(map(re.escape, config["embeddings"])) or r"(?!)",  # none: matches nothing
    features=r"[A-Za-z0-9_.-]+(\+[A-Za-z0-9_.-]+)+",
    classifier=r"pls|kernel_pls|svm|logistic",
    architecture=r"\d+(-\d+)*",
    repeat=r"\d+",


def stage(name):
    """The identity of a rule's job, as a function of its wildcards."""
    return lambda wildcards: PLAN.stage(name, **wildcards)


def folder(name, levels=1):
    """Folder of an input's files, or one some levels up, as a function of a job's wildcards and inputs."""

    def parent(wildcards, input):
        files = input.get(name)
        first = Path(files if isinstance(files, str) else files[0])
        return str(first.parents[levels - 1])

    return parent


# What a job asks of a cluster (on one machine it bounds nothing). The arguments are its peak memory and its CPU time by
# itself and with each of its clips, as benchmarks/resources.py measured them: per-clip stages on 20 real clips of 76
# frames, in one batch and singly; what gathers clips on 648 clips, scaled to 76 frames (train_blstm: the largest network
# to the last epoch; evaluate, fusion, report, bundle: six folds of one network, so that much is left for more). Fine-tuning
# is measured in 32 bits up to its first checkpoints; embeddings with EfficientNet-Lite0, and much is left for others. Half
# of the memory and three times the time are added for other clips and nodes, and a second attempt asks for twice as much.
# Every batch counts as the largest, because all jobs of a Slurm array get what the first one asks for.
ALL_CLIPS = len(PLAN.manifest.rows)
LARGEST_JOB = max(Counter(row.job for row in PLAN.manifest.rows).values())
PAIRS_MB = ALL_CLIPS * 12 * 8 / 1e6  # a clip, of twelve square matrices over all clips
# of the two processes that start a program on a node; each reads the table
SNAKEMAKE_MB = 2 * (190 + 0.0026 * ALL_CLIPS)
# asked for only where the configuration demands one
GPU = int(config["accelerator"] == "gpu")


def memory(start_mb, clip_mb, n_clips=LARGEST_JOB):
    """Megabytes, as a function of the attempt."""
    need = math.ceil(1.5 * (start_mb + clip_mb * n_clips) + SNAKEMAKE_MB)
    return lambda wildcards, attempt: attempt * need


def minutes(start_s, clip_s, n_clips=LARGEST_JOB):
    """Minutes of wall time, ten at least, as a function of the attempt."""
    need = max(10, math.ceil(4 * (start_s + clip_s * n_clips) / 60))
    return lambda wildcards, attempt: attempt * need


def record_checksums():
    """Record the hashes of the run's files, in the process that plans."""
    if workflow.is_main_process and Path(RUN).is_dir():
        checksums.record(Path(RUN))
