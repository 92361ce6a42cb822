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
