"""The configuration: read from YAML without duplicate keys, and checked against the schema before anything runs."""

import difflib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from emotiw.core.errors import ConfigError
from emotiw.core.resources import PACKAGE
from emotiw.jobs import features, sound_settings, stages
from emotiw.jobs.features import MODALITIES

try:
    from yaml import CSafeLoader as SafeLoader  # ten times as fast
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

# Copies of config.yaml and its schema, made by setup.py when a wheel is built; a checkout has none. They lie outside
# `resources`, whose files enter the fingerprint of the code: a comment in config.yaml must change no identity.
SHIPPED = PACKAGE / "defaults"
ROOT = Path() if SHIPPED.is_dir() else PACKAGE.parents[1]  # of the checkout, else the working directory
DEFAULTS = SHIPPED / "config.yaml" if SHIPPED.is_dir() else ROOT / "config.yaml"
SCHEMA = SHIPPED / "config.schema.yaml" if SHIPPED.is_dir() else ROOT / "schemas" / "config.schema.yaml"
RESERVED = ("demo_corpus", "weights")
ADDING = ("embeddings", "sound_embeddings", "imports")  # sections whose entries are features of their names
# weights that the workflow trains on FER2013 if the configuration names no file, and the section of that training
TRAINED_WEIGHTS = {"alexnet_fer2013": "fine_tuning", "expression": "expression"}


def load(paths: Iterable[Path]) -> dict[str, Any]:
    """Load the defaults and the files at `paths`, each of which overrides the ones before, and check the result.

    Raises
    ------
    ConfigError
        With every fault at once: duplicate or unknown keys, wrong types, NaN, code in the file.
    """
    config: dict[str, Any] = {}
    for path in [DEFAULTS, *paths]:
        config = merge(config, read(path))
    check(config)
    return config


def read(path: Path) -> dict[str, Any]:
    """Read one YAML file; a duplicate key or a request to run code (`__use_yte__`) is refused."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506  a SafeLoader underneath
    except FileNotFoundError:
        raise ConfigError(f"{path}: missing; name an existing file with --configfile") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds {type(content).__name__}, expected a mapping such as `run: name`")
    if "__use_yte__" in content:
        raise ConfigError(f"{path}: asks to run code with `__use_yte__`; remove the key")
    return content


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Override `base` by `over`; mappings are merged, lists and scalars are replaced."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(merged.get(key), Mapping) and isinstance(value, Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def check(config: Mapping[str, Any]) -> None:
    """Check a whole configuration against the schema and for NaN.

    Raises
    ------
    ConfigError
        Naming every offending key, its value and what was expected.
    """
    schema_faults = _schema_faults(config, _schema())
    lines = [*schema_faults, *_number_faults(config), *([] if schema_faults else _contradictions(config))]
    if lines:
        raise ConfigError("the configuration cannot be used:\n  " + "\n  ".join(lines))


def check_sections(config: Mapping[str, Any]) -> None:
    """Check some sections of a configuration, each against the schema; errors as in `check`."""
    schema = {key: value for key, value in _schema().items() if key != "required"}
    if lines := [*_schema_faults(config, schema), *_number_faults(config)]:
        raise ConfigError("; ".join(lines))


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Override the defaults by a configuration, and check the result; errors as in `check`."""
    merged = merge(read(DEFAULTS), config)
    check(merged)
    return merged


