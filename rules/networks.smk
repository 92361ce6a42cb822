# Recurrent networks on the frames of one feature, of either modality.
rule scaler:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: FILES.features(w.feature, w.fold, ["train"]),
    output:
        OUT("scaler"),
    log:
        LOG("scaler"),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory("scaler"),
        runtime=minutes("scaler"),
    params:
        features_folder=folder("features"),
        stage=stage("scaler"),
    shell:
        'python "$EMOTIW_PROGRAMS"/scaler.py --manifest {input.manifest:q}'
        " --features {params.features_folder:q}"
        " --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule gather_frames:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: FILES.features(w.feature, w.fold),
    output:
        OUT("gather_frames"),
    log:
        LOG("gather_frames"),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory("gather_frames"),
        runtime=minutes("gather_frames"),
    params:
        features_folder=folder("features"),
        stage=stage("gather_frames"),
    shell:
        'python "$EMOTIW_PROGRAMS"/gather_frames.py --manifest {input.manifest:q}'
        " --features {params.features_folder:q}"
        " --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule train_blstm:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=rules.gather_frames.output,
        scaler=OUT("scaler"),
    output:
        posteriors=OUT("train_blstm", "posteriors"),
        model=OUT("train_blstm", "model"),
    log:
        LOG("train_blstm"),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory("train_blstm"),
        runtime=minutes("train_blstm"),
        gpu=GPU,
    params:
        stage=stage("train_blstm"),
    shell:
        'python "$EMOTIW_PROGRAMS"/train_blstm.py --manifest {input.manifest:q}'
        " --features {input.features:q}"
        " --scaler {input.scaler:q} --model {output.model:q} --output {output.posteriors:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule blstm_scores:
    input:
        posteriors=lambda w: FILES.networks(w.fold, w.feature),
    output:
        scores=OUT("blstm_scores", "scores"),
        frames=OUT("blstm_scores", "frames"),
    log:
        LOG("blstm_scores"),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory("blstm_scores"),
        runtime=minutes("blstm_scores"),
    params:
        stage=stage("blstm_scores"),
    shell:
        'python "$EMOTIW_PROGRAMS"/blstm_scores.py --posteriors {input.posteriors:q}'
        " --frames {output.frames:q} --output {output.scores:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule learning_curves:
    input:
        scores=lambda w: FILES.of_networks("scores", w.scope),
    output:
        report(
            OUT("learning_curves"),
            caption="../report/learning_curves.rst",
            category="Figures",
        ),
    log:
        LOG("learning_curves"),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("learning_curves"),
        runtime=minutes("learning_curves"),
    params:
        stage=stage("learning_curves"),
    shell:
        'python "$EMOTIW_PROGRAMS"/learning_curves.py --scores {input.scores:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
