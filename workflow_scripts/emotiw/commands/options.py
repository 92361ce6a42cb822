"""What the commands of `emotiw` share: exit statuses, and options of several commands."""

from pathlib import Path
from typing import Annotated

import typer

OK, NEGATIVE, UNUSABLE, INTERNAL = 0, 1, 2, 3
ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option("--configfile", help="YAML file that overrides config.yaml; of several, the last one wins."),
]
