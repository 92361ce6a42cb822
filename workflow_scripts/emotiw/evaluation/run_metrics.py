"""Content of `metrics.json`: the metrics of a run's parts, its fusion, its clip statuses and its notes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emotiw.core.status import Status
from emotiw.corpora.manifest import Manifest
from emotiw.evaluation import breakdown, clip_account, corpus_metrics, system_metrics
from emotiw.evaluation.clip_account import Statuses
from emotiw.evaluation.pools import SCORED, Pool
from emotiw.fusion.score_tables import Table

NETWORK_FACTS = ("selected", "selection", "restarts")  # kept of each table of networks
# kept of each fold's fusion
FUSION_FACTS = (
    *("weights", "temperatures", "fused_temperatures", "calibration", "optimism", "choice", "n_fitted", "joint"),
)
FAMILY = (
    "fusion against video, audio and stacked regression; video and audio each against the challenge's baseline of its "
    "modality; the schemes of fusion among themselves: Holm's correction over all of these, for each part and test"
)


def content(
    corpus: Manifest, fused: Sequence[Table], pools: Sequence[Pool], statuses: Statuses, *, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Content of `metrics.json`, without the networks, the leakage check and the ledger.

    A run of several corpora has the key `corpora` (`corpus_metrics.cells`).

    Parameters
    ----------
    corpus : Manifest
        The corpus.
    fused : sequence of Table
        One fused table per fold.
    pools : sequence of Pool
        The parts of all folds.
    statuses : dict
        Status of each clip, by modality.
    settings : mapping
        `run`, `seed` and `evaluation` of the configuration.

    Raises
    ------
    StoreError
        If a clip of the corpus has no status or no prediction.
    """
    options = {"seed": settings["seed"], "n_resamples": settings["evaluation"]["bootstrap"]}
    clip_account.check_complete(corpus, pools, statuses)
    (tested,) = (pool for pool in pools if pool.part == "test")
    several = any(row.corpus for row in corpus.rows)
    matrix = {"corpora": corpus_metrics.cells(corpus, tested, **options)} if several else {}
    return {
        "run": settings["run"],
        "corpus": corpus.corpus,
        "synthetic": corpus.synthetic,
        "protocol": corpus.scheme,
        "classes": list(corpus.classes),
        "n_clips": len(corpus.rows),
        "n_subjects": len({row.subject for row in corpus.rows}),
        "modalities": list(pools[0].modalities),
        "status": {modality: _counts(by_clip.values()) for modality, by_clip in statuses.items()},
        "parts": {
            pool.part: system_metrics.part_metrics(pool, corpus.classes, **options) | breakdown.of(corpus, pool)
            for pool in pools
            if pool.part in SCORED
        },
        "fusion": {
            "scheme": fused[0].facts["scheme"],
            "fitted_on": "val",
            "folds": {table.fold: {key: table.facts[key] for key in FUSION_FACTS} for table in fused},
        },
        **matrix,
        "comparisons_family": FAMILY,
        "notes": [*clip_account.notes(corpus, pools, statuses), *clip_account.left_out(fused)],
    }


def networks(tables: Sequence[Table]) -> dict[str, Any]:
    """Collect the selected network, selection rule and restarts of each feature and fold from its networks' scores."""
    return {
        f"{table.stage['feature']}/{table.fold}": {
            key: table.facts[key] for key in ("selected", "selection", "restarts")
        }
        for table in tables
        if "restarts" in table.facts
    }


def _counts(statuses: Iterable[Status]) -> dict[str, int]:
    states = list(statuses)
    return {state.value: states.count(state) for state in Status if state in states or state == Status.OK}
