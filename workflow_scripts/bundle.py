"""Export the trained system as a bundle, a folder that `emotiw predict` reads."""

import json
from collections.abc import Sequence

from emotiw.core import resources
from emotiw.corpora import manifest
from emotiw.evaluation import systems
from emotiw.jobs import runtime
from emotiw.prediction import bundle_export
from emotiw.report import provenance


def main(argv: Sequence[str] | None = None) -> None:
    """Collect the parts of the video and audio systems and write them to the folder `--output`."""
    one = ["manifest", "metrics", "features"]
    many = ["fusion", "pca", "kernels", "classifiers", "networks", "weights", "embeddings"]
    args = runtime.arguments(__doc__, argv, one=one, many=many)
    config = args.settings
    corpus = manifest.read(args.manifest)
    features = systems.video_system(config["video"])
    names = ["landmarks", *filter(None, map(bundle_export.alexnet_name, features))]
    embeddings = [name for name in config["embeddings"] if name in features]
    sources = bundle_export.Sources(
        *(args.fusion, args.pca, args.kernels, args.classifiers, args.networks, args.features),
        weights=dict(zip(names, args.weights, strict=True)),
        embeddings=dict(zip(embeddings, args.embeddings, strict=True)),
    )
    records = [path.with_suffix(".json") for path in args.weights]
    facts = provenance.determinants(
        repository=resources.PACKAGE.parents[1], config=config, manifest=args.manifest, records=records
    )
    description = {"config": config, "metrics": json.loads(args.metrics.read_bytes()), "provenance": facts}
    bundle_export.write(args.output, corpus, manifest.folds(corpus), sources, description)


if __name__ == "__main__":
    runtime.start(main)
