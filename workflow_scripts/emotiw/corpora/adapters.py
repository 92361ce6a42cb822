"""The corpus adapters by the value of `corpus.kind`."""

from collections.abc import Callable

from emotiw.core.errors import ConfigError
from emotiw.corpora import afew, crema_d, csv_table, dfew, enterface, javanese, meld, nemo, ravdess, savee
from emotiw.corpora.interface import Scan, Source

ADAPTERS: dict[str, Callable[[Source], Scan]] = {
    "afew": afew.scan,
    "crema_d": crema_d.scan,
    "csv": csv_table.scan,
    "demo": csv_table.scan_demo,
    "dfew": dfew.scan,
    "enterface": enterface.scan,
    "javanese": javanese.scan,
    "meld": meld.scan,
    "nemo": nemo.scan,
    "ravdess": ravdess.scan,
    "savee": savee.scan,
}


def scan(kind: str, source: Source) -> Scan:
    """Scan the corpus `source` with the adapter of `kind`.

    Raises
    ------
    ConfigError
        If the kind or an option is unknown, or the root is no folder.
    """
    if kind not in ADAPTERS:
        raise ConfigError(f"corpus.kind: {kind!r} is unknown; allowed: {', '.join(ADAPTERS)}")
    if not source.root.is_dir():
        remedy = (
            "render it with `make demo`" if kind == "demo" else f"set it to the folder that holds the corpus ({kind})"
        )
        raise ConfigError(f"corpus.root: {source.root} is no folder; {remedy}")
    return ADAPTERS[kind](source)
