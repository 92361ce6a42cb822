"""Label maps: the labels of one corpus in the classes of a system that was trained on another."""

from collections import Counter
from collections.abc import Mapping, Sequence

from emotiw.core.emotions import HIDDEN
from emotiw.core.errors import ConfigError


def mapped(labels: Sequence[str], label_map: Mapping[str, str | None], classes: Sequence[str]) -> list[str | None]:
    """Class of each label.

    Parameters
    ----------
    labels : sequence of str
        Labels of the clips, as the corpus has them.
    label_map : mapping of str to str or None
        Class of a label; None leaves its clips out. A label that is not in it keeps its name.
    classes : sequence of str
        Classes of the system.

    Returns
    -------
    list of str or None
        None for a clip that is left out, and for one whose label is hidden.

    Raises
    ------
    ConfigError
        If a label, or the class that it is mapped to, is no class of the system; if no clip has a label of the map.
    """
    known = ", ".join(classes)
    for label, wanted in label_map.items():
        if wanted is not None and wanted not in classes:
            raise ConfigError(f"corpus.labels.{label}: {wanted!r} is no class of the system; expected null or {known}")
        if label not in labels:
            found = ", ".join(sorted(set(labels)))
            raise ConfigError(f"corpus.labels: no clip has the label {label!r}; labels of this corpus: {found}")
    for label, n in Counter(labels).items():
        if label not in label_map and label not in (*classes, HIDDEN):
            raise ConfigError(
                f"label {label!r} of {n} clips is no class of the system ({known}); give its class in corpus.labels,"
                " or null to leave these clips out"
            )
    wanted_of = {label: label_map.get(label, label) for label in set(labels)}
    return [None if label == HIDDEN else wanted_of[label] for label in labels]
