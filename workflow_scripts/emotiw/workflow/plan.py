"""The identities of a run's jobs: everything that the output of each depends on.

The table of stages (`jobs.stages`) names the settings that a stage reads and the stages above it; the plan inserts the
values of this configuration and this corpus.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from emotiw.core.errors import WeightsError
from emotiw.core.files import content_sha256, sha256
from emotiw.core.resources import PACKAGE
from emotiw.core.seeds import derived_seed
from emotiw.corpora.manifest import Manifest
from emotiw.evaluation import systems
from emotiw.evaluation.systems import System
from emotiw.imports.listing import Import
from emotiw.jobs import features, identity, settings, stages
from emotiw.jobs.features import Feature
from emotiw.jobs.identity import Stage
from emotiw.jobs.stage_row import StageRow
from emotiw.workflow import layout
from emotiw.workflow.imported_clips import Clips
from emotiw.workflow.layout import Layout
from emotiw.workflow.protocol import Protocol

PROGRAMS = PACKAGE.parent
WORKFLOW = PROGRAMS.parent

Wildcards = Mapping[str, str]


class Plan:
    """Identities of the jobs of one run.

    Parameters
    ----------
    config : mapping
        The checked configuration.
    manifest : Manifest
        The checked corpus.
    imports : mapping, optional
        Files of the imported features, from `imported_clips.refresh`.
    """

    def __init__(
        self, config: Mapping[str, Any], manifest: Manifest, imports: Mapping[str, Clips] | None = None
    ) -> None:
        self.config = config
        self.manifest, self.imports = manifest, imports or {}
        self.protocol = Protocol(config, manifest)
        self.layout = Layout(config["run"])
        self.features = features.available(config)
        if "video" in self.modalities():
            settings.check_networks(config)
        self._identities: dict[tuple[tuple[str, str], ...], Stage] = {}

    def stage(self, name: str, **wildcards: str) -> Stage:
        """Identity of the job of stage `name` with these wildcards.

        The identity of a job of single clips is the identity that all jobs of its stage share, and a digest of its
        clips. A per-clip stage below refers to the shared part only, so the identity of one clip's features does not
        depend on the batch that holds the clip.
        """
        chosen = {key: value for key, value in wildcards.items() if value}  # the scope of a whole run is empty
        key = (("stage", name), *sorted(chosen.items()))
        if key not in self._identities:
            self._identities[key] = self._identity(name, chosen)
        return self._identities[key]

    def _identity(self, name: str, wildcards: Wildcards) -> Stage:
        if "job" in wildcards:
            others = {key: value for key, value in wildcards.items() if key != "job"}
            return Stage(self.stage(name, **others), clips_sha256=self._clips_digest(wildcards))
        row = stages.ROWS[name]
        return identity.stage(
            PROGRAMS / f"{row.program or name}.py",
            stages.configured(row, self.config, wildcards),
            dict(self._above(row, wildcards)),
            **self._facts(row, wildcards),
        )

    def _clips_digest(self, wildcards: Wildcards) -> str:
        """Digest of the clips of a job: of their own contents, or of those of the files of an imported feature."""
        if "imported" not in wildcards:
            return self.protocol.clips_digest(wildcards["job"])
        files = self.imports[wildcards["imported"]]
        return identity.clips_digest((clip, files[clip][1]) for clip in self.protocol.clips_of_job[wildcards["job"]])

    # --- stages above a stage ----------------------------------------------------------------------------------------

    def _above(self, row: StageRow, wildcards: Wildcards) -> Iterator[tuple[str, str]]:
        """Label and digest of each stage above a stage."""
        for pattern in row.above:
            name = pattern.format(**wildcards)
            if pattern != name:
                feature = self.features[name]
                yield name, self.of_clips(feature, wildcards.get("fold"), row.parts)
            elif name in LINKS:
                yield from LINKS[name](self, wildcards)
            elif stages.ROWS[name].per_clip and not row.per_clip:
                signal = Feature(name, stages.ROWS[name].modality, stages.ROWS[name].kind, name)
                yield name, self.of_clips(signal, wildcards.get("fold"), row.parts)
            else:
                yield from self._upper(stages.ROWS[name], wildcards)

    def _upper(self, upper: StageRow, wildcards: Wildcards) -> Iterator[tuple[str, str]]:
        for values in self._values(upper, wildcards):
            label = "/".join([upper.name, *(value for key, value in values.items() if key not in wildcards)])
            yield label, self.stage(upper.name, **values).digest

    def of_clips(self, feature: Feature, fold: str | None, parts: tuple[str, ...]) -> str:
        """Digest of the jobs of a signal or feature that hold clips of some parts of a fold, or all clips."""
        jobs = self.protocol.jobs(feature.stream, fold, parts)
        return Stage({job: self.stage(feature.stage, **feature.wildcards, job=job).digest for job in jobs}).digest

    def stream(self, name: str) -> str:
        """Modality whose stream a signal or feature is computed from; empty if its files need no stream."""
        return self.features[name].stream if name in self.features else stages.ROWS[name].modality

    def _values(self, upper: StageRow, wildcards: Wildcards) -> Iterator[dict[str, str]]:
        """Combine the values of an upper stage's wildcards: the given value, or every possible one."""
        chosen: list[dict[str, str]] = [{}]
        for name in upper.wildcards:
            chosen = [
                {**values, name: value}
                for values in chosen
                for value in ([wildcards[name]] if name in wildcards else DOMAINS[name](self))
            ]
        yield from chosen

    def architectures(self) -> list[str]:
        """Names of the architectures of the networks."""
        return ["-".join(map(str, layers)) for layers in self.config["blstm"]["architectures"]]

    def repeats(self) -> list[str]:
        """Numbers of the random initialisations of an architecture."""
        return [str(repeat) for repeat in range(self.config["blstm"]["repeats"])]

    def modalities(self, scope: str = "") -> list[str]:
        """Modalities of a scope of which any clip has a stream or features from elsewhere."""
        imported = {feature.modality for feature in features.named(self.config).values() if not feature.stream}
        present = {*self.protocol.modalities, *imported}
        return [modality for modality in layout.SCOPES[scope] if modality in present]

    def systems(self, scope: str = "") -> list[System]:
        """Scored systems of the modalities of a scope."""
        return [system for modality in self.modalities(scope) for system in systems.scored(self.config, modality)]

    def baselines(self, scope: str = "") -> list[StageRow]:
        """Features that the baselines of the modalities of a scope are trained on."""
        present = set(self.protocol.modalities).intersection(layout.SCOPES[scope])
        return [row for row in stages.clip_features() if row.modality in present]

    def system_stage(self, fold: str, system: System) -> Stage:
        """Identity of the scores of a system in a fold."""
        chosen = {"fold": fold, "feature": system.features[0], "classifier": system.classifier}
        if len(system.features) > 1:
            chosen["features"] = systems.joined(system.features)
        row = stages.ROWS["combination" if "features" in chosen else stages.CLASSIFIERS[system.classifier].stage]
        return self.stage(row.name, **{name: chosen[name] for name in row.wildcards})

    def networks(self, scope: str = "") -> list[str]:
        """Features that networks are trained on."""
        chosen = (system for system in self.systems(scope) if system.is_network and len(system.features) == 1)
        return [system.features[0] for system in chosen]

    # --- other facts of an identity ----------------------------------------------------------------------------------

    def _facts(self, row: StageRow, wildcards: Wildcards) -> dict[str, Any]:
        facts: dict[str, Any] = dict(wildcards)
        if "fold" in wildcards:
            facts["rows"] = self.protocol.rows_digest(wildcards["fold"], row.parts, films=row.reads_films)
        for name in row.facts:
            facts |= FACTS[name](self, row, wildcards)
        return facts

    def weights_sha256(self, name: str) -> str:
        """SHA-256 of a weights file: that of the configuration, otherwise that of the file itself."""
        section = self.config["weights"][name]
        if section["path"] is None:
            return str((section if section["url"] else section["source"])["sha256"])
        return _content(f"weights.{name}", section)

    def weights(self, name: str) -> str:
        """Name of a weights file: the stage that acquires it, and the first digits of its source's SHA-256."""
        return f"{name}-{self.weights_sha256(name)[:12]}"

    def maker(self, weights: str) -> tuple[str, str]:
        """Stage that makes the weights of a network that the workflow can train, and how the names of its files begin.

        A stage acquires them if the configuration names a file; otherwise another trains them.
        """
        section = self.config["weights"][weights]
        return MAKERS[weights]["given" if section["path"] or section["url"] else "trained"]

    def model(self, stage: str) -> str:
        """Name of the weights file of a stage that computes a feature with a network."""
        weights = stages.ROWS[stage].weights
        if weights not in settings.TRAINED_WEIGHTS:
            return self.weights(weights)
        maker, beginning = self.maker(weights)
        stage_of_maker = self.stage(maker)
        return f"{beginning}-{stage_of_maker.get('sha256', stage_of_maker.digest)[:12]}"

    def models(self, scope: str = "") -> list[str]:
        """Names of the weights files that a scope of this run depends on, without those of embeddings."""
        present = self.modalities(scope)
        computed = [feature.stage for feature in features.named(self.config).values() if feature.modality in present]
        faces = [self.weights("landmarks")] if "video" in present else []
        return list(dict.fromkeys([*faces, *(self.model(stage) for stage in computed if stages.ROWS[stage].weights)]))


