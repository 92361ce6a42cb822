"""Content of a comparison of runs: what differs between them, their systems side by side, and what they cost."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from emotiw.compare import made, pairing
from emotiw.compare.run_files import Run
from emotiw.core.errors import StoreError
from emotiw.jobs import identity_changes

SEED, N_RESAMPLES = 2016, 2000  # of runs without a crate, which holds their settings
NO_RESULT = ("run", "sweep", "cache", "warm", "loggers", "report")  # settings that change no number
PARTS = ("test", "val")


def compare(runs: Sequence[Run], *, part: str = "", common: bool = False) -> dict[str, Any]:
    """Compare runs with the first of them, the base.

    Parameters
    ----------
    runs : sequence of Run
        At least two.
    part : str
        test or val; empty: test if labels of it are known, otherwise val.
    common : bool
        Whether clips that not all runs score are left out; otherwise such runs are not paired.

    Returns
    -------
    dict
        Content of the comparison as JSON: `runs`, `part`, `differences` (of each run from the base), `refused` (runs
        that cannot be paired, and why), `paired` (None if none can), `systems`, `costs`.

    Raises
    ------
    StoreError
        With fewer than two runs.
    """
    if len(runs) < 2:
        raise StoreError(f"{len(runs)} run was named, expected two or more; name another folder of results")
    base, others = runs[0], runs[1:]
    part = part or shown_part(base)
    obstacles = {run.name: pairing.obstacle(base, run, part, common=common) for run in others}
    fitting = [run for run in others if not obstacles[run.name]]
    return {
        "part": part,
        "synthetic": any(run.metrics["synthetic"] for run in runs),
        "runs": [_heading(run) for run in runs],
        "differences": [{"run": run.name, **differences(base, run)} for run in others],
        "refused": [{"run": name, "reason": reason} for name, reason in obstacles.items() if reason],
        "paired": _paired([base, *fitting], part) if fitting else None,
        "systems": side_by_side(runs, part),
        "costs": [_cost(run) for run in runs],
    }


def shown_part(run: Run) -> str:
    """Part that a comparison is about: test, or val if no test label is known."""
    return next((name for name in PARTS if run.metrics["parts"][name]["n_scored"]), PARTS[0])


def differences(base: Run, other: Run) -> dict[str, Any]:
    """Compare settings, versions, weights and clips of two runs, and the stages that depend on them.

    Returns
    -------
    dict
        `settings`, `versions` and `weights` as lists of (name, in the base, in the other), None where a run does not
        record them; `clips`, a count of each kind of difference; `stages` (`made.differences`), None for crates.
    """
    known = base.config is not None and other.config is not None
    hashes = [base.clips, other.clips]
    both = [clip for clip in base.clips if clip in other.clips]
    return {
        "settings": _settings(base.config or {}, other.config or {}) if known else None,
        "versions": _changes(base.versions, other.versions) if known else None,
        "weights": _changes(base.weights, other.weights) if known else None,
        "clips": {
            "common": len(both),
            "only_base": len(base.clips) - len(both),
            "only_other": len(other.clips) - len(both),
            "other_content": sum(hashes[0][clip] != hashes[1][clip] for clip in both),
        },
        "stages": made.differences(base.made, other.made) if base.made and other.made else None,
    }


def side_by_side(runs: Sequence[Run], part: str) -> list[dict[str, Any]]:
    """Accuracy and UAR of every system that a run scores, in each run; None where a run lacks the system."""
    names = dict.fromkeys(name for run in runs for name in run.metrics["parts"][part]["systems"])
    kept = ("n", "accuracy", "accuracy_interval", "uar", "uar_interval")
    found = []
    for name in names:
        of_runs = [run.metrics["parts"][part]["systems"].get(name) for run in runs]
        values = [{key: system[key] for key in kept} if system else None for system in of_runs]
        found.append({"system": name, "runs": values})
    return found


def _paired(runs: Sequence[Run], part: str) -> dict[str, Any]:
    found = pairing.paired(runs, part)
    settings = runs[0].config or {}
    options = {
        "seed": settings.get("seed", SEED),
        "n_resamples": settings.get("evaluation", {}).get("bootstrap", N_RESAMPLES),
    }
    return {
        "runs": [run.name for run in runs],
        "n_clips": len(found.keys),
        "n_subjects": int(found.subjects.max(initial=-1)) + 1,
        "systems": list(found.systems),
        **options,
        "tests": pairing.tests(found, **options),
        "classes": pairing.by_class(found, **options),
        "subjects": pairing.by_subject(found),
        "changed": pairing.changed(found),
    }


def _heading(run: Run) -> dict[str, Any]:
    metrics = run.metrics
    return {
        "name": run.name,
        "place": str(run.place),
        "crate": not run.place.is_dir(),
        "page": str(run.page) if run.page else None,
        **{key: metrics[key] for key in ("corpus", "protocol", "n_clips", "n_subjects", "synthetic")},
        "not_computed": {
            modality: sum(n for status, n in counts.items() if status != "ok")
            for modality, counts in metrics["status"].items()
        },
        "commit": run.versions.get("workflow (commit)"),
    }


def _settings(base: Mapping[str, Any], other: Mapping[str, Any]) -> list[list[Any]]:
    a, b = ({key: value for key, value in config.items() if key not in NO_RESULT} for config in (base, other))
    return [list(found) for found in identity_changes.differences(a, b)]


def _changes(base: Mapping[str, str], other: Mapping[str, str]) -> list[list[str | None]]:
    names = sorted({*base, *other})
    return [[name, base.get(name), other.get(name)] for name in names if base.get(name) != other.get(name)]


def _cost(run: Run) -> dict[str, Any]:
    costs = run.costs
    n_jobs = sum(cost.n_jobs for cost in costs.values())
    return {
        "run": run.name,
        "n_jobs": n_jobs,
        "cpu_hours": sum(cost.seconds for cost in costs.values()) / 3600 if n_jobs else None,
        "peak_mb": max(cost.peak_mb for cost in costs.values()) if n_jobs else None,
        "n_cached": sum(cost.n_cached for cost in costs.values()),
        "bytes": sum(cost.n_bytes for cost in costs.values()) if costs else None,
        "stages": {name: asdict(cost) for name, cost in costs.items()},
    }
