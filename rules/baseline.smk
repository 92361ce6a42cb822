rule baseline:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: PLAN.features(w.feature, w.fold),
    output:
        f"{RUN}/baseline/{{fold}}/{{feature}}.h5",
    log:
        f"{RUN}/logs/baseline/{{fold}}_{{feature}}.log",
    wildcard_constraints:
        feature="lbp_top|functionals",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(220, PAIRS_MB, ALL_CLIPS),
        runtime=minutes(2, 0.02, ALL_CLIPS),
    params:
        features_folder=folder("features"),
        stage=stage("baseline"),
    shell:
        'python "$EMOTIW_PROGRAMS"/baseline.py --manifest {input.manifest:q}'
        " --features {params.features_folder:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"
