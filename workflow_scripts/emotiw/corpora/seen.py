"""What a system was trained on, as hashes: contents of clips, subjects, films; and which clips of a corpus it has seen.

A subject is hashed as `<population>-<subject>`, with the id that the adapter of the corpus gives, so entries of one
population have equal hashes for equal people, and equal ids of different populations differ. Films are hashed alike.
The hashes have no salt: another corpus must come to the same ones. So they hide no id from one who guesses it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotiw.core.errors import BundleError
from emotiw.corpora.leakage import EMPTY_SHA256
from emotiw.corpora.manifest import Row

TABLES = ("csv", "demo")  # kinds whose subjects are people of this table alone
KEYS = ("clips", "subjects", "films")
HOW = "clips: SHA-256 of the file; subjects, films: SHA-256 of '<population>-<id>' in UTF-8"


@dataclass(frozen=True)
class Seen:
    """Why a system has seen a clip: its content, its subject or its film was among those it was trained on."""

    what: str
    name: str


def population(corpus: Mapping[str, Any], run: str) -> str:
    """Name of the people in a corpus: as configured, else the kind of a published corpus, else the name of the run.

    Parameters
    ----------
    corpus : mapping
        Section `corpus` of the configuration.
    run : str
    """
    return str(corpus.get("population") or (run if corpus["kind"] in TABLES else corpus["kind"]))


def digest(group: str, name: str) -> str:
    """Hash of a subject or of a film of a population."""
    return hashlib.sha256(f"{group}-{name}".encode()).hexdigest()


def record(rows: Iterable[Row], group: str) -> dict[str, Any]:
    """Hashes of all that is in clips.

    Parameters
    ----------
    rows : iterable of Row
    group : str
        Their population. Rows of a run of several corpora have theirs in their ids already.
    """
    found: dict[str, set[str]] = {key: set() for key in KEYS}
    for row in rows:
        if row.sha256 != EMPTY_SHA256:
            found["clips"].add(row.sha256)
        if row.subject != row.clip:
            found["subjects"].add(_hashed(row, group, row.subject))
        if row.film:
            found["films"].add(_hashed(row, group, row.film))
    return {"how": HOW, **{key: sorted(values - {""}) for key, values in found.items()}}


def check(subject: str, found: Any) -> dict[str, frozenset[str]]:
    """Hashes of a record that was read from a file; a BundleError if it is none.

    Parameters
    ----------
    subject : str
        Name of the file.
    found : JSON value
    """
    lists = [found.get(key) for key in KEYS] if isinstance(found, dict) else [None]
    if not all(isinstance(values, list) and all(isinstance(value, str) for value in values) for values in lists):
        raise BundleError(f"{subject}: expected lists of hashes {', '.join(KEYS)}; copy the bundle anew")
    return {key: frozenset(found[key]) for key in KEYS}


def reasons(sha256: str, subject: str, film: str, hashes: Mapping[str, frozenset[str]]) -> list[Seen]:
    """Why a system has seen a clip; empty if it has not.

    Parameters
    ----------
    sha256 : str
        Hash of the clip's content.
    subject, film : str
        As `<population>-<id>`; empty if unknown.
    hashes : mapping of str to frozenset of str
        From `check`.
    """
    keyed = {"subjects": ("subject", subject), "films": ("film", film)}
    found = [Seen("content", sha256[:12])] if sha256 in hashes["clips"] else []
    for key, (what, name) in keyed.items():
        if name and hashlib.sha256(name.encode()).hexdigest() in hashes[key]:
            found.append(Seen(what, name))
    return found


def summary(found: Sequence[Seen]) -> str:
    """Name what was seen: the subjects and films, and the number of contents."""
    lines = []
    for what in ("subject", "film"):
        names = sorted({seen.name for seen in found if seen.what == what})
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            lines.append(f"{len(names)} {what}{'s' * (len(names) > 1)} ({', '.join(names[:5])}{more})")
    n_contents = len({seen.name for seen in found if seen.what == "content"})
    return ", ".join([*lines, *([f"{n_contents} files by their content"] if n_contents else [])])


def _hashed(row: Row, group: str, name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest() if row.corpus else digest(group, name)
