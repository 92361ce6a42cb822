rule fusion:
    input:
        manifest=ancient(TABLE),
        audio=f"{RUN}/audio/{{fold}}/scores.h5",
        video=lambda w: PLAN.video_system(w.fold),
    output:
        f"{RUN}/fusion/{{fold}}/scores.h5",
    log:
        f"{RUN}/logs/fusion/{{fold}}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    params:
        stage=stage("fusion"),
    shell:
        'python "$EMOTIW_PROGRAMS"/fusion.py --manifest {input.manifest:q} --audio {input.audio:q} --video {input.video:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
