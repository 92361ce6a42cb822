# The synthetic demo corpus: snakemake -s rules/demo.smk -c2, from the folder that holds rules/.
# Another size or difficulty: --config seed=7 n_subjects=21 ... (the fields of emotiw.demo.design.Design).
import importlib.metadata
import os
import sys
from dataclasses import asdict
from pathlib import Path

SCRIPTS = Path(workflow.basedir).parent / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
    EMOTIW_PROGRAMS=str(SCRIPTS),
)

from emotiw.demo import design
from emotiw.jobs.identity import stage

DESIGN = asdict(design.Design(**config))
CLIPS = design.clips(design.from_settings(DESIGN))
CORPUS = "results/demo_corpus"


def demo_stage(program, above=None, **settings):
    """Identity of a program's stage; the version of FFmpeg is part of it, because it decides the bytes of the clips."""
    return stage(
        SCRIPTS / f"{program}.py",
        {"design": DESIGN, **settings},
        above or {},
        encoder=importlib.metadata.version("imageio-ffmpeg"),
    )


def demo_names(subject):
    """Names of a subject's clips without planted defects."""
    return [clip.name for clip in CLIPS if clip.subject == subject and not clip.defect]


wildcard_constraints:
    subject=r"s\d+",


rule demo_corpus:
    input:
        expand("{corpus}/clips/{clip.name}.mp4", corpus=CORPUS, clip=CLIPS),
    output:
        f"{CORPUS}/manifest.csv",
    log:
        f"{CORPUS}/logs/demo_corpus.log",
    conda:
        "../envs/demo.yaml"
    threads: 1
    params:
        stage=demo_stage(
            "demo_corpus",
            above={"demo_clips": demo_stage("demo_clips").digest},
        ),
    shell:
        'python "$EMOTIW_PROGRAMS"/demo_corpus.py --clips {input:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule demo_clips:
    output:
        expand(
            "{corpus}/clips/{{subject}}_{emotion}.mp4",
            corpus=CORPUS,
            emotion=design.EMOTIONS,
        ),
    log:
        f"{CORPUS}/logs/demo_clips/{{subject}}.log",
    conda:
        "../envs/demo.yaml"
    threads: 1
    params:
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        stage=lambda wildcards: demo_stage(
            "demo_clips", clips=demo_names(wildcards.subject)
        ),
    shell:
        'python "$EMOTIW_PROGRAMS"/demo_clips.py --output {params.folder:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule demo_defects:
    output:
        [f"{CORPUS}/clips/{clip.name}.mp4" for clip in CLIPS if clip.defect],
    log:
        f"{CORPUS}/logs/demo_defects.log",
    conda:
        "../envs/demo.yaml"
    threads: 1
    params:
        folder=lambda wildcards, output: os.path.dirname(output[0]),
        stage=demo_stage(
            "demo_clips", clips=[clip.name for clip in CLIPS if clip.defect]
        ),
    shell:
        'python "$EMOTIW_PROGRAMS"/demo_clips.py --output {params.folder:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
