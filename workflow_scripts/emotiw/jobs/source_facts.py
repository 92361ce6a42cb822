"""Facts of Python files and of installed packages that an identity is made from, remembered between two starts.

What is remembered of a file is found by the hash of its bytes, and what is remembered of the packages by the names of
all that are installed, so nothing outdated is used. A file of facts that is damaged is not read.
"""

import ast
import atexit
import hashlib
import importlib.metadata
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotiw.core import files

LONGEST_NAME = 80  # of a string that may name a resource file
METADATA = (".dist-info", ".egg-info", ".pth", ".egg-link")  # how files and folders of installed packages end
PYTHON = sys.version.split()[0]  # the syntax tree depends on it


@dataclass(frozen=True)
class Facts:
    """What the text of a Python file says.

    Attributes
    ----------
    tree : str
        SHA-256 of its syntax tree.
    imports : list of str
        Sorted names of the modules that it imports, and of their parents.
    names : list of str
        Sorted strings in it that may be names of files: with a dot, without a space.
    """

    tree: str
    imports: list[str]
    names: list[str]


class _Memory:
    """Facts by key, read from a file and written to it at the end of the process if there are new ones."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}
        self._used: dict[str, Any] = {}
        self._written: set[str] = set()

    def open(self, path: Path) -> None:
        try:
            known = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            known = {}
        self._known = known if isinstance(known, dict) else {}
        self._written = set(self._known)
        atexit.register(self._save, path, os.getpid())

    def get(self, key: str) -> Any:
        if key in self._known:
            self._used[key] = self._known[key]
        return self._known.get(key)

    def put(self, key: str, value: Any) -> None:
        self._known[key] = self._used[key] = value
        self._written.discard(key)

    def _save(self, path: Path, process: int) -> None:
        try:
            # only what was used, so that the file does not grow; a fork has its own end
            if os.getpid() == process and set(self._used) != self._written:
                files.write_json(path, self._used)
        except OSError:
            pass  # a folder that cannot be written slows the next start down, and nothing else


_MEMORY = _Memory()


def remember(path: Path) -> None:
    """Read facts from a JSON file now, and write those of this process to it when the process ends."""
    _MEMORY.open(path)


def of(data: bytes, subject: str) -> Facts:
    """Facts of the bytes of a Python file; `subject` names it in a SyntaxError."""
    key = f"{PYTHON} {hashlib.sha256(data).hexdigest()}"
    try:
        return Facts(**_MEMORY.get(key))
    except TypeError:  # unknown, or damaged
        facts = _facts(ast.parse(data, filename=subject))
        _MEMORY.put(key, asdict(facts))
        return facts


def owners() -> dict[str, str]:
    """Name of the installed distribution that each top-level module belongs to."""
    key = f"packages {hashlib.sha256(json.dumps(sorted(_installed())).encode()).hexdigest()}"
    known = _MEMORY.get(key)
    if not isinstance(known, dict):
        known = {module: names[0] for module, names in importlib.metadata.packages_distributions().items()}
        _MEMORY.put(key, known)
    return known


def _facts(tree: ast.Module) -> Facts:
    imports: set[str] = set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imports.add(node.module)
            imports.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _may_be_file(node.value):
            names.add(node.value)
    parents = {name.rpartition(".")[0] for name in imports}
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return Facts(digest, sorted(imports | parents - {""}), sorted(names))


def _may_be_file(text: str) -> bool:
    return "." in text and len(text) <= LONGEST_NAME and not any(letter.isspace() for letter in text)


def _installed() -> Iterable[str]:
    for folder in dict.fromkeys(sys.path):
        try:
            yield from (f"{folder}/{name}" for name in os.listdir(folder or ".") if name.endswith(METADATA))
        except OSError:
            continue  # a zip file or an absent folder
