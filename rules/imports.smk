# Features that another program has computed. The process that plans has found and checked the files (PLAN.imports); a
# clip without a file gets a status.
rule imported:
    input:
        manifest=lambda w: ancient(LAYOUT.imports(w.imported)),
        # the job runs again if the content of a file changes, not if its date does
        files=lambda w: [ancient(path) for path in FILES.imported(w.imported, w.job)],
    output:
        OUT("imported"),
    log:
        LOG("imported"),
    conda:
        "../envs/video.yaml"
    threads: 1
    resources:
        mem_mb=memory("imported"),
        runtime=minutes("imported"),
    params:
        stage=stage("imported"),
    shell:
        'python "$EMOTIW_PROGRAMS"/imported.py --manifest {input.manifest:q} --job {wildcards.job:q} --output {output:q}'
        " --stage {params.stage:q} > {log:q} 2>&1"
