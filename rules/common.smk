import os
import re
import sys
from pathlib import Path

SCRIPTS = Path(workflow.basedir) / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))

from emotiw import manifest as manifests, settings, warm
from emotiw.corpora import inventory
from emotiw.plan import Plan

for path in workflow.configfiles:
    settings.read(Path(path))
settings.check(config)

RUN = f"results/{config['run']}"
WEIGHTS = "results/weights"
TABLE = f"{RUN}/manifest.csv"
# Programs run under the interpreter that runs Snakemake (those of single clips: in forks of a warm one, but not the
# batches that a cluster starts), unless conda puts another one in front. What cannot change a result (the accelerator:
# not beyond a checked tolerance) goes to them through the environment, so that it is in no job's identity.
os.environ.update(
    warm.environment(
        wanted=config["warm"]
        and (workflow.is_main_process or config["clips_per_job"] == 1),
        inherit=not workflow.is_main_process,
    ),
    EMOTIW_PROGRAMS=str(SCRIPTS),
    EMOTIW_DEADLINE_S=str(config["limits"]["job_s"]),
    EMOTIW_ACCELERATOR=config["accelerator"],
)


def media_facts(path):
    """Facts of a file that is new or has changed; the decoder is imported only then."""
    from emotiw import media

    return media.probe(path)


# Only the main process looks at the corpus: the processes that a cluster starts read the table.
if workflow.is_main_process:
    PLAN = Plan(config, inventory.refresh(config, Path(TABLE), media_facts))
else:
    PLAN = Plan(config, manifests.read(Path(TABLE)))


wildcard_constraints:
    digest=r"[0-9a-f]{12}",
    job=r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}",
    fold=r"[A-Za-z0-9][A-Za-z0-9_-]*",
    feature="|".join(map(re.escape, settings.frame_features(config))),
    embedding="|".join(map(re.escape, config["embeddings"])) or r"(?!)",  # none: matches nothing
    features=r"[A-Za-z0-9_.-]+(\+[A-Za-z0-9_.-]+)+",
    classifier=r"pls|kernel_pls|svm|logistic",
    architecture=r"\d+(-\d+)*",
    repeat=r"\d+",


def stage(name):
    """The identity of a rule's job, as a function of its wildcards."""
    return lambda wildcards: PLAN.stage(name, **wildcards)


def folder(name):
    """Folder of an input's files, as a function of a job's wildcards and inputs."""

    def parent(wildcards, input):
        files = input.get(name)
        return str(Path(files if isinstance(files, str) else files[0]).parent)

    return parent
