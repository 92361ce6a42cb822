"""Write the report as one page."""

import json

from emotiw import files, manifest, provenance, report, runtime, stage


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(
        __doc__, argv, one=["manifest", "metrics", "predictions", "faces"], many=["provenance_records"]
    )
    corpus = manifest.read(args.manifest)
    facts = provenance.determinants(
        repository=stage.PACKAGE.parents[1],
        config=args.settings,
        manifest=args.manifest,
        records=args.provenance_records,
        artefacts=[args.metrics, args.predictions],
    )
    page = report.render(
        corpus,
        json.loads(args.metrics.read_bytes()),
        report.read_predictions(args.predictions),
        report.face_strips(corpus, args.faces),
        provenance=facts,
    )
    files.write_atomic(args.output, page.encode())


if __name__ == "__main__":
    runtime.start(main)
