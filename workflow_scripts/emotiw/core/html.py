"""Templates and embedded files of the HTML pages. Unknown names are errors; inserted text is escaped."""

import jinja2

from emotiw.core.resources import RESOURCES


def environment() -> jinja2.Environment:
    """Jinja environment that raises an error for an unknown name and escapes inserted text."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(RESOURCES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def resource(name: str) -> str:
    """Text of a file of the package's resources."""
    return (RESOURCES / name).read_text(encoding="utf-8")
