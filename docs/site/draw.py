"""Draw the diagrams of the documents, for pages that load nothing; run it after an edit of a diagram.

    npm pack mermaid@11.12.0 && tar xzf mermaid-11.12.0.tgz
    .venv/bin/python docs/site/draw.py package/dist/mermaid.min.js

Needs Chromium. A drawing is called by the hash of the text that it was made of, so an old one is never shown.
"""

import hashlib
import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```mermaid\n(.*?)^```", re.MULTILINE | re.DOTALL)
LONG = re.compile(r"(\d\.\d)\d+")  # a tenth of a pixel is enough
FOLDER = DOCS / "images" / "diagrams"
SETTINGS = {"startOnLoad": False, "securityLevel": "strict", "theme": "neutral", "fontFamily": "sans-serif"}


def drawing(text: str) -> Path:
    """Where the drawing of a diagram is."""
    return FOLDER / f"{hashlib.sha256(text.strip().encode()).hexdigest()[:12]}.svg"


def main(library: Path) -> None:
    """Draw what has no drawing, and remove drawings that no page has."""
    texts = {drawing(text): text for page in DOCS.glob("*.md") for text in FENCE.findall(page.read_text("utf-8"))}
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in set(FOLDER.glob("*.svg")) - set(texts):
        old.unlink()
    with sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"]).new_page()
        page.add_script_tag(path=library)
        page.evaluate("settings => mermaid.initialize(settings)", SETTINGS)
        for path, text in texts.items():
            name = f"d{path.stem}"
            svg = page.evaluate("async ([n, t]) => (await mermaid.render(n, t)).svg", [name, text])
            path.write_text(LONG.sub(r"\1", svg), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
