BUNDLED = FILES.bundled()


# The trained system as a folder for `emotiw predict`: safetensors, ONNX and JSON, with a checksum of every file.
rule bundle:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        metrics=rules.evaluate.output.metrics,
        fusion=FILES.per_fold("fusion"),
        pca=BUNDLED["pca"],
        kernels=BUNDLED["kernels"],
        classifiers=BUNDLED["classifiers"],
        networks=BUNDLED["networks"],
        features=BUNDLED["features"],
        weights=BUNDLED["weights"],
        records=BUNDLED["records"],
        # the job runs again if their checksums change, not if their dates do
        embeddings=[ancient(path) for path in BUNDLED["embeddings"]],
    output:
        directory(OUT("bundle")),
    log:
        LOG("bundle"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("bundle"),
        runtime=minutes("bundle"),
    params:
        features_folder=folder("features", levels=2),
        stage=stage("bundle"),
    shell:
        'python "$EMOTIW_PROGRAMS"/bundle.py --manifest {input.manifest:q} --metrics {input.metrics:q}'
        " --fusion {input.fusion:q} --pca {input.pca:q} --kernels {input.kernels:q}"
        " --classifiers {input.classifiers:q} --networks {input.networks:q} --features {params.features_folder:q}"
        " --weights {input.weights:q} --embeddings {input.embeddings:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"