class _UniqueKeys(SafeLoader):
    """A safe loader that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: {', '.join(twice)} given twice; keep one")
        return super().construct_mapping(node, deep)


def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = yaml.load(SCHEMA.read_text(encoding="utf-8"), SafeLoader)
    return schema


def _schema_faults(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    faults = Draft202012Validator(schema).iter_errors(json.loads(json.dumps(config)))
    return [f"{_where(fault)}: {_explain(fault)}" for fault in sorted(faults, key=_where)]


def _number_faults(config: Mapping[str, Any]) -> list[str]:
    return [f"{where}: is {value}, expected a finite number" for where, value in _not_finite(config, ())]


def _where(fault: ValidationError) -> str:
    return ".".join(str(part) for part in fault.absolute_path) or "top level"


def _explain(fault: ValidationError) -> str:
    if fault.validator == "type" and isinstance(fault.instance, str) and _is_number(fault.instance):
        number = repr(float(fault.instance))
        dotted = number if "." in number else number.replace("e", ".0e")
        return f"{fault.instance!r} is text in YAML, expected {fault.validator_value}; write {dotted}, with a point"
    if fault.validator == "type" and fault.validator_value == "string" and isinstance(fault.instance, (int, float)):
        return f"{fault.instance!r} is no text in YAML, expected text; put it in quotes"
    if fault.validator == "additionalProperties" and isinstance(fault.instance, Mapping):
        return "; ".join(
            [
                fault.message,
                *_remedies(fault.instance, list(cast("Mapping[str, Any]", fault.schema).get("properties", {}))),
            ]
        )
    return str(fault.message)


def _remedies(section: Mapping[str, Any], known: list[str]) -> Iterator[str]:
    """Name, for each key that the schema does not know, the most similar one that it knows, or all."""
    for key in (key for key in section if key not in known):
        similar = difflib.get_close_matches(str(key), known, 1)
        yield f"instead of {key!r} write {similar[0]!r}" if similar else f"known are {', '.join(known)}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _not_finite(value: Any, where: tuple[str, ...]) -> Iterator[tuple[str, float]]:
    if isinstance(value, float) and not math.isfinite(value):
        yield ".".join(where), value
    children = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _not_finite(child, (*where, str(key)))


def _contradictions(config: Mapping[str, Any]) -> list[str]:
    lines = list(_feature_faults(config))
    for modality in () if lines else MODALITIES:
        lines += _system_faults(config, modality)
    lines += _weights_contradictions(config)
    if config["run"] in RESERVED:
        lines.append(
            f"run: {config['run']!r} names a folder below results/ that holds other files; choose another name"
        )
    lines += _corpora_faults(config)
    return lines


def _corpora_faults(config: Mapping[str, Any]) -> Iterator[str]:
    corpora, protocol = config["corpora"] or {}, config["corpus"]["protocol"]
    for where, section in [(f"corpora.{name}", corpora[name]) for name in corpora] or [("corpus", config["corpus"])]:
        if section["kind"] == "csv" and not section.get("table"):
            yield f"{where}.table: is null, expected the table's path below {where}.root for the kind csv"
    for key, value in (("corpus_weights", "none"), ("normalise", "training")):
        if not corpora and config["pooled"][key] not in (value, "subject"):
            yield f"pooled.{key}: is {config['pooled'][key]}, but the run has one corpus; set it to {value}"
    if corpora and protocol["scheme"] == "train_test":
        yield from _train_test_faults(corpora, protocol)
    if config["bundle"]["members"] == "everything" and not protocol["everything"]:
        yield "bundle.members: is everything, but corpus.protocol.everything is false; set it to true"


def _train_test_faults(corpora: Mapping[str, Any], protocol: Mapping[str, Any]) -> Iterator[str]:
    for part in ("train", "test"):
        if unknown := [name for name in protocol[part] if name not in corpora]:
            yield f"corpus.protocol.{part}: {unknown[0]!r} is not among corpora; expected some of {', '.join(corpora)}"
        if not protocol[part]:
            yield f"corpus.protocol.{part}: is empty, expected some of {', '.join(corpora)} for the scheme train_test"
    if both := [name for name in protocol["train"] if name in protocol["test"]]:
        yield f"corpus.protocol.test: {both[0]!r} is also in corpus.protocol.train; keep it in one of them"


def _weights_contradictions(config: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, section in config["weights"].items():
        if section["url"] and section["path"]:
            lines.append(f"weights.{name}: names both a path and a url; keep one")
        if section["url"] and not section["sha256"]:
            lines.append(f"weights.{name}.sha256: is null, expected the SHA-256 of the file at weights.{name}.url")
        if not (section["url"] or section["path"] or section["source"] or name in TRAINED_WEIGHTS):
            lines.append(f"weights.{name}.source: is null, as are path and url; name one of them")
    layout, alexnet = config["cnn"]["layout"], config["weights"]["alexnet"]
    if layout != "torchvision" and not alexnet["path"] and not alexnet["url"]:
        offer = "the package index offers weights of the layout 'torchvision' only"
        lines.append(f"cnn.layout: is {layout!r}, but {offer}; set weights.alexnet.path or .url")
    return lines


def check_networks(config: Mapping[str, Any]) -> None:
    """Check that the networks of the features of faces can be had: given, or trained from pictures that are given.

    It is no part of `check`, because a corpus without pictures needs none of them.

    Raises
    ------
    ConfigError
        Naming each feature whose network cannot be had, and the settings that give it.
    """
    lines = []
    for weights, section in TRAINED_WEIGHTS.items():
        given = config["weights"][weights]
        names = [row.name for row in stages.face_features() if row.weights == weights]
        wanted = [name for name in config["video"]["features"] if name in names]
        if wanted and not (given["path"] or given["url"] or config[section]["faces"]["path"]):
            lines.append(
                f"video.features: {', '.join(wanted)} needs FER2013 or weights that were trained on it; set"
                f" {section}.faces.path or weights.{weights}.path"
            )
    if lines:
        raise ConfigError("the configuration cannot be used:\n  " + "\n  ".join(lines))


def _feature_faults(config: Mapping[str, Any]) -> Iterator[str]:
    yield from _name_faults(config)
    clashing = [name for section in ADDING for name in config[section] if name in stages.ROWS]
    yield from sound_settings.faults(config)
    known = features.available(config)
    for modality in MODALITIES:
        offered = ", ".join(name for name, feature in known.items() if feature.modality == modality)
        for name in config[modality]["features"]:
            if name not in known:
                add = f"; correct it or add embeddings.{name}" if modality == "video" else ""
                yield f"{modality}.features: {name!r} is unknown, expected some of {offered}{add}"
            elif known[name].modality != modality and name not in clashing:
                of = known[name].modality
                yield f"{modality}.features: {name!r} is a feature of {of}, expected some of {offered}"


def _name_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Names of added features that something else has."""
    owner = {row.name: "the name of a built-in stage" for row in stages.TABLE if row.per_clip}
    for section in ADDING:
        for name in config[section]:
            if name in owner:
                yield f"{section}.{name}: is {owner[name]}; choose another name"
            owner[name] = f"a name under {section} too"


def _system_faults(config: Mapping[str, Any], modality: str) -> Iterator[str]:
    """Faults of the systems of a modality whose features are known."""
    section, known = config[modality], features.available(config)
    combination = section["combination"]
    combined = {name for names in section["combinations"] or () for name in names}
    for key, names in (("combination.features", combination["features"]), ("combinations", sorted(combined))):
        for name in names:
            if name not in section["features"]:
                yield f"{modality}.{key}: {name!r} is not among {modality}.features {section['features']}; add it there"
    chosen = combination["classifier"]
    if chosen not in section["classifiers"]:
        fault = f"{chosen!r} is not among {modality}.classifiers {section['classifiers']}"
        yield f"{modality}.combination.classifier: {fault}; add it there"
    for name in section["features"]:
        fitting = [row.name for row in stages.CLASSIFIERS.values() if known[name].takes(row)]
        expected = ", ".join(fitting)
        if name in combination["features"] and chosen not in fitting:
            yield f"{modality}.combination.classifier: {chosen!r} does not take {name!r}, expected one of {expected}"
        if not set(fitting) & set(section["classifiers"]):
            yield f"{modality}.features: no classifier of {modality}.classifiers takes {name!r}; add one of {expected}"
