"""Score every system over all folds, and account for every clip."""

import gzip
from collections.abc import Sequence

from emotiw.core import files
from emotiw.corpora import leakage, manifest
from emotiw.evaluation import clip_account, ledger, pools, run_metrics
from emotiw.fusion import score_tables
from emotiw.jobs import runtime
from emotiw.report import provenance

INPUTS = ("manifest", "faces", "audio", "predictions", "scores", "ledger")
TABLES = ("fusion", "audio_scores", "video_scores", "weights_records")


def main(argv: Sequence[str] | None = None) -> None:
    """Join the score tables of all folds; write metrics, ledger, predictions and scores."""
    args = runtime.arguments(__doc__, argv, one=INPUTS, many=TABLES)
    corpus = manifest.read(args.manifest)
    firewall = leakage.check(corpus.rows, lambda row: row.path, shared_films=args.settings["corpus"]["shared_films"])
    paths = (args.fusion, args.video_scores, args.audio_scores)
    fused, video, audio = ([score_tables.read(path, corpus) for path in group] for group in paths)
    entries = ledger.gather(manifest.folds(corpus), [*fused, *audio, *video])
    entries += ledger.outside(map(provenance.record, args.weights_records))
    folds, (fused, video, audio) = pools.evaluated(manifest.folds(corpus), (fused, video, audio))
    parts = pools.join(corpus, folds, fused, {"video": video, "audio": audio})
    folders = {"video": args.faces, "audio": args.audio}
    statuses = clip_account.read_statuses(corpus, clip_account.folders(corpus, args.stage["modalities"], folders))
    content = run_metrics.content(corpus, fused, parts, statuses, settings=args.settings) | {"firewall": firewall}
    content |= {"ledger": ledger.summary(entries), "networks": run_metrics.networks([*audio, *video])}
    files.write_json(args.output, content)
    files.write_json(args.ledger, {"run": content["run"], "entries": entries})
    files.write_atomic(args.predictions, manifest.table_bytes(clip_account.prediction_rows(corpus, parts, statuses)))
    scores = manifest.table_bytes(clip_account.score_rows(corpus, parts))
    files.write_atomic(args.scores, gzip.compress(scores, mtime=0))


if __name__ == "__main__":
    runtime.start(main)
