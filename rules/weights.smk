# They fetch files, and a cluster's nodes often reach no network.
localrules:
    landmarks,
    alexnet,
    alexnet_fer2013,
    efficientnet_lite0,


rule landmarks:
    output:
        model=f"{WEIGHTS}/{PLAN.weights('landmarks')}.dat",
        record=f"{WEIGHTS}/{PLAN.weights('landmarks')}.json",
    log:
        f"{RUN}/logs/landmarks.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    params:
        stage=stage("landmarks"),
    shell:
        'python "$EMOTIW_PROGRAMS"/landmarks.py --output {output.model:q} --record {output.record:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule alexnet:
    output:
        model=f"{WEIGHTS}/{PLAN.weights('alexnet')}.safetensors",
        record=f"{WEIGHTS}/{PLAN.weights('alexnet')}.json",
    log:
        f"{RUN}/logs/alexnet.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    params:
        stage=stage("alexnet"),
    shell:
        'python "$EMOTIW_PROGRAMS"/alexnet.py --output {output.model:q} --record {output.record:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


# Fine-tuned elsewhere; runs only where the configuration names a file, of this hash.
use rule alexnet as alexnet_fer2013 with:
    output:
        model=f"{WEIGHTS}/alexnet_fer2013-{{digest}}.safetensors",
        record=f"{WEIGHTS}/alexnet_fer2013-{{digest}}.json",
    log:
        f"{RUN}/logs/alexnet_fer2013-{{digest}}.log",
    params:
        stage=lambda w: PLAN.stage("alexnet_fer2013"),


# Fine-tuned here; a stopped run leaves <digest>.partial.safetensors beside the output and goes on from it.
rule fine_tune:
    input:
        weights=rules.alexnet.output.model,
        record=rules.alexnet.output.record,
        faces=lambda w: ancient(config["fine_tuning"]["faces"]["path"]),
    output:
        model=f"{WEIGHTS}/fine_tuned-{{digest}}.safetensors",
        record=f"{WEIGHTS}/fine_tuned-{{digest}}.json",
    log:
        f"{RUN}/logs/fine_tune-{{digest}}.log",
    conda:
        "../envs/video.yaml"
    threads: config["fine_tuning"]["threads"]
    resources:
        mem_mb=memory(3600, 0),
        runtime=minutes(20000, 0),
        gpu=GPU,
    params:
        stage=lambda w: PLAN.stage("fine_tune"),
    shell:
        'python "$EMOTIW_PROGRAMS"/fine_tune.py --weights {input.weights:q} --faces {input.faces:q}'
        " --output {output.model:q} --record {output.record:q}"
        " --stage {params.stage:q} 2>&1 | tee {log:q}"


# Runs only where an embedding names this path, as examples/embedding.yaml does.
rule efficientnet_lite0:
    output:
        model=f"{WEIGHTS}/{PLAN.weights('efficientnet_lite0')}.onnx",
        record=f"{WEIGHTS}/{PLAN.weights('efficientnet_lite0')}.json",
    log:
        f"{RUN}/logs/efficientnet_lite0.log",
    conda:
        "../envs/video.yaml"
    threads: 1
    params:
        stage=stage("efficientnet_lite0"),
    shell:
        'python "$EMOTIW_PROGRAMS"/efficientnet_lite0.py --output {output.model:q} --record {output.record:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
