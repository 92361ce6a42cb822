"""Write the report page and its figures from the metrics, predictions and artefacts of a run."""

import json
from collections.abc import Sequence

from emotiw.core import files, resources
from emotiw.corpora import manifest
from emotiw.jobs import runtime
from emotiw.report import clip_files, explorer, page, provenance


def main(argv: Sequence[str] | None = None) -> None:
    """Render the page and the figures that `--figures` names."""
    args = runtime.arguments(
        __doc__,
        argv,
        one=["manifest", "metrics", "predictions", "scores", "ledger", "faces"],
        many=["fusion", "frames", "provenance_records", "figures"],
    )
    corpus, metrics = manifest.read(args.manifest), json.loads(args.metrics.read_bytes())
    record = provenance.determinants(
        repository=resources.PACKAGE.parents[1],
        config=args.settings,
        manifest=args.manifest,
        records=args.provenance_records,
        artefacts=[args.metrics, args.predictions, args.scores, args.ledger, *args.fusion, *args.frames],
    )
    rows = explorer.shown_rows(corpus, page.read_predictions(args.predictions))
    faces = args.faces if "video" in metrics["modalities"] else None
    contents = explorer.clip_contents(corpus, rows, faces=faces, fusion=args.fusion, frames=args.frames)
    contents = contents.located(clip_files.addresses(corpus, args.output))
    record |= {"ledger": json.loads(args.ledger.read_bytes())["entries"], "scope": args.stage.get("scope", "")}
    html, charts = page.render(corpus, metrics, rows, contents, provenance=record)
    for path in args.figures:
        files.write_atomic(path, charts[path.stem].svg.encode())
    files.write_atomic(args.output, html.encode())


if __name__ == "__main__":
    runtime.start(main)
