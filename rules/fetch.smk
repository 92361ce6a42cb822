# Corpora that may be downloaded freely: snakemake -s rules/fetch.smk -c2 ravdess --config folder=/data/RAVDESS
# (or crema_d, nemo, javanese). An interrupted download continues; every file is checked against the hash that its
# publisher gives. For nemo and javanese that is the hash of a commit, and git must be installed.
# Terms: RAVDESS and nEMO CC BY-NC-SA 4.0 (not commercial), CREMA-D Open Database License, Javanese MIT.
import os
import sys
from pathlib import Path

SCRIPTS = Path(workflow.basedir).parent / "workflow_scripts"
sys.path.insert(0, str(SCRIPTS))
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
    EMOTIW_PROGRAMS=str(SCRIPTS),
)

from emotiw.jobs.identity import stage

CREMA_D = "CheyneyComputerScience/CREMA-D/master"
FROM = {
    "ravdess": "https://zenodo.org/api/records/1188976",
    "pointers": f"https://raw.githubusercontent.com/{CREMA_D}",
    "media": f"https://media.githubusercontent.com/media/{CREMA_D}",
    "archives": [
        "Audio_Speech_Actors_01-24.zip",
        *(f"Video_Speech_Actor_{actor:02}.zip" for actor in range(1, 25)),
    ],
    "actors": list(range(1001, 1092)),
    "nemo": {
        "url": "https://github.com/amu-cai/nEMO",
        "commit": "06f1f83dde8f1a780443a57d53b2af3971af34ab",
        "paths": ["samples", "data.tsv"],
    },
    "javanese": {
        "url": "https://github.com/2black0/video-emotion-recognition-javanese",
        "commit": "92c4b912f997f32f492db93cb688d0e3c114568e",
        "paths": ["dataset-resize", "LICENSE"],
    },
    **config,
}
if "folder" not in FROM:
    sys.exit("--config folder=...: missing, expected where the corpus is to go")
FETCHED = f"{Path(FROM['folder']).resolve()}/.fetched"


def fetch_stage(program, **settings):
    """Identity of a program's stage."""
    return stage(SCRIPTS / f"{program}.py", settings, {})


localrules:
    ravdess,
    crema_d,
    nemo,
    javanese,


wildcard_constraints:
    archive=r"[A-Za-z0-9_-]+",
    actor=r"\d+",
    corpus="nemo|javanese",


rule ravdess:
    input:
        [f"{FETCHED}/{Path(name).stem}.json" for name in FROM["archives"]],


rule crema_d:
    input:
        [f"{FETCHED}/{actor}.json" for actor in FROM["actors"]],


rule nemo:
    input:
        f"{FETCHED}/nemo.json",


rule javanese:
    input:
        f"{FETCHED}/javanese.json",


rule repository:
    output:
        f"{FETCHED}/{{corpus}}.json",
    log:
        f"{FETCHED}/logs/{{corpus}}.log",
    conda:
        "../envs/demo.yaml"
    threads: 1
    params:
        folder=str(Path(FETCHED).parent),
        stage=lambda w: fetch_stage("fetch_repository", **FROM[w.corpus]),
    shell:
        'python "$EMOTIW_PROGRAMS"/fetch_repository.py --folder {params.folder:q}'
        " --output {output:q} --stage {params.stage:q} > {log:q} 2>&1"


rule ravdess_record:
    output:
        f"{FETCHED}/ravdess.record",
    log:
        f"{FETCHED}/logs/ravdess_record.log",
    conda:
        "../envs/demo.yaml"
    threads: 1
    params:
        stage=fetch_stage("fetch_text", url=FROM["ravdess"]),
    shell:
        'python "$EMOTIW_PROGRAMS"/fetch_text.py --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule ravdess_archive:
    input:
        record=rules.ravdess_record.output,
    output:
        f"{FETCHED}/{{archive}}.json",
    log:
        f"{FETCHED}/logs/{{archive}}.log",
    conda:
        "../envs/demo.yaml"
    threads: 1
    params:
        folder=str(Path(FETCHED).parent),
        stage=lambda w: fetch_stage(
            "fetch_ravdess", archive=f"{w.archive}.zip", url=FROM["ravdess"]
        ),
    shell:
        'python "$EMOTIW_PROGRAMS"/fetch_ravdess.py --record {input.record:q} --folder {params.folder:q}'
        " --output {output:q} --stage {params.stage:q} > {log:q} 2>&1"


rule crema_d_table:
    output:
        f"{FETCHED}/crema_d.csv",
    log:
        f"{FETCHED}/logs/crema_d_table.log",
    conda:
        "../envs/demo.yaml"
    threads: 1
    params:
        stage=fetch_stage(
            "fetch_text", url=f"{FROM['pointers']}/processedResults/summaryTable.csv"
        ),
    shell:
        'python "$EMOTIW_PROGRAMS"/fetch_text.py --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule crema_d_actor:
    input:
        table=rules.crema_d_table.output,
    output:
        f"{FETCHED}/{{actor}}.json",
    log:
        f"{FETCHED}/logs/{{actor}}.log",
    conda:
        "../envs/demo.yaml"
    threads: 1
    params:
        folder=str(Path(FETCHED).parent),
        stage=lambda w: fetch_stage(
            "fetch_crema_d",
            actor=w.actor,
            pointers=FROM["pointers"],
            media=FROM["media"],
        ),
    shell:
        'python "$EMOTIW_PROGRAMS"/fetch_crema_d.py --table {input.table:q} --folder {params.folder:q}'
        " --output {output:q} --stage {params.stage:q} > {log:q} 2>&1"


ruleorder: crema_d_actor > repository > ravdess_archive
