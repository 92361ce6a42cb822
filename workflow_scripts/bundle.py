"""Export the trained system as a bundle, a folder that `emotiw predict` reads."""

import json
from collections.abc import Sequence

from emotiw.core import resources
from emotiw.corpora import manifest, splits
from emotiw.jobs import runtime
from emotiw.prediction import bundle_export
from emotiw.prediction.bundle_models import Models
from emotiw.report import provenance


def main(argv: Sequence[str] | None = None) -> None:
    """Collect the parts of the video and audio systems and write them to the folder `--output`."""
    one, many = ["manifest", "metrics", "features"], ["fusion", "models", "weights", "embeddings", "strangers"]
    args = runtime.arguments(__doc__, argv, one=one, many=many)
    config, corpus = args.settings, manifest.read(args.manifest)
    contents = bundle_export.contents_of(corpus, config)
    sources = bundle_export.Sources(
        args.fusion,
        Models.of(args.models),
        args.features,
        weights=dict(zip([*contents.landmarks(), *contents.weights()], args.weights, strict=True)),
        embeddings=dict(zip(contents.embeddings(), args.embeddings, strict=True)),
        strangers=args.strangers,
    )
    records = [path.with_suffix(".json") for path in args.weights]
    facts = provenance.determinants(
        repository=resources.PACKAGE.parents[1], config=config, manifest=args.manifest, records=records
    )
    description = {"config": config, "metrics": json.loads(args.metrics.read_bytes()), "provenance": facts}
    folds = splits.members(manifest.folds(corpus), config["bundle"]["members"])
    bundle_export.write(args.output, corpus, folds, sources, description)


if __name__ == "__main__":
    runtime.start(main)
