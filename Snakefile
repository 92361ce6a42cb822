"""Audio-video emotion recognition after Ding et al. (ICMI 2016): a table of contents; the rules are in rules/."""

from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")


configfile: str(Path(str(workflow.current_basedir)) / "config.yaml")


include: "rules/common.smk"
include: "rules/weights.smk"
include: "rules/audio.smk"
include: "rules/face.smk"
include: "rules/features.smk"
include: "rules/imports.smk"
include: "rules/video.smk"
include: "rules/scores.smk"
include: "rules/networks.smk"
include: "rules/baseline.smk"
include: "rules/fusion.smk"
include: "rules/report.smk"
include: "rules/bundle.smk"


localrules:
    all,
    features,
    fine_tuned,
    expression_network,
    metrics,
    page,
    audio_only,
    video_only,
    manifest,


rule all:
    default_target: True
    input:
        FILES.all(),


rule features:
    input:
        FILES.all_features(),


rule fine_tuned:
    input:
        lambda w: layout.weights(PLAN.model("cnn_fer2013")),


rule expression_network:
    input:
        lambda w: layout.weights(PLAN.model("expression")),


rule metrics:
    input:
        LAYOUT.path("evaluate", "metrics"),


rule page:
    input:
        LAYOUT.path("report", "page"),


rule audio_only:
    input:
        FILES.targets("audio_only/"),


rule video_only:
    input:
        FILES.targets("video_only/"),


rule manifest:
    input:
        TABLE,


# Snakemake's limit of 100 started jobs a second makes the scheduler look at all ready jobs again one second after each
# look, without end. Each finished job adds such a look, and after hundreds of jobs this takes a fifth of a core. On one
# machine the limit serves no purpose, so it is removed; on a cluster it stays.
onstart:
    retries.spare(workflow.scheduler)
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None
        share_memory()


# so that `emotiw verify` can tell which files were altered after the run
onsuccess:
    record_checksums()
    record_end(True)


onerror:
    record_checksums()
    record_end(False)
    explain_failures()
