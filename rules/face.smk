rule faces:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        media=lambda w: [ancient(path) for path in PLAN.protocol.media(w.job)],
        landmarks=rules.landmarks.output.model,
        record=rules.landmarks.output.record,
    output:
        OUT("faces"),
    log:
        LOG("faces"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("faces"),
        runtime=minutes("faces"),
    params:
        stage=stage("faces"),
    shell:
        'python "$EMOTIW_PROGRAMS"/faces.py --manifest {input.manifest:q} --job {wildcards.job:q} --landmarks {input.landmarks:q}'
        " --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule faces_film:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        faces=FILES.features("faces"),
    output:
        report(
            OUT("faces_film"),
            caption="../report/faces.rst",
            category="Faces",
        ),
    log:
        LOG("faces_film"),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("faces_film"),
        runtime=minutes("faces_film"),
    params:
        faces_folder=folder("faces"),
        stage=stage("faces_film"),
    shell:
        'python "$EMOTIW_PROGRAMS"/faces_film.py --manifest {input.manifest:q} --faces {params.faces_folder:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule contact_sheet:
    input:
        faces=OUT("faces"),
    output:
        OUT("contact_sheet"),
    log:
        LOG("contact_sheet"),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("contact_sheet"),
        runtime=minutes("contact_sheet"),
    params:
        stage=stage("contact_sheet"),
    shell:
        'python "$EMOTIW_PROGRAMS"/contact_sheet.py --faces {input.faces:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule contact_page:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        faces=FILES.features("faces"),
        sheets=FILES.contact_sheets(),
    output:
        OUT("contact_page"),
    log:
        LOG("contact_page"),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("contact_page"),
        runtime=minutes("contact_page"),
    params:
        faces_folder=folder("faces"),
        stage=stage("contact_page"),
    shell:
        'python "$EMOTIW_PROGRAMS"/contact_page.py --manifest {input.manifest:q} --faces {params.faces_folder:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
