"""Score every system over all folds, and account for every clip."""

import gzip

from emotiw.core import files
from emotiw.corpora import leakage, manifest
from emotiw.evaluation import evaluation, ledger
from emotiw.fusion import score_tables
from emotiw.jobs import runtime
from emotiw.report import provenance


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(
        __doc__,
        argv,
        one=["manifest", "faces", "audio", "predictions", "scores", "ledger"],
        many=["fusion", "audio_scores", "video_scores", "weights_records"],
    )
    corpus = manifest.read(args.manifest)
    folds = manifest.folds(corpus)
    wall = leakage.check(corpus.rows, lambda row: row.path, shared_films=args.settings["corpus"]["shared_films"])
    fused = [score_tables.read(path, corpus) for path in args.fusion]
    single = {
        "video": [score_tables.read(path, corpus) for path in args.video_scores],
        "audio": [score_tables.read(path, corpus) for path in args.audio_scores],
    }
    entries = ledger.gather(folds, [*fused, *single["audio"], *single["video"]])
    entries += ledger.outside(map(provenance.record, args.weights_records))
    pools = evaluation.pools(corpus, folds, fused, single)
    found = evaluation.statuses(corpus, {"video": args.faces, "audio": args.audio})
    content = evaluation.report(corpus, fused, pools, found, settings=args.settings)
    content |= {"networks": evaluation.networks(single["audio"])}
    content |= {"firewall": wall, "ledger": ledger.summary(entries)}
    files.write_json(args.output, content)
    files.write_json(args.ledger, {"run": content["run"], "entries": entries})
    files.write_atomic(args.predictions, manifest.table_bytes(evaluation.prediction_rows(corpus, pools, found)))
    packed = gzip.compress(manifest.table_bytes(evaluation.score_rows(corpus, pools)), mtime=0)
    files.write_atomic(args.scores, packed)


if __name__ == "__main__":
    runtime.start(main)
