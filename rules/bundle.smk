BUNDLED = FILES.bundled()


# The trained system as a folder for `emotiw predict`: safetensors, ONNX and JSON, with a checksum of every file.
rule bundle:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        metrics=LAYOUT.path("evaluate", "metrics"),
        fusion=BUNDLED["fusion"],
        strangers=BUNDLED["strangers"],
        models=BUNDLED["models"],
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
        " --fusion {input.fusion:q} --models {input.models:q} --features {params.features_folder:q}"
        " --weights {input.weights:q} --embeddings {input.embeddings:q} --strangers {input.strangers:q}"
        " --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"
