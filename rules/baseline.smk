rule baseline:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: FILES.features(w.feature, w.fold),
    output:
        OUT("baseline"),
    log:
        LOG("baseline"),
    wildcard_constraints:
        feature="lbp_top|functionals",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("baseline"),
        runtime=minutes("baseline"),
    params:
        features_folder=folder("features"),
        stage=stage("baseline"),
    shell:
        'python "$EMOTIW_PROGRAMS"/baseline.py --manifest {input.manifest:q}'
        " --features {params.features_folder:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"
