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
include: "rules/video.smk"
include: "rules/baseline.smk"
include: "rules/fusion.smk"
include: "rules/report.smk"
include: "rules/bundle.smk"


localrules:
    all,
    features,
    fine_tuned,
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


rule audio_only:
    input:
        FILES.audio_targets(),


rule video_only:
    input:
        FILES.video_targets(),


rule manifest:
    input:
        TABLE,


# Snakemake's rate limit (100 jobs a second) looks at all ready jobs again a second after every look, for ever: each
# finished job adds one look a second, and with hundreds of them the main process takes a fifth of a core from the jobs.
# On one machine there is nothing to limit; a cluster keeps it.
onstart:
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


# so that `emotiw verify` can tell what was altered since
onsuccess:
    record_checksums()


onerror:
    record_checksums()
    explain_failures()
