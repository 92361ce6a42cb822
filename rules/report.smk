rule evaluate:
    input:
        manifest=ancient(TABLE),
        fusion=PLAN.per_fold("fusion/{fold}/scores.h5"),
        audio_scores=PLAN.all_audio_scores(),
        video_scores=PLAN.all_video_scores(),
        faces=PLAN.features("faces"),
        audio=PLAN.features("audio"),
    output:
        metrics=f"{RUN}/report/metrics.json",
        predictions=f"{RUN}/report/predictions.csv",
        scores=f"{RUN}/report/scores.csv.gz",
        ledger=f"{RUN}/report/ledger.json",
    log:
        f"{RUN}/logs/evaluate.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    params:
        audio_folder=folder("audio"),
        faces_folder=folder("faces"),
        stage=stage("evaluate"),
    shell:
        'python "$EMOTIW_PROGRAMS"/evaluate.py --manifest {input.manifest:q} --fusion {input.fusion:q}'
        " --audio-scores {input.audio_scores:q} --video-scores {input.video_scores:q}"
        " --faces {params.faces_folder:q} --audio {params.audio_folder:q}"
        " --predictions {output.predictions:q} --scores {output.scores:q}"
        " --ledger {output.ledger:q} --output {output.metrics:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule tables:
    input:
        metrics=rules.evaluate.output.metrics,
    output:
        classifiers=f"{RUN}/report/tables/table5_6_classifiers.csv",
        kernels=f"{RUN}/report/tables/table5_6_kernels.csv",
        combinations=f"{RUN}/report/tables/table7_combinations.csv",
        text=f"{RUN}/report/tables/tables.md",
        tables=f"{RUN}/report/tables/tables.json",
    log:
        f"{RUN}/logs/tables.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    params:
        stage=stage("tables"),
    shell:
        'python "$EMOTIW_PROGRAMS"/tables.py --metrics {input.metrics:q}'
        " --classifiers {output.classifiers:q} --kernels {output.kernels:q} --combinations {output.combinations:q}"
        " --text {output.text:q} --output {output.tables:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


# Runs only where labels are hidden.
rule submission:
    input:
        manifest=ancient(TABLE),
        predictions=rules.evaluate.output.predictions,
    output:
        PLAN.submission(),
    log:
        f"{RUN}/logs/submission.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    params:
        folder=f"{RUN}/report/submission",
        stage=stage("submission"),
    shell:
        'python "$EMOTIW_PROGRAMS"/submission.py --manifest {input.manifest:q}'
        " --predictions {input.predictions:q} --output {params.folder:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule report:
    input:
        manifest=ancient(TABLE),
        metrics=rules.evaluate.output.metrics,
        predictions=rules.evaluate.output.predictions,
        faces=PLAN.features("faces"),
        records=[
            *(f"{WEIGHTS}/{name}.json" for name in PLAN.models()),
            *(
                rule.output.record
                for rule in [rules.efficientnet_lite0]
                if rule.output.model in PLAN.embedding_files()
            ),
        ],
        # these are linked to, not read
        contact_page=ancient(rules.contact_page.output),
        learning_curves=ancient(rules.learning_curves.output),
    output:
        f"{RUN}/report/report.html",
    log:
        f"{RUN}/logs/report.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    params:
        faces_folder=folder("faces"),
        stage=stage("report"),
    shell:
        'python "$EMOTIW_PROGRAMS"/report.py --manifest {input.manifest:q}'
        " --metrics {input.metrics:q} --predictions {input.predictions:q}"
        " --faces {params.faces_folder:q} --provenance-records {input.records:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule crate:
    input:
        manifest=ancient(TABLE),
        results=[
            *(rules.evaluate.output[name] for name in ("metrics", "predictions")),
            *rules.tables.output,
            *rules.report.output,
        ],
        records=rules.report.input.records,
    output:
        f"{RUN}/report/run_crate.zip",
    log:
        f"{RUN}/logs/crate.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    params:
        report_folder=f"{RUN}/report",
        workflow_files=PLAN.workflow_files(),
        stage=stage("crate"),
    shell:
        'python "$EMOTIW_PROGRAMS"/crate.py --manifest {input.manifest:q} --report {params.report_folder:q}'
        " --results {input.results:q} --workflow {params.workflow_files:q}"
        " --provenance-records {input.records:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"
