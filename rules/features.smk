# Makes a rule for each feature that is computed from a clip's faces or waveform alone, without a network. The rows of
# emotiw.jobs.stages say which these are. The program has the name of the feature.
for row in stages.plain_features():

    rule:
        name:
            row.name
        input:
            signal=OUT(row.source),
        output:
            OUT(row.name),
        log:
            LOG(row.name),
        conda:
            f"../envs/{row.modality}.yaml"
        threads: 1
        resources:
            mem_mb=memory(row.name),
            runtime=minutes(row.name),
        params:
            program=f"{row.program or row.name}.py",
            option=f"--{row.source}",
            stage=stage(row.name),
        shell:
            'python "$EMOTIW_PROGRAMS"/{params.program:q} {params.option:q} {input.signal:q} --output {output:q}'
            " --stage {params.stage:q} > {log:q} 2>&1"
