"""The identity of a stage: everything that its result depends on.

Snakemake watches neither the modules that a program imports nor, after a failed run, the settings of the stages
above; so each rule carries `params: stage=...`, one mapping that holds its settings, the fingerprint of its code,
the versions of the distributions that the code imports, and the digests of the stages above it.
"""

import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from emotiw.core.resources import PACKAGE, RESOURCES
from emotiw.jobs import source_facts

# distributions whose modules importlib.metadata cannot attribute
DISTRIBUTIONS = {"dlib": "dlib-bin"}


class Stage(dict[str, Any]):
    """The identity of a stage; its text, JSON with sorted keys, is the option `--stage` and what Snakemake compares."""

    def __str__(self) -> str:
        return json.dumps(self, sort_keys=True, allow_nan=False)

    __repr__ = __str__

    @property
    def digest(self) -> str:
        """SHA-256 of the JSON, in hexadecimal."""
        return hashlib.sha256(str(self).encode()).hexdigest()


def stage(program: Path, settings: Mapping[str, Any], above: Mapping[str, str], **more: Any) -> Stage:
    """Identity of the stage that `program` computes.

    Parameters
    ----------
    program : Path
        The Python file that the rule starts.
    settings : mapping
        The part of the configuration that the program reads.
    above : mapping of str to str
        Digests of the stages whose outputs it reads, by name.
    **more
        Anything else that the result depends on: hashes of clips, weights, seeds.
    """
    return Stage(
        settings=dict(settings),
        code=fingerprint(program),
        distributions=dict(distributions(program)),
        above=dict(above),
        **more,
    )


def clips_digest(clips: Iterable[Sequence[str]]) -> str:
    """SHA-256 of the (id, file hash) of each clip of a job; the job's identity holds it in place of the list of clips.

    The list itself could exceed the longest command line that the system allows.
    """
    return hashlib.sha256(json.dumps([list(clip) for clip in clips]).encode()).hexdigest()


@cache
def fingerprint(program: Path) -> str:
    """SHA-256 of a program, of every module of the package that it imports, and of the resource files they name.

    Modules are hashed as syntax trees, so comments and layout do not count; docstrings do.
    """
    digest = hashlib.sha256()
    for path in sorted(closure(program)):
        digest.update(_content(path))
        for resource in _resources(path):
            digest.update(resource.relative_to(RESOURCES).as_posix().encode() + b"\0" + resource.read_bytes() + b"\0")
    return digest.hexdigest()


def function_code(name: str) -> str:
    """Fingerprint of the module of a function that is named as `module:function`, and of all that it imports."""
    return fingerprint(PACKAGE.parent / f"{name.partition(':')[0].replace('.', '/')}.py")


@cache
def distributions(program: Path) -> tuple[tuple[str, str], ...]:
    """Name and installed version of each third-party distribution that the program's closure imports."""
    owners = _owners()
    roots = {name.partition(".")[0] for path in closure(program) for name in _imports(path)}
    names = {owners[root] for root in roots - {PACKAGE.name, *sys.stdlib_module_names} if root in owners}
    return tuple((name, importlib.metadata.version(name)) for name in sorted(names))


@cache
def closure(program: Path) -> frozenset[Path]:
    """Return the program and every file of the package that it imports, directly or indirectly."""
    seen: set[Path] = set()
    todo = [program]
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo += [file for name in _imports(path) if (file := _module_file(name))]
    return frozenset(seen)


@cache
def _content(path: Path) -> bytes:
    name = path.relative_to(PACKAGE.parent) if path.is_relative_to(PACKAGE.parent) else path.name
    return f"{name}\0{_source(path).tree}\0".encode()


@cache
def _imports(path: Path) -> frozenset[str]:
    return frozenset(_source(path).imports)


@cache
def _source(path: Path) -> source_facts.Facts:
    return source_facts.of(path.read_bytes(), str(path))


@cache
def _module_file(name: str) -> Path | None:
    parts = name.split(".")
    if parts[0] != PACKAGE.name:
        return None
    base = PACKAGE.joinpath(*parts[1:])
    return next((file for file in (base.with_suffix(".py"), base / "__init__.py") if file.is_file()), None)


@cache
def _resources(path: Path) -> tuple[Path, ...]:
    strings = set(_source(path).names)
    return tuple(sorted(file for file in RESOURCES.rglob("*") if file.is_file() and file.name in strings))


@cache
def _owners() -> dict[str, str]:
    return source_facts.owners() | DISTRIBUTIONS
