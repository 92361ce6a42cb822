"""What mkdocs does beside its configuration: pages of the top folder, one API page a room, and no address of others."""

import ast
import hashlib
import logging
import re
from pathlib import Path

from latex2mathml.converter import convert
from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "workflow_scripts" / "emotiw"
TOP = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md"}
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DIAGRAMS = ROOT / "docs" / "images" / "diagrams"
LOG = logging.getLogger("mkdocs.hooks")
LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"(https?:)?//|<link\b[^>]*\bhref=\"(https?:)?//")


class Formulas(Preprocessor):
    """Formulas of docstrings (`.. math::`) and of pages (between lines of `$$`) as MathML, which browsers draw."""

    DIRECTIVE = re.compile(r"^( *)\.\. math::(.*\n(?:(?:\1 +.*)?\n)*)", re.MULTILINE)
    DOLLARS = re.compile(r"^\$\$\n(.*?)\n\$\$$", re.MULTILINE | re.DOTALL)

    def run(self, lines: list[str]) -> list[str]:
        """Replace the formulas of a text."""
        text = self.DIRECTIVE.sub(lambda found: self._drawn(found[2]), "\n".join([*lines, ""]))
        return self.DOLLARS.sub(lambda found: self._drawn(found[1]), text).split("\n")

    def _drawn(self, text: str) -> str:
        formulas = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]
        drawn = [self.md.htmlStash.store(convert(formula, display="block")) for formula in formulas]
        return "\n\n" + "\n\n".join(drawn) + "\n\n"


class FormulaExtension(Extension):
    """Makes Markdown draw formulas."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  Markdown's name
        """Add the preprocessor, after that of fenced code."""
        md.preprocessors.register(Formulas(md), "formulas", 20)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add a page of the API for each room to the navigation, and let Markdown draw formulas."""
    config.markdown_extensions.append(FormulaExtension())
    reference = next(section for section in config.nav if "Reference" in section)
    reference["Reference"] = [{room: f"api/{room}.md"} for room in _rooms()]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made here."""
    for source, page in TOP.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=_from_top(text)))
    for room in _rooms():
        files.append(File.generated(config, f"api/{room}.md", content=_room(room)))
    style = HtmlFormatter(style="default").get_style_defs(".highlight")
    files.append(File.generated(config, "site/pygments.css", content=style))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Show diagrams as they were drawn, and links to files that are no pages as plain text."""
    return LINK.sub(_inside, MERMAID.sub(_drawn, markdown))


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse pages that load anything from another server."""
    for page in sorted(Path(config.site_dir).rglob("*.html")):
        if found := LOADED.search(page.read_text(encoding="utf-8")):
            raise PluginError(f"{page}: loads something from another server: {found[0]}; keep a copy in docs/")


def _rooms() -> list[str]:
    return ["cli", *sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))]


def _room(room: str) -> str:
    if room == "cli":
        return "# emotiw.cli\n\n::: emotiw.cli\n"
    folder = PACKAGE / room
    summary = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    modules = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    return f"# emotiw.{room}\n\n{summary}\n\n" + "\n\n".join(f"::: emotiw.{room}.{name}" for name in modules) + "\n"


def _drawn(found: re.Match[str]) -> str:
    path = DIAGRAMS / f"{hashlib.sha256(found[1].strip().encode()).hexdigest()[:12]}.svg"
    if path.is_file():
        return f'<div class="diagram">{path.read_text(encoding="utf-8")}</div>'
    LOG.info("a diagram has no drawing and is shown as text: run docs/site/draw.py")
    return found[0]


def _from_top(text: str) -> str:
    """Let links of a file of the top folder begin in docs/."""
    return LINK.sub(lambda link: f"[{link[1]}]({_below_docs(link[2])})", text)


def _below_docs(target: str) -> str:
    if target.startswith(("http", "#")):
        return target
    return target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}"


def _inside(link: re.Match[str]) -> str:
    target, _, anchor = link[2].partition("#")
    if not target.startswith("../"):
        return link[0]
    page = TOP.get(target.removeprefix("../"))
    return f"[{link[1]}]({page}{'#' + anchor if anchor else ''})" if page else link[1]
