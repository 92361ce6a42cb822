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


# Runs only with augmentation.copies.
rule augmented_whisper:
    input:
        audio=OUT("audio"),
        weights=layout.weights(PLAN.weights("whisper_base")),
        record=layout.weights_record(PLAN.weights("whisper_base")),
    output:
        OUT("augmented_whisper"),
    log:
        LOG("augmented_whisper"),
    conda:
        "../envs/audio.yaml"
    threads: 1
    resources:
        mem_mb=memory("augmented_whisper"),
        runtime=minutes("augmented_whisper"),
        gpu=GPU,
    params:
        stage=stage("augmented_whisper"),
    shell:
        'python "$EMOTIW_PROGRAMS"/augmented_whisper.py --audio {input.audio:q} --weights {input.weights:q}'
        " --output {output:q} --stage {params.stage:q} > {log:q} 2>&1"


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
