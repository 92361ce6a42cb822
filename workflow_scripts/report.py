"""Write the report as one page."""

import json

from emotiw.core import files, resources
from emotiw.corpora import manifest
from emotiw.jobs import runtime
from emotiw.report import explorer, page, provenance


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(
        __doc__,
        argv,
        one=["manifest", "metrics", "predictions", "scores", "ledger", "faces"],
        many=["fusion", "frames", "provenance_records", "figures"],
    )
    corpus = manifest.read(args.manifest)
    facts = provenance.determinants(
        repository=resources.PACKAGE.parents[1],
        config=args.settings,
        manifest=args.manifest,
        records=args.provenance_records,
        artefacts=[args.metrics, args.predictions, args.scores, args.ledger, *args.fusion, *args.frames],
    )
    rows = explorer.shown_rows(corpus, page.read_predictions(args.predictions))
    about = explorer.clip_contents(corpus, rows, faces=args.faces, fusion=args.fusion, frames=args.frames)
    metrics = json.loads(args.metrics.read_bytes())
    facts |= {"ledger": json.loads(args.ledger.read_bytes())["entries"]}
    html = page.render(corpus, metrics, rows, about, provenance=facts)
    charts = page.plots(metrics, rows, args.settings["video"])
    for path in args.figures:
        files.write_atomic(path, charts[path.stem].svg.encode())
    files.write_atomic(args.output, html.encode())


if __name__ == "__main__":
    runtime.start(main)
