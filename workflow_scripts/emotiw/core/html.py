"""What the pages in HTML share: how their templates are read, strict and escaped, and the files that they embed."""

import jinja2

from emotiw.core.resources import RESOURCES


def environment() -> jinja2.Environment:
    """Make an environment of templates that refuses an unknown name and escapes what it inserts."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(RESOURCES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def resource(name: str) -> str:
    """Text of a file among the resources."""
    return (RESOURCES / name).read_text(encoding="utf-8")
