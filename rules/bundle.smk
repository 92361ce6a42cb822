BUNDLED = PLAN.bundled()


# The trained system as a folder for `emotiw predict`: safetensors, ONNX and JSON, with a checksum of every file.
rule bundle:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        metrics=rules.evaluate.output.metrics,
        fusion=PLAN.per_fold("fusion/{fold}/scores.h5"),
        pca=BUNDLED["pca"],
        kernels=BUNDLED["kernels"],
        classifiers=BUNDLED["classifiers"],
        networks=BUNDLED["networks"],
        features=BUNDLED["features"],
        weights=[
            f"{WEIGHTS}/{name}.{'dat' if name.startswith('landmarks') else 'safetensors'}"
            for name in BUNDLED["models"]
        ],
        records=[f"{WEIGHTS}/{name}.json" for name in BUNDLED["models"]],
        # their checksums decide, not their dates
        embeddings=[ancient(path) for path in BUNDLED["embeddings"]],
    output:
        directory(f"{RUN}/bundle"),
    log:
        f"{RUN}/logs/bundle.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(700, 0.5, ALL_CLIPS),
        runtime=minutes(10, 0.1, ALL_CLIPS),
    params:
        features_folder=folder("features", levels=2),
        stage=stage("bundle"),
    shell:
        'python "$EMOTIW_PROGRAMS"/bundle.py --manifest {input.manifest:q} --metrics {input.metrics:q}'
        " --fusion {input.fusion:q} --pca {input.pca:q} --kernels {input.kernels:q}"
        " --classifiers {input.classifiers:q} --networks {input.networks:q} --features {params.features_folder:q}"
        " --weights {input.weights:q} --embeddings {input.embeddings:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"
