# These rules fetch files, and the nodes of a cluster often have no access to the network.
localrules:
    landmarks,
    alexnet,
    alexnet_fer2013,
    efficientnet_lite0,
    whisper_base,
    face_resnet,
    ready_expression,


rule landmarks:
    output:
        model=layout.weights(PLAN.weights("landmarks")),
        record=layout.weights_record(PLAN.weights("landmarks")),
    log:
        LOG("landmarks"),
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
        model=layout.weights(PLAN.weights("alexnet")),
        record=layout.weights_record(PLAN.weights("alexnet")),
    log:
        LOG("alexnet"),
    conda:
        "../envs/video.yaml"
    threads: 1
    params:
        stage=stage("alexnet"),
    shell:
        'python "$EMOTIW_PROGRAMS"/alexnet.py --output {output.model:q} --record {output.record:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


# Weights that were fine-tuned elsewhere; runs only if the configuration names a file. The digest is the file's hash.
use rule alexnet as alexnet_fer2013 with:
    output:
        model=layout.weights("alexnet_fer2013-{digest}"),
        record=layout.weights_record("alexnet_fer2013-{digest}"),
    log:
        LOG("alexnet_fer2013", "digest"),
    params:
        stage=lambda w: PLAN.stage("alexnet_fer2013"),


# Weights that are fine-tuned here; a stopped job leaves <digest>.partial.safetensors beside its output and resumes it.
rule fine_tune:
    input:
        weights=rules.alexnet.output.model,
        record=rules.alexnet.output.record,
        faces=lambda w: ancient(config["fine_tuning"]["faces"]["path"]),
    output:
        model=layout.weights("fine_tuned-{digest}"),
        record=layout.weights_record("fine_tuned-{digest}"),
    log:
        LOG("fine_tune", "digest"),
    conda:
        "../envs/video.yaml"
    threads: config["fine_tuning"]["threads"]
    resources:
        mem_mb=memory("fine_tune"),
        runtime=minutes("fine_tune"),
        gpu=GPU,
    params:
        stage=lambda w: PLAN.stage("fine_tune"),
    shell:
        'python "$EMOTIW_PROGRAMS"/fine_tune.py --weights {input.weights:q} --faces {input.faces:q}'
        " --output {output.model:q} --record {output.record:q}"
        " --stage {params.stage:q} 2>&1 | tee {log:q}"


# Runs only if an embedding of the configuration has this path, as in examples/embedding.yaml.
rule efficientnet_lite0:
    output:
        model=layout.weights(PLAN.weights("efficientnet_lite0")),
        record=layout.weights_record(PLAN.weights("efficientnet_lite0")),
    log:
        LOG("efficientnet_lite0"),
    conda:
        "../envs/video.yaml"
    threads: 1
    params:
        stage=stage("efficientnet_lite0"),
    shell:
        'python "$EMOTIW_PROGRAMS"/efficientnet_lite0.py --output {output.model:q} --record {output.record:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


# Runs only where the feature whisper is asked for.
rule whisper_base:
    output:
        model=layout.weights(PLAN.weights("whisper_base")),
        record=layout.weights_record(PLAN.weights("whisper_base")),
    log:
        LOG("whisper_base"),
    conda:
        "../envs/video.yaml"
    threads: 1
    params:
        stage=stage("whisper_base"),
    shell:
        'python "$EMOTIW_PROGRAMS"/whisper_base.py --output {output.model:q} --record {output.record:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


# Runs only where the expression network is trained.
rule face_resnet:
    output:
        model=layout.weights(PLAN.weights("face_resnet")),
        record=layout.weights_record(PLAN.weights("face_resnet")),
    log:
        LOG("face_resnet"),
    conda:
        "../envs/video.yaml"
    threads: 1
    params:
        stage=stage("face_resnet"),
    shell:
        'python "$EMOTIW_PROGRAMS"/face_resnet.py --output {output.model:q} --record {output.record:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


# Runs only if the configuration names a network that was trained elsewhere. The digest is the file's hash.
rule ready_expression:
    output:
        model=layout.weights("ready_expression-{digest}"),
        record=layout.weights_record("ready_expression-{digest}"),
    log:
        LOG("ready_expression", "digest"),
    conda:
        "../envs/video.yaml"
    threads: 1
    params:
        stage=lambda w: PLAN.stage("ready_expression"),
    shell:
        'python "$EMOTIW_PROGRAMS"/ready_expression.py --output {output.model:q} --record {output.record:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"


# A stopped job leaves <digest>.partial.safetensors beside its output and resumes it.
rule train_expression:
    input:
        weights=rules.face_resnet.output.model,
        record=rules.face_resnet.output.record,
        faces=lambda w: ancient(config["expression"]["faces"]["path"]),
        votes=lambda w: [
            ancient(path) for path in [config["expression"]["votes"]["path"]] if path
        ],
    output:
        model=layout.weights("expression-{digest}"),
        record=layout.weights_record("expression-{digest}"),
    log:
        LOG("train_expression", "digest"),
    conda:
        "../envs/video.yaml"
    threads: config["expression"]["threads"]
    resources:
        mem_mb=memory("train_expression"),
        runtime=minutes("train_expression"),
        gpu=GPU,
    params:
        stage=lambda w: PLAN.stage("train_expression"),
    shell:
        'python "$EMOTIW_PROGRAMS"/train_expression.py --weights {input.weights:q} --faces {input.faces:q}'
        " --votes {input.votes:q} --output {output.model:q} --record {output.record:q}"
        " --stage {params.stage:q} 2>&1 | tee {log:q}"