def workflow_files() -> list[str]:
    """Files that define the workflow: rules, default configuration, versions of the packages."""
    top = ("Snakefile", "config.yaml", "requirements.lock")
    return [*(str(WORKFLOW / name) for name in top), *map(str, sorted((WORKFLOW / "rules").glob("*.smk")))]


def _content(key: str, section: Mapping[str, Any]) -> str:
    """SHA-256 of a file or folder: that of the configuration section `key`, otherwise that of the content."""
    if not section["path"]:
        raise WeightsError(f"{key}.path: is null, expected a file or folder; set it in the configuration")
    try:
        return str(section["sha256"] or content_sha256(Path(section["path"]), _known_hashes(section["path"])))
    except OSError as error:
        raise WeightsError(f"{section['path']}: {error.strerror}; correct {key}.path") from error


def _known_hashes(path: str) -> Path:
    """Path of the JSON file that keeps the hashes of a folder's files between two starts of Snakemake."""
    name = hashlib.sha256(os.path.abspath(path).encode()).hexdigest()[:16]
    return Path(layout.WEIGHTS, "hashes", f"{name}.json")


# --- names that rows of the table use --------------------------------------------------------------------------------


def _tuned_network(plan: Plan, _: Wildcards) -> Iterator[tuple[str, str]]:
    yield "alexnet", plan.stage(plan.maker("alexnet_fer2013")[0]).digest


