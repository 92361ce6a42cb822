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
