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


rule expression:
    input:
        faces=OUT("faces"),
        weights=lambda w: layout.weights(PLAN.model("expression")),
        record=lambda w: layout.weights_record(PLAN.model("expression")),
    output:
        OUT("expression"),
    log:
        LOG("expression"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("expression"),
        runtime=minutes("expression"),
        gpu=GPU,
    params:
        stage=stage("expression"),
    shell:
        'python "$EMOTIW_PROGRAMS"/expression.py --faces {input.faces:q} --weights {input.weights:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


rule expression_posteriors:
    input:
        expression=OUT("expression"),
        weights=lambda w: layout.weights(PLAN.model("expression")),
        record=lambda w: layout.weights_record(PLAN.model("expression")),
    output:
        OUT("expression_posteriors"),
    log:
        LOG("expression_posteriors"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("expression_posteriors"),
        runtime=minutes("expression_posteriors"),
    params:
        stage=stage("expression_posteriors"),
    shell:
        'python "$EMOTIW_PROGRAMS"/expression_posteriors.py --expression {input.expression:q} --weights {input.weights:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


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