def _expression_network(plan: Plan, _: Wildcards) -> Iterator[tuple[str, str]]:
    yield "expression_network", plan.stage(plan.maker("expression")[0]).digest


def _copies(plan: Plan, wildcards: Wildcards) -> Iterator[tuple[str, str]]:
    if row := stages.copies(wildcards["feature"], plan.config):
        feature = Feature(row.name, row.modality, row.kind, row.name)
        yield row.name, plan.of_clips(feature, wildcards["fold"], ("train",))


def _combined_features(plan: Plan, wildcards: Wildcards) -> Iterator[tuple[str, str]]:
    for name in systems.separated(wildcards["features"]):
        system = System(plan.features[name].modality, (name,), wildcards["classifier"])
        yield name, plan.system_stage(wildcards["fold"], system).digest


def _systems(plan: Plan, wildcards: Wildcards) -> Iterator[tuple[str, str]]:
    for modality in plan.modalities(wildcards.get("scope", "")):
        yield modality, plan.system_stage(wildcards["fold"], systems.fused(plan.config, modality)).digest


def _inner_systems(plan: Plan, wildcards: Wildcards) -> Iterator[tuple[str, str]]:
    for modality in plan.modalities(wildcards.get("scope", "")):
        system = systems.fused(plan.config, modality)
        for name in plan.protocol.inner_folds(wildcards["fold"]) if system.is_network else ():
            yield f"{modality}/{name}", plan.system_stage(name, system).digest


def _networks(plan: Plan, wildcards: Wildcards) -> Iterator[tuple[str, str]]:
    for fold in plan.protocol.folds:
        for feature in plan.networks(wildcards.get("scope", "")):
            yield f"{feature}/{fold}", plan.stage("blstm_scores", fold=fold, feature=feature).digest


def _signals(plan: Plan, wildcards: Wildcards) -> Iterator[tuple[str, str]]:
    for row in stages.signals(plan.modalities(wildcards.get("scope", ""))):
        yield row.name, plan.of_clips(Feature(row.name, row.modality, row.kind, row.name), None, ())


def _scored_systems(plan: Plan, wildcards: Wildcards) -> Iterator[tuple[str, str]]:
    scope = wildcards.get("scope", "")
    for fold in plan.protocol.folds:
        for system in plan.systems(scope):
            name = "/".join((systems.joined(system.features), system.classifier, fold))
            yield name, plan.system_stage(fold, system).digest
        for row in plan.baselines(scope):
            yield f"baseline/{row.name}/{fold}", plan.stage("baseline", fold=fold, feature=row.name).digest


def _fer2013(plan: Plan, _row: StageRow, _: Wildcards) -> dict[str, Any]:
    return {"faces": _content("fine_tuning.faces", plan.config["fine_tuning"]["faces"])}


