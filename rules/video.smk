rule cnn:
    input:
        faces=OUT("faces"),
        weights=rules.alexnet.output.model,
        record=rules.alexnet.output.record,
    output:
        OUT("cnn"),
    log:
        LOG("cnn"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("cnn"),
        runtime=minutes("cnn"),
        gpu=GPU,
    params:
        stage=stage("cnn"),
    shell:
        'python "$EMOTIW_PROGRAMS"/cnn.py --faces {input.faces:q} --weights {input.weights:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


use rule cnn as cnn_fer2013 with:
    input:
        faces=OUT("faces"),
        weights=lambda w: layout.weights(PLAN.model("cnn_fer2013")),
        record=lambda w: layout.weights_record(PLAN.model("cnn_fer2013")),
    output:
        OUT("cnn_fer2013"),
    log:
        LOG("cnn_fer2013"),
    params:
        stage=stage("cnn_fer2013"),


rule embedding:
    input:
        faces=OUT("faces"),
        # the job runs again if its checksum changes, not if its date does
        network=lambda w: ancient(config["embeddings"][w.embedding]["path"]),
    output:
        OUT("embedding"),
    log:
        LOG("embedding"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("embedding"),
        runtime=minutes("embedding"),
        gpu=GPU,
    params:
        stage=stage("embedding"),
    shell:
        'python "$EMOTIW_PROGRAMS"/embedding.py --faces {input.faces:q} --network {input.network:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule pca:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: FILES.features(w.feature, w.fold, ["train"]),
    output:
        OUT("pca"),
    log:
        LOG("pca"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("pca"),
        runtime=minutes("pca"),
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
        features=lambda w: FILES.features(w.feature, w.fold),
        pca=OUT("pca"),
    output:
        OUT("kernels"),
    log:
        LOG("kernels"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("kernels"),
        runtime=minutes("kernels"),
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
        kernels=OUT("kernels"),
    output:
        scores=OUT("video_scores", "scores"),
        model=OUT("video_scores", "model"),
    log:
        LOG("video_scores"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("video_scores"),
        runtime=minutes("video_scores"),
    params:
        stage=stage("video_scores"),
    shell:
        'python "$EMOTIW_PROGRAMS"/video_scores.py --manifest {input.manifest:q} --kernels {input.kernels:q}'
        " --model {output.model:q} --output {output.scores:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule video_combination:
    input:
        scores=lambda w: FILES.combined(w.fold, w.features, w.classifier),
    output:
        OUT("video_combination"),
    log:
        LOG("video_combination"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("video_combination"),
        runtime=minutes("video_combination"),
    params:
        stage=stage("video_combination"),
    shell:
        'python "$EMOTIW_PROGRAMS"/video_combination.py --scores {input.scores:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
