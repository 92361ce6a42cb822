"""Sweeps: one run for each of several settings, over a shared cache, and the choice among them.

A sweep called `demo` makes the runs `demo_1`, `demo_2` ... in folders of their own, and writes to
`results/demo_sweep/`: the configuration of each run, `sweep.json`, `ledger.json` and `compare.html`.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from emotiw.compare import content, page, run_files, sweep_choice
from emotiw.compare.sweep_choice import Rule, described
from emotiw.core import files
from emotiw.core.errors import ConfigError
from emotiw.jobs import settings
from emotiw.jobs.identity_changes import written
from emotiw.workflow.layout import RESULTS, Layout

# first parts of settings that a sweep may not vary: with them runs cannot be compared, or are not runs of their own
FIXED = ("run", "sweep", "cache", "loggers", "corpus", "corpora", "report", "evaluation")


@dataclass(frozen=True)
class Candidate:
    """A run of a sweep: its name, the settings that it varies by dotted key, its whole configuration, its file."""

    name: str
    settings: Mapping[str, Any]
    config: Mapping[str, Any]
    path: Path

    @property
    def target(self) -> str:
        """File that the run makes: its crate, which needs metrics, tables and report."""
        return Layout(self.name).path("crate")


def folder(config: Mapping[str, Any]) -> Path:
    """Folder of a sweep's own files."""
    return Path(RESULTS, f"{config['run']}_sweep")


def wanted(config: Mapping[str, Any]) -> bool:
    """Whether a configuration is that of a sweep."""
    return bool(config["sweep"]["grid"] or config["sweep"]["list"])


def candidates(config: Mapping[str, Any]) -> list[Candidate]:
    """List the runs of a sweep, each with a checked configuration.

    Raises
    ------
    ConfigError
        If grid and list are both given, a setting may not vary or is unknown, two runs are equal, there are fewer than
        two, or a configuration cannot be used.
    """
    varied = combinations(config["sweep"])
    if len(varied) < 2:
        raise ConfigError(f"sweep: gives {len(varied)} run, expected two or more; add values")
    found = []
    for i, over in enumerate(varied, start=1):
        if over in varied[: i - 1]:
            raise ConfigError(f"sweep: {described(over)} is given twice; keep one")
        name = f"{config['run']}_{i}"
        chosen = _over(_shared(config), {**over, "run": name, "sweep": {**config["sweep"], "grid": {}, "list": []}})
        try:
            settings.check(chosen)
        except ConfigError as error:
            raise ConfigError(f"sweep, {described(over)}: {error}") from None
        found.append(Candidate(name, over, chosen, folder(config) / f"{name}.yaml"))
    return found


def combinations(sweep: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the settings of each run: those listed, or every combination of a grid, the last setting varying fastest."""
    if sweep["grid"] and sweep["list"]:
        raise ConfigError("sweep: gives a grid and a list; keep one of them")
    for key in [*sweep["grid"], *(key for over in sweep["list"] for key in over)]:
        if key.partition(".")[0] in FIXED:
            raise ConfigError(f"sweep: {key} may not vary, for the runs could not be compared; start runs of their own")
    if sweep["list"]:
        return [dict(over) for over in sweep["list"]]
    return [dict(zip(sweep["grid"], values, strict=True)) for values in itertools.product(*sweep["grid"].values())]


def run(config: Mapping[str, Any], start: Callable[[Candidate], int], tell: Callable[[str], None]) -> int:
    """Make the runs of a sweep one after the other, then choose; return the exit status of the first that fails.

    Parameters
    ----------
    config : mapping
        The checked configuration, with its section `sweep`.
    start : callable
        Makes a run; returns its exit status.
    tell : callable
        Called with each line for the user.
    """
    chosen = candidates(config)
    for i, candidate in enumerate(chosen, start=1):
        text = yaml.safe_dump(dict(candidate.config), sort_keys=False, allow_unicode=True)
        files.write_atomic(candidate.path, text.encode())
        tell(f"run {i} of {len(chosen)}, {candidate.name}: {described(candidate.settings)}")
        if status := start(candidate):
            return status
    for line in choose(config, chosen):
        tell(line)
    return 0


def choose(config: Mapping[str, Any], made: Sequence[Candidate]) -> list[str]:
    """Choose among the finished runs of a sweep, write its record and its page, and return what the user is told."""
    runs = run_files.read_all([Path(Layout(candidate.name).folder) for candidate in made])
    sweep = config["sweep"]
    rule = Rule(config["run"], sweep["system"], sweep["measure"], config["seed"], config["evaluation"]["bootstrap"])
    shown = [{key: written(value) for key, value in candidate.settings.items()} for candidate in made]
    found = sweep_choice.chosen(runs, shown, rule)
    to = folder(config)
    files.write_json(to / "sweep.json", {key: value for key, value in found.items() if key != "ledger"})
    files.write_json(to / "ledger.json", {"run": config["run"], **found["ledger"]})
    texts = sweep_choice.wording(found)
    compared = content.compare(runs, part="val")
    files.write_atomic(to / "compare.html", page.render(compared, to, found | texts).encode())
    best = next(candidate for candidate in made if candidate.name == found["chosen"])
    return [
        *texts["verdict"],
        texts["optimism_text"],
        f"page: {to / 'compare.html'}",
        f"to go on with it: emotiw run --configfile {best.path}",
    ]


def listed(made: Sequence[Candidate]) -> list[str]:
    """Lines that name each run of a sweep and its settings."""
    return [f"{candidate.name}: {described(candidate.settings)}" for candidate in made]


def _shared(config: Mapping[str, Any]) -> dict[str, Any]:
    """Give a configuration without a cache one in the folder of the sweep."""
    if config["cache"]["folder"]:
        return dict(config)
    return settings.merge(config, {"cache": {"folder": str(folder(config) / "cache")}})


def _over(config: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the values of dotted keys in a configuration."""
    result = dict(config)
    for key, value in over.items():
        names = key.split(".")
        section = result
        for name in names[:-1]:
            section[name] = dict(section[name]) if isinstance(section.get(name), Mapping) else {}
            section = section[name]
        if names[-1] not in section:
            raise ConfigError(f"sweep: {key} is no setting; see config.yaml")
        section[names[-1]] = value
    return result
