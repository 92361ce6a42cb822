FIGURES = ("systems", "classifiers", "figure4", "recall", "gains", "weights")
WEIGHTS_RECORDS = [f"{WEIGHTS}/{name}.json" for name in PLAN.models()]
if rules.efficientnet_lite0.output.model in PLAN.embedding_files():
    WEIGHTS_RECORDS.append(rules.efficientnet_lite0.output.record)


rule evaluate:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        fusion=PLAN.per_fold("fusion/{fold}/scores.h5"),
        audio_scores=PLAN.all_audio_scores(),
        video_scores=PLAN.all_video_scores(),
        faces=PLAN.features("faces"),
        audio=PLAN.features("audio"),
        records=WEIGHTS_RECORDS,
    output:
        metrics=report(
            f"{RUN}/report/metrics.json",
            caption="../report/metrics.rst",
            category="Numbers",
        ),
        predictions=report(
            f"{RUN}/report/predictions.csv",
            caption="../report/predictions.rst",
            category="Numbers",
        ),
        scores=f"{RUN}/report/scores.csv.gz",
        ledger=f"{RUN}/report/ledger.json",
    log:
        f"{RUN}/logs/evaluate.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(250, 0.3, ALL_CLIPS),
        runtime=minutes(5, 0.1, ALL_CLIPS),
    params:
        audio_folder=folder("audio"),
        faces_folder=folder("faces"),
        stage=stage("evaluate"),
    shell:
        'python "$EMOTIW_PROGRAMS"/evaluate.py --manifest {input.manifest:q} --fusion {input.fusion:q}'
        " --audio-scores {input.audio_scores:q} --video-scores {input.video_scores:q}"
        " --faces {params.faces_folder:q} --audio {params.audio_folder:q}"
        " --predictions {output.predictions:q} --scores {output.scores:q}"
        " --weights-records {input.records:q} --ledger {output.ledger:q} --output {output.metrics:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule tables:
    input:
        metrics=rules.evaluate.output.metrics,
    output:
        classifiers=report(
            f"{RUN}/report/tables/table5_6_classifiers.csv",
            caption="../report/table5_6_classifiers.rst",
            category="Tables of the paper",
        ),
        kernels=report(
            f"{RUN}/report/tables/table5_6_kernels.csv",
            caption="../report/table5_6_kernels.rst",
            category="Tables of the paper",
        ),
        combinations=report(
            f"{RUN}/report/tables/table7_combinations.csv",
            caption="../report/table7_combinations.rst",
            category="Tables of the paper",
        ),
        classifiers_latex=f"{RUN}/report/tables/table5_6_classifiers.tex",
        kernels_latex=f"{RUN}/report/tables/table5_6_kernels.tex",
        combinations_latex=f"{RUN}/report/tables/table7_combinations.tex",
        text=f"{RUN}/report/tables/tables.md",
        tables=f"{RUN}/report/tables/tables.json",
    log:
        f"{RUN}/logs/tables.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(120, 0),
        runtime=minutes(1, 0),
    params:
        stage=stage("tables"),
    shell:
        'python "$EMOTIW_PROGRAMS"/tables.py --metrics {input.metrics:q}'
        " --classifiers {output.classifiers:q} --kernels {output.kernels:q} --combinations {output.combinations:q}"
        " --classifiers-latex {output.classifiers_latex:q} --kernels-latex {output.kernels_latex:q}"
        " --combinations-latex {output.combinations_latex:q}"
        " --text {output.text:q} --output {output.tables:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


# Runs only where labels are hidden.
rule submission:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        predictions=rules.evaluate.output.predictions,
    output:
        PLAN.submission(),
    log:
        f"{RUN}/logs/submission.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(120, 0),
        runtime=minutes(1, 0),
    params:
        folder=lambda w, output: str(Path(output[0]).parent),
        stage=stage("submission"),
    shell:
        'python "$EMOTIW_PROGRAMS"/submission.py --manifest {input.manifest:q}'
        " --predictions {input.predictions:q} --output {params.folder:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule report:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        metrics=rules.evaluate.output.metrics,
        predictions=rules.evaluate.output.predictions,
        scores=rules.evaluate.output.scores,
        ledger=rules.evaluate.output.ledger,
        fusion=PLAN.per_fold("fusion/{fold}/scores.h5"),
        frames=PLAN.per_fold("audio/{fold}/frames.h5"),
        faces=PLAN.features("faces"),
        records=WEIGHTS_RECORDS,
        # these are linked to, not read
        contact_page=ancient(rules.contact_page.output),
        learning_curves=ancient(rules.learning_curves.output),
    output:
        page=report(
            f"{RUN}/report/report.html",
            caption="../report/page.rst",
            category="The report",
        ),
        figures=[
            report(
                f"{RUN}/report/figures/{name}.svg",
                caption=f"../report/{name}.rst",
                category="Figures",
            )
            for name in FIGURES
        ],
    log:
        f"{RUN}/logs/report.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(300, 0.25, ALL_CLIPS),
        runtime=minutes(5, 0.05, ALL_CLIPS),
    params:
        faces_folder=folder("faces"),
        stage=stage("report"),
    shell:
        'python "$EMOTIW_PROGRAMS"/report.py --manifest {input.manifest:q}'
        " --metrics {input.metrics:q} --predictions {input.predictions:q} --scores {input.scores:q}"
        " --ledger {input.ledger:q} --fusion {input.fusion:q} --frames {input.frames:q}"
        " --faces {params.faces_folder:q} --provenance-records {input.records:q}"
        " --figures {output.figures:q} --output {output.page:q}"
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
    resources:
        mem_mb=memory(250, 0.1, ALL_CLIPS),
        runtime=minutes(5, 0.05, ALL_CLIPS),
    params:
        report_folder=folder("results"),
        workflow_files=PLAN.workflow_files(),
        stage=stage("crate"),
    shell:
        'python "$EMOTIW_PROGRAMS"/crate.py --manifest {input.manifest:q} --report {params.report_folder:q}'
        " --results {input.results:q} --workflow {params.workflow_files:q}"
        " --provenance-records {input.records:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"
