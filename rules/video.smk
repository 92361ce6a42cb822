rule cnn:
    input:
        faces=f"{RUN}/features/faces/{{job}}.h5",
        weights=rules.alexnet.output.model,
        record=rules.alexnet.output.record,
    output:
        f"{RUN}/features/cnn/{{job}}.h5",
    log:
        f"{RUN}/logs/cnn/{{job}}.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(440, 12),
        runtime=minutes(4, 1.1),
        gpu=GPU,
    params:
        stage=stage("cnn"),
    shell:
        'python "$EMOTIW_PROGRAMS"/cnn.py --faces {input.faces:q} --weights {input.weights:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


use rule cnn as cnn_fer2013 with:
    input:
        faces=f"{RUN}/features/faces/{{job}}.h5",
        weights=lambda w: f"{WEIGHTS}/{PLAN.model('cnn_fer2013')}.safetensors",
        record=lambda w: f"{WEIGHTS}/{PLAN.model('cnn_fer2013')}.json",
    output:
        f"{RUN}/features/cnn_fer2013/{{job}}.h5",
    log:
        f"{RUN}/logs/cnn_fer2013/{{job}}.log",
    params:
        stage=stage("cnn_fer2013"),


rule dense_sift:
    input:
        faces=f"{RUN}/features/faces/{{job}}.h5",
    output:
        f"{RUN}/features/dense_sift/{{job}}.h5",
    log:
        f"{RUN}/logs/dense_sift/{{job}}.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(100, 7.5),
        runtime=minutes(1, 0.11),
    params:
        stage=stage("dense_sift"),
    shell:
        'python "$EMOTIW_PROGRAMS"/dense_sift.py --faces {input.faces:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule hog:
    input:
        faces=f"{RUN}/features/faces/{{job}}.h5",
    output:
        f"{RUN}/features/hog/{{job}}.h5",
    log:
        f"{RUN}/logs/hog/{{job}}.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(95, 5),
        runtime=minutes(1, 0.07),
    params:
        stage=stage("hog"),
    shell:
        'python "$EMOTIW_PROGRAMS"/hog.py --faces {input.faces:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule lbp_top:
    input:
        faces=f"{RUN}/features/faces/{{job}}.h5",
    output:
        f"{RUN}/features/lbp_top/{{job}}.h5",
    log:
        f"{RUN}/logs/lbp_top/{{job}}.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(95, 5),
        runtime=minutes(1, 0.08),
    params:
        stage=stage("lbp_top"),
    shell:
        'python "$EMOTIW_PROGRAMS"/lbp_top.py --faces {input.faces:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule embedding:
    input:
        faces=f"{RUN}/features/faces/{{job}}.h5",
        # its checksum decides, not its date
        network=lambda w: ancient(config["embeddings"][w.embedding]["path"]),
    output:
        f"{RUN}/features/{{embedding}}/{{job}}.h5",
    log:
        f"{RUN}/logs/embedding/{{embedding}}/{{job}}.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(440, 12),
        runtime=minutes(4, 2),
    params:
        stage=stage("embedding"),
    shell:
        'python "$EMOTIW_PROGRAMS"/embedding.py --faces {input.faces:q} --network {input.network:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule pca:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: PLAN.features(w.feature, w.fold, ["train"]),
    output:
        f"{RUN}/video/{{fold}}/{{feature}}/pca.h5",
    log:
        f"{RUN}/logs/pca/{{fold}}_{{feature}}.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(180, 2.8, ALL_CLIPS),
        runtime=minutes(2, 0.06, ALL_CLIPS),
    params:
        features_folder=folder("features"),
        stage=stage("pca"),
    shell:
        'python "$EMOTIW_PROGRAMS"/pca.py --manifest {input.manifest:q}'
        " --features {params.features_folder:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule kernels:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: PLAN.features(w.feature, w.fold),
        pca=f"{RUN}/video/{{fold}}/{{feature}}/pca.h5",
    output:
        f"{RUN}/video/{{fold}}/{{feature}}/kernels.h5",
    log:
        f"{RUN}/logs/kernels/{{fold}}_{{feature}}.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(190, 0.1 + PAIRS_MB, ALL_CLIPS),
        runtime=minutes(2, 0.06, ALL_CLIPS),
    params:
        features_folder=folder("features"),
        stage=stage("kernels"),
    shell:
        'python "$EMOTIW_PROGRAMS"/kernels.py --manifest {input.manifest:q}'
        " --features {params.features_folder:q}"
        " --pca {input.pca:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule video_scores:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        kernels=f"{RUN}/video/{{fold}}/{{feature}}/kernels.h5",
    output:
        scores=f"{RUN}/video/{{fold}}/{{feature}}/{{classifier}}.h5",
        model=f"{RUN}/video/{{fold}}/{{feature}}/{{classifier}}_coefficients.h5",
    log:
        f"{RUN}/logs/video_scores/{{fold}}_{{feature}}_{{classifier}}.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(200, PAIRS_MB, ALL_CLIPS),
        runtime=minutes(4, 0.03, ALL_CLIPS),
    params:
        stage=stage("video_scores"),
    shell:
        'python "$EMOTIW_PROGRAMS"/video_scores.py --manifest {input.manifest:q} --kernels {input.kernels:q}'
        " --model {output.model:q} --output {output.scores:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule video_combination:
    input:
        scores=lambda w: PLAN.combined(w.fold, w.features, w.classifier),
    output:
        f"{RUN}/video/{{fold}}/combined/{{features}}/{{classifier}}.h5",
    log:
        f"{RUN}/logs/video_combination/{{fold}}_{{features}}_{{classifier}}.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory(120, 0.01, ALL_CLIPS),
        runtime=minutes(1, 0),
    params:
        stage=stage("video_combination"),
    shell:
        'python "$EMOTIW_PROGRAMS"/video_combination.py --scores {input.scores:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
