# Scores of the clips of a fold, by every classifier but networks; features of both modalities.
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


rule kernel_scores:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        kernels=OUT("kernels"),
    output:
        scores=OUT("kernel_scores", "scores"),
        model=OUT("kernel_scores", "model"),
    log:
        LOG("kernel_scores"),
    wildcard_constraints:
        classifier="|".join(stages.classifiers("kernel_scores")),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("kernel_scores"),
        runtime=minutes("kernel_scores"),
    params:
        stage=stage("kernel_scores"),
    shell:
        'python "$EMOTIW_PROGRAMS"/kernel_scores.py --manifest {input.manifest:q} --kernels {input.kernels:q}'
        " --model {output.model:q} --output {output.scores:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule pooled_scores:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: FILES.features(w.feature, w.fold),
        copies=lambda w: FILES.copies(w.feature, w.fold),
    output:
        scores=OUT("pooled_scores", "scores"),
        model=OUT("pooled_scores", "model"),
    log:
        LOG("pooled_scores"),
    wildcard_constraints:
        classifier="|".join(stages.classifiers("pooled_scores")),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("pooled_scores"),
        runtime=minutes("pooled_scores"),
    params:
        features_folder=folder("features"),
        stage=stage("pooled_scores"),
    shell:
        'python "$EMOTIW_PROGRAMS"/pooled_scores.py --manifest {input.manifest:q}'
        " --features {params.features_folder:q} --model {output.model:q} --output {output.scores:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule average_scores:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: FILES.features(w.feature, w.fold),
    output:
        OUT("average_scores", "scores"),
    log:
        LOG("average_scores"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("average_scores"),
        runtime=minutes("average_scores"),
    params:
        features_folder=folder("features"),
        stage=stage("average_scores"),
    shell:
        'python "$EMOTIW_PROGRAMS"/average_scores.py --manifest {input.manifest:q}'
        " --features {params.features_folder:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule combination:
    input:
        scores=lambda w: FILES.combined(w.fold, w.features, w.classifier),
    output:
        OUT("combination"),
    log:
        LOG("combination"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("combination"),
        runtime=minutes("combination"),
    params:
        stage=stage("combination"),
    shell:
        'python "$EMOTIW_PROGRAMS"/combination.py --scores {input.scores:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
