"""What mkdocs does beside its configuration: pages of the top folder, one API page a room, and no address of others."""

import ast
import re
from importlib.metadata import files
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "workflow_scripts" / "emotiw"
TOP = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md", "SECURITY.md": "security.md"}
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")
LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"(https?:)?//|<link\b[^>]*\bhref=\"(https?:)?//")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add a page of the API for each room to the navigation."""
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
    files.append(File.generated(config, "site/mermaid.js", abs_src_path=str(_mermaid())))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Turn links to the repository's other files, which are no pages, into plain text."""
    return LINK.sub(_inside, markdown)


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


def _mermaid() -> Path:
    """Return the library that draws diagrams, as a package of the index carries it."""
    return next(Path(path.locate()) for path in files("django-mermaid") or () if path.name == "mermaid.js")


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
