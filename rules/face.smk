rule faces:
    input:
        media=lambda w: [ancient(path) for path in PLAN.media(w.job)],
        landmarks=rules.landmarks.output.model,
        record=rules.landmarks.output.record,
    output:
        f"{RUN}/features/faces/{{job}}.h5",
    log:
        f"{RUN}/logs/faces/{{job}}.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(110, 8),
        runtime=minutes(2, 0.8),
    params:
        stage=stage("faces"),
    shell:
        'python "$EMOTIW_PROGRAMS"/faces.py --media {input.media:q} --landmarks {input.landmarks:q}'
        " --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule faces_film:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        faces=PLAN.features("faces"),
    output:
        report(
            f"{RUN}/report/faces.mp4",
            caption="../report/faces.rst",
            category="Faces",
        ),
    log:
        f"{RUN}/logs/faces_film.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(300, 8, 1),
        runtime=minutes(60, 0.5, ALL_CLIPS),
    params:
        faces_folder=folder("faces"),
        stage=stage("faces_film"),
    shell:
        'python "$EMOTIW_PROGRAMS"/faces_film.py --manifest {input.manifest:q} --faces {params.faces_folder:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule contact_sheet:
    input:
        faces=f"{RUN}/features/faces/{{job}}.h5",
    output:
        f"{RUN}/report/contact_sheets/{{job}}.png",
    log:
        f"{RUN}/logs/contact_sheet/{{job}}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(60, 8),
        runtime=minutes(1, 0.1),
    params:
        stage=stage("contact_sheet"),
    shell:
        'python "$EMOTIW_PROGRAMS"/contact_sheet.py --faces {input.faces:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule contact_page:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        faces=PLAN.features("faces"),
        sheets=PLAN.contact_sheets(),
    output:
        f"{RUN}/report/contact_sheets.html",
    log:
        f"{RUN}/logs/contact_page.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(150, 0.1, ALL_CLIPS),
        runtime=minutes(2, 0.05, ALL_CLIPS),
    params:
        faces_folder=folder("faces"),
        stage=stage("contact_page"),
    shell:
        'python "$EMOTIW_PROGRAMS"/contact_page.py --manifest {input.manifest:q} --faces {params.faces_folder:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
