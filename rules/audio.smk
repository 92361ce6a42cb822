# eGeMAPS frames of a clip in memory; measured with 88 values a frame
EGEMAPS_VALUES = {"functionals": 88, "low_level": 26, "both": 114}[
    config["egemaps"]["mode"]
] * (1 + config["egemaps"]["deltas"])
FRAMES_MB = 0.1 * max(1, EGEMAPS_VALUES / 88)


rule audio:
    input:
        media=lambda w: [ancient(path) for path in PLAN.media(w.job)],
    output:
        f"{RUN}/features/audio/{{job}}.h5",
    log:
        f"{RUN}/logs/audio/{{job}}.log",
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(80, 0.5),
        runtime=minutes(2, 0.04),
    params:
        stage=stage("audio"),
    shell:
        'python "$EMOTIW_PROGRAMS"/audio.py --media {input.media:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule egemaps:
    input:
        audio=f"{RUN}/features/audio/{{job}}.h5",
    output:
        f"{RUN}/features/egemaps/{{job}}.h5",
    log:
        f"{RUN}/logs/egemaps/{{job}}.log",
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(160, 0.2),
        runtime=minutes(1, 0.06),
    params:
        stage=stage("egemaps"),
    shell:
        'python "$EMOTIW_PROGRAMS"/egemaps.py --audio {input.audio:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule functionals:
    input:
        audio=f"{RUN}/features/audio/{{job}}.h5",
    output:
        f"{RUN}/features/functionals/{{job}}.h5",
    log:
        f"{RUN}/logs/functionals/{{job}}.log",
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(165, 0.9),
        runtime=minutes(1, 0.03),
    params:
        stage=stage("functionals"),
    shell:
        'python "$EMOTIW_PROGRAMS"/functionals.py --audio {input.audio:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule scaler:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        features=lambda w: PLAN.features("egemaps", w.fold, ["train"]),
    output:
        f"{RUN}/audio/{{fold}}/scaler.h5",
    log:
        f"{RUN}/logs/scaler/{{fold}}.log",
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(100, FRAMES_MB, ALL_CLIPS),
        runtime=minutes(1, 0.01, ALL_CLIPS),
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
        features=lambda w: PLAN.features("egemaps", w.fold),
    output:
        f"{RUN}/audio/{{fold}}/egemaps.h5",
    log:
        f"{RUN}/logs/gather_egemaps/{{fold}}.log",
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(100, FRAMES_MB, ALL_CLIPS),
        runtime=minutes(1, 0.01, ALL_CLIPS),
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
        scaler=f"{RUN}/audio/{{fold}}/scaler.h5",
    output:
        posteriors=f"{RUN}/audio/{{fold}}/blstm/{{architecture}}_{{repeat}}.h5",
        model=f"{RUN}/audio/{{fold}}/blstm/{{architecture}}_{{repeat}}.safetensors",
    log:
        f"{RUN}/logs/train_blstm/{{fold}}_{{architecture}}_{{repeat}}.log",
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(490, FRAMES_MB, ALL_CLIPS),
        runtime=minutes(10, 6, ALL_CLIPS),
    params:
        stage=stage("train_blstm"),
    shell:
        'python "$EMOTIW_PROGRAMS"/train_blstm.py --manifest {input.manifest:q}'
        " --features {input.features:q}"
        " --scaler {input.scaler:q} --model {output.model:q} --output {output.posteriors:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule audio_scores:
    input:
        posteriors=lambda w: PLAN.networks(w.fold),
    output:
        scores=f"{RUN}/audio/{{fold}}/scores.h5",
        frames=f"{RUN}/audio/{{fold}}/frames.h5",
    log:
        f"{RUN}/logs/audio_scores/{{fold}}.log",
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory(200, 0.2, ALL_CLIPS),
        runtime=minutes(4, 0.05, ALL_CLIPS),
    params:
        stage=stage("audio_scores"),
    shell:
        'python "$EMOTIW_PROGRAMS"/audio_scores.py --posteriors {input.posteriors:q}'
        " --frames {output.frames:q} --output {output.scores:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"


rule learning_curves:
    input:
        scores=PLAN.per_fold("audio/{fold}/scores.h5"),
    output:
        report(
            f"{RUN}/report/learning_curves.svg",
            caption="../report/learning_curves.rst",
            category="Figures",
        ),
    log:
        f"{RUN}/logs/learning_curves.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(300, 0, ALL_CLIPS),
        runtime=minutes(10, 0, ALL_CLIPS),
    params:
        stage=stage("learning_curves"),
    shell:
        'python "$EMOTIW_PROGRAMS"/learning_curves.py --scores {input.scores:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
