rule audio:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        media=lambda w: [ancient(path) for path in PLAN.protocol.media(w.job)],
    output:
        OUT("audio"),
    log:
        LOG("audio"),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory("audio"),
        runtime=minutes("audio"),
    params:
        stage=stage("audio"),
    shell:
        'python "$EMOTIW_PROGRAMS"/audio.py --manifest {input.manifest:q} --job {wildcards.job:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule whisper:
    input:
        audio=OUT("audio"),
        weights=layout.weights(PLAN.weights("whisper_base")),
        record=layout.weights_record(PLAN.weights("whisper_base")),
    output:
        OUT("whisper"),
    log:
        LOG("whisper"),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory("whisper"),
        runtime=minutes("whisper"),
        gpu=GPU,
    params:
        stage=stage("whisper"),
    shell:
        'python "$EMOTIW_PROGRAMS"/whisper.py --audio {input.audio:q} --weights {input.weights:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule sound_embedding:
    input:
        audio=OUT("audio"),
        # the job runs again if its checksum changes, not if its date does
        network=lambda w: ancient(config["sound_embeddings"][w.sound_embedding]["path"]),
    output:
        OUT("sound_embedding"),
    log:
        LOG("sound_embedding"),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory("sound_embedding"),
        runtime=minutes("sound_embedding"),
        gpu=GPU,
    params:
        stage=stage("sound_embedding"),
    shell:
        'python "$EMOTIW_PROGRAMS"/sound_embedding.py --audio {input.audio:q} --network {input.network:q}'
        " --output {output:q} --stage {params.stage:q} > {log:q} 2>&1"


rule scaler:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: FILES.features("egemaps", w.fold, ["train"]),
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


rule gather_egemaps:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: FILES.features("egemaps", w.fold),
    output:
        OUT("gather_egemaps"),
    log:
        LOG("gather_egemaps"),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory("gather_egemaps"),
        runtime=minutes("gather_egemaps"),
    params:
        features_folder=folder("features"),
        stage=stage("gather_egemaps"),
    shell:
        'python "$EMOTIW_PROGRAMS"/gather_egemaps.py --manifest {input.manifest:q}'
        " --features {params.features_folder:q}"
        " --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule train_blstm:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=rules.gather_egemaps.output,
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


rule audio_scores:
    input:
        posteriors=lambda w: FILES.networks(w.fold),
    output:
        scores=OUT("audio_scores", "scores"),
        frames=OUT("audio_scores", "frames"),
    log:
        LOG("audio_scores"),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory("audio_scores"),
        runtime=minutes("audio_scores"),
    params:
        stage=stage("audio_scores"),
    shell:
        'python "$EMOTIW_PROGRAMS"/audio_scores.py --posteriors {input.posteriors:q}'
        " --frames {output.frames:q} --output {output.scores:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule learning_curves:
    input:
        scores=FILES.per_fold("audio_scores", "scores"),
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
