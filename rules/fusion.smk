rule fusion:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        audio=f"{RUN}/audio/{{fold}}/scores.h5",
        video=lambda w: PLAN.video_system(w.fold),
        held_out=lambda w: PLAN.held_out(w.fold),
    output:
        f"{RUN}/fusion/{{fold}}/scores.h5",
    log:
        f"{RUN}/logs/fusion/{{fold}}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(200, 0.1, ALL_CLIPS),
        runtime=minutes(2, 0.1, ALL_CLIPS),
    params:
        stage=stage("fusion"),
    shell:
        'python "$EMOTIW_PROGRAMS"/fusion.py --manifest {input.manifest:q} --audio {input.audio:q} --video {input.video:q}'
        " --held-out {input.held_out:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"
