rule fusion:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        audio=lambda w: FILES.fused(w.fold, "audio", w.scope),
        video=lambda w: FILES.fused(w.fold, "video", w.scope),
        held_out_audio=lambda w: FILES.inner_scores(w.fold, "audio", w.scope),
        held_out_video=lambda w: FILES.inner_scores(w.fold, "video", w.scope),
    output:
        OUT("fusion"),
    log:
        LOG("fusion"),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("fusion"),
        runtime=minutes("fusion"),
    params:
        stage=stage("fusion"),
    shell:
        'python "$EMOTIW_PROGRAMS"/fusion.py --manifest {input.manifest:q} --audio {input.audio:q} --video {input.video:q}'
        " --held-out-audio {input.held_out_audio:q} --held-out-video {input.held_out_video:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"
