rule fusion:
    input:
        manifest=ancient(TABLE),
        about=ancient(ABOUT),
        audio=OUT("audio_scores", "scores"),
        video=lambda w: FILES.video_system(w.fold),
        held_out=lambda w: FILES.inner_audio_scores(w.fold),
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
        " --held-out {input.held_out:q} --output {output:q}"
        " --stage {params.stage:q} > {log:q} 2>&1"
