rule evaluate:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        fusion=lambda w: FILES.per_fold("fusion", scope=w.scope),
        audio_scores=lambda w: FILES.scores("audio", w.scope),
        video_scores=lambda w: FILES.scores("video", w.scope),
        faces=lambda w: FILES.signal("faces", w.scope),
        audio=lambda w: FILES.signal("audio", w.scope),
        records=lambda w: FILES.weights_records(w.scope),
    output:
        metrics=report(
            OUT("evaluate", "metrics"),
            caption="../report/metrics.rst",
            category="Numbers",
        ),
        predictions=report(
            OUT("evaluate", "predictions"),
            caption="../report/predictions.rst",
            category="Numbers",
        ),
        scores=OUT("evaluate", "scores"),
        ledger=OUT("evaluate", "ledger"),
    log:
        LOG("evaluate"),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("evaluate"),
        runtime=minutes("evaluate"),
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
            OUT("tables", "classifiers"),
            caption="../report/table5_6_classifiers.rst",
            category="Tables of the paper",
        ),
        kernels=report(
            OUT("tables", "kernels"),
            caption="../report/table5_6_kernels.rst",
            category="Tables of the paper",
        ),
        combinations=report(
            OUT("tables", "combinations"),
            caption="../report/table7_combinations.rst",
            category="Tables of the paper",
        ),
        classifiers_latex=OUT("tables", "classifiers_latex"),
        kernels_latex=OUT("tables", "kernels_latex"),
        combinations_latex=OUT("tables", "combinations_latex"),
        text=OUT("tables", "text"),
        tables=OUT("tables", "tables"),
    log:
        LOG("tables"),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("tables"),
        runtime=minutes("tables"),
    params:
        stage=stage("tables"),
    shell:
        'python "$EMOTIW_PROGRAMS"/tables.py --metrics {input.metrics:q}'
        " --classifiers {output.classifiers:q} --kernels {output.kernels:q} --combinations {output.combinations:q}"
        " --classifiers-latex {output.classifiers_latex:q} --kernels-latex {output.kernels_latex:q}"
        " --combinations-latex {output.combinations_latex:q}"
        " --text {output.text:q} --output {output.tables:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


# Runs only if labels are hidden.
rule submission:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        predictions=LAYOUT.path("evaluate", "predictions"),
    output:
        FILES.submission(),
    log:
        LOG("submission"),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("submission"),
        runtime=minutes("submission"),
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
        fusion=lambda w: FILES.per_fold("fusion", scope=w.scope),
        frames=lambda w: FILES.courses(w.scope),
        faces=lambda w: FILES.signal("faces", w.scope),
        records=lambda w: FILES.weights_records(w.scope),
        # the page links to these files and does not read them
        contact_page=lambda w: ancient(FILES.contact_page(w.scope)),
        learning_curves=ancient(rules.learning_curves.output),
    output:
        page=report(
            OUT("report", "page"),
            caption="../report/page.rst",
            category="The report",
        ),
        figures=[
            report(
                OUT("report", name),
                caption=f"../report/{name}.rst",
                category="Figures",
            )
            for name in layout.FIGURES
        ],
    log:
        LOG("report"),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("report"),
        runtime=minutes("report"),
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
            LAYOUT.path("evaluate", "metrics"),
            LAYOUT.path("evaluate", "predictions"),
            *(LAYOUT.path("tables", name) for name in layout.OUTPUTS["tables"]),
            *(LAYOUT.path("report", name) for name in layout.OUTPUTS["report"]),
        ],
        records=FILES.weights_records(),
    output:
        OUT("crate"),
    log:
        LOG("crate"),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("crate"),
        runtime=minutes("crate"),
    params:
        report_folder=folder("results"),
        workflow_files=plan.workflow_files(),
        stage=stage("crate"),
    shell:
        'python "$EMOTIW_PROGRAMS"/crate.py --manifest {input.manifest:q} --report {params.report_folder:q}'
        " --results {input.results:q} --workflow {params.workflow_files:q}"
        " --provenance-records {input.records:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"