def _expression_data(plan: Plan, _row: StageRow, _: Wildcards) -> dict[str, Any]:
    section = plan.config["expression"]
    votes = _content("expression.votes", section["votes"]) if section["votes"]["path"] else None
    return {"faces": _content("expression.faces", section["faces"]), "votes": votes}


def _ready_expression(plan: Plan, _row: StageRow, _: Wildcards) -> dict[str, Any]:
    return {"sha256": plan.weights_sha256("expression")}


def _seed(plan: Plan, row: StageRow, _: Wildcards) -> dict[str, Any]:
    return {"seed": derived_seed(plan.config["seed"], row.name, 0)}


def _sha256(plan: Plan, row: StageRow, _: Wildcards) -> dict[str, Any]:
    return {"sha256": plan.weights_sha256(row.name)}


def _network(plan: Plan, _row: StageRow, wildcards: Wildcards) -> dict[str, Any]:
    architecture, repeat = wildcards["architecture"], int(wildcards["repeat"])
    return {
        "architecture": [int(units) for units in architecture.split("-")],
        "repeat": repeat,
        "seed": derived_seed(plan.config["seed"], architecture, repeat),
    }


def _modality(plan: Plan, _row: StageRow, wildcards: Wildcards) -> dict[str, Any]:
    feature = wildcards.get("feature") or systems.separated(wildcards["features"])[0]
    return {"modality": plan.features[feature].modality, "stream": plan.features[feature].stream}


def _feature_kind(plan: Plan, _row: StageRow, wildcards: Wildcards) -> dict[str, Any]:
    return {"feature_kind": plan.features[wildcards["feature"]].kind.value.replace(" ", "_") + "s"}


def _copies_from(plan: Plan, _row: StageRow, wildcards: Wildcards) -> dict[str, Any]:
    row = stages.copies(wildcards["feature"], plan.config)
    return {"copies": row.name} if row else {}


def _modalities(plan: Plan, _row: StageRow, wildcards: Wildcards) -> dict[str, Any]:
    return {"modalities": plan.modalities(wildcards.get("scope", ""))}


def _reading(plan: Plan, _row: StageRow, wildcards: Wildcards) -> dict[str, Any]:
    return {"reading": asdict(Import(wildcards["imported"], plan.config["imports"][wildcards["imported"]]).reading)}


def _workflow(_plan: Plan, _row: StageRow, _: Wildcards) -> dict[str, Any]:
    return {"workflow": [sha256(Path(path)) for path in workflow_files()]}


def _corpus(plan: Plan, row: StageRow, _: Wildcards) -> dict[str, Any]:
    corpus, folds = plan.manifest, plan.protocol.folds
    several = {"label_sets": dict(corpus.label_sets)} if corpus.label_sets else {}
    return several | {
        "corpus": [corpus.corpus, corpus.synthetic, corpus.scheme, list(corpus.notes)],
        "folds": list(folds),
        "rows": [plan.protocol.rows_digest(fold, row.parts, films=row.reads_films) for fold in folds],
    }


# for each of `settings.TRAINED_WEIGHTS`: the stages that acquire and train it, and how the names of their files begin
MAKERS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "alexnet_fer2013": {"given": ("alexnet_fer2013", "alexnet_fer2013"), "trained": ("fine_tune", "fine_tuned")},
    "expression": {"given": ("ready_expression", "ready_expression"), "trained": ("train_expression", "expression")},
}
LINKS: Mapping[str, Callable[[Plan, Wildcards], Iterator[tuple[str, str]]]] = {
    "tuned_network": _tuned_network,
    "expression_network": _expression_network,
    "copies": _copies,
    "combined_features": _combined_features,
    "systems": _systems,
    "inner_systems": _inner_systems,
    "networks": _networks,
    "signals": _signals,
    "scored_systems": _scored_systems,
}
FACTS: Mapping[str, Callable[[Plan, StageRow, Wildcards], dict[str, Any]]] = {
    "fer2013": _fer2013,
    "expression_data": _expression_data,
    "ready_expression": _ready_expression,
    "seed": _seed,
    "sha256": _sha256,
    "network": _network,
    "modality": _modality,
    "feature_kind": _feature_kind,
    "copies": _copies_from,
    "modalities": _modalities,
    "reading": _reading,
    "workflow": _workflow,
    "corpus": _corpus,
}
# All values of a wildcard, in their order.
DOMAINS: Mapping[str, Callable[[Plan], list[str]]] = {
    "scope": lambda _: [""],
    "fold": lambda plan: list(plan.protocol.folds),
    "architecture": Plan.architectures,
    "repeat": Plan.repeats,
}
