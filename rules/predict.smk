# Predicts any number of clips without labels by a bundle. Run it from the folder that holds rules/:
# snakemake -s rules/predict.smk --config clips=FOLDER -c8
# It writes results/predictions/<name>/predictions.csv, one row for each clip; a clip without a prediction has a reason.
# Other keys of --config, with their defaults: bundle (that of the package), name=clips, clips_per_job=20,
# self_test=0 (1 to use a bundle of synthetic clips). `clips` can also be a text file with one path on each line.
import json
import os
import sys
from pathlib import Path

SCRIPTS = Path(workflow.basedir).parent / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
    EMOTIW_PROGRAMS=str(SCRIPTS),
)

from snakemake.logging import logger

from emotiw.core.files import sha256
from emotiw.core.resources import RESOURCES
from emotiw.corpora import splits
from emotiw.jobs import stages
from emotiw.jobs.identity import clips_digest, function_code, stage
from emotiw.prediction import card, clip_files, prediction_jobs

# the processes that Snakemake starts for single jobs get the texts from the environment
TYPED = "EMOTIW_PREDICT"
if workflow.is_main_process:
    TEXTS = clip_files.texts(config, ("clips", "bundle", "name"), sys.argv)
    os.environ[TYPED] = json.dumps(TEXTS)
else:
    TEXTS = json.loads(os.environ.get(TYPED) or "{}") or {
        name: str(config[name])
        for name in ("clips", "bundle", "name")
        if name in config
    }
BUNDLE = Path(TEXTS.get("bundle", RESOURCES / "people"))
card.check(
    json.loads((BUNDLE / "bundle.json").read_bytes()),
    bool(int(config.get("self_test", 0))),
)
PREDICTIONS = f"results/predictions/{TEXTS.get('name', 'clips')}"
CLIPS = clip_files.listed(
    Path(TEXTS["clips"]), logger.info if workflow.is_main_process else None
)
# the program finds the functions of a bundle's features by their names, so its imports do not show them
DESCRIBERS = {row.name: function_code(row.describe) for row in stages.describing()}
JOBS = {}
for clip, job in splits.batches(
    list(map(str, CLIPS)), int(config.get("clips_per_job", 20))
).items():
    JOBS.setdefault(clip_files.job_name(job), []).append(clip)


def prediction_stage(job):
    """Identity of a job: the bundle, and the size and date of every clip."""
    facts = [(clip, os.stat(clip)) for clip in JOBS[job]]
    return stage(
        SCRIPTS / "predict_clips.py",
        {},
        {},
        bundle=sha256(BUNDLE / "bundle.json"),
        features=DESCRIBERS,
        clips_sha256=clips_digest(
            [clip, about.st_size, about.st_mtime_ns] for clip, about in facts
        ),
    )


# the programs read their clips from this table, because a command line cannot hold the clips of a large job
TABLE = Path(PREDICTIONS) / "jobs.csv"
if workflow.is_main_process:
    prediction_jobs.write(TABLE, JOBS)


wildcard_constraints:
    job=r"[A-Za-z0-9-]+",


rule predictions:
    input:
        expand("{folder}/jobs/{job}.csv", folder=PREDICTIONS, job=JOBS),
    output:
        f"{PREDICTIONS}/predictions.csv",
    log:
        f"{PREDICTIONS}/logs/predictions.log",
    conda:
        "../envs/predict.yaml"
    threads: 1
    params:
        tables=f"{PREDICTIONS}/jobs",
        stage=stage(SCRIPTS / "gather_predictions.py", {}, {}, jobs=sorted(JOBS)),
    shell:
        'python "$EMOTIW_PROGRAMS"/gather_predictions.py --tables {params.tables:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule predict:
    input:
        # sizes and dates of the clips are in the identity; a clip that is removed or damaged meanwhile gets a reason
        media=lambda wildcards: [ancient(clip) for clip in JOBS[wildcards.job]],
        bundle=ancient(BUNDLE / "bundle.json"),
        table=ancient(TABLE),
    output:
        f"{PREDICTIONS}/jobs/{{job}}.csv",
    log:
        f"{PREDICTIONS}/logs/jobs/{{job}}.log",
    conda:
        "../envs/predict.yaml"
    threads: 1
    params:
        bundle=str(BUNDLE),
        stage=lambda wildcards: prediction_stage(wildcards.job),
    shell:
        'python "$EMOTIW_PROGRAMS"/predict_clips.py --table {input.table:q} --job {wildcards.job:q} --bundle {params.bundle:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
