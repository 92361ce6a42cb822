"""What differs between two identities of a job, in words."""

import json
from collections.abc import Iterator
from typing import Any

# keys whose values are hashes, which say nothing to a reader, and what they are called
NAMED = {
    **{"code": "code", "rows": "rows of the table of clips", "clips": "clips", "folds": "folds", "sha256": "weights"},
    **{"faces": "pictures", "votes": "votes", "workflow": "files of the workflow"},
}
OF_CLIPS = "clips_sha256"


def own(change: str) -> bool:
    """Whether a text of `changes` names a cause of its own, not that a stage above has changed."""
    return " -> " in change or change.removesuffix(" changed") in NAMED.values()


def changes(before: Any, now: Any) -> list[str]:
    """Describe each difference between two identities, in the order of their keys; hashes are named and not shown."""
    return list(dict.fromkeys(_text(*found) for found in differences(before, now)))


def differences(before: Any, now: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Key, value before and value now of each difference between two mappings; nested keys are joined by points."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from differences(before.get(key), now.get(key), f"{where}.{key}" if where else key)
    elif before != now:
        yield where, before, now


def written(value: Any) -> str:
    """Write a value of a configuration on one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(name: str, before: Any, now: Any) -> str:
    section = name.partition(".")[0]
    if section == OF_CLIPS:
        return "clips changed"
    if section in NAMED:
        return f"{NAMED[section]} changed"
    if section == "above":
        return f"{name.removeprefix('above.')} changed"
    return f"{name.removeprefix('settings.').removeprefix('distributions.')} {written(before)} -> {written(now)}"
