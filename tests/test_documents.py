"""Documents: links lead somewhere, the README is short, tables are plain, and what they show of files is right."""

import re
import unicodedata
from pathlib import Path

import pytest
import yaml

from emotiw.core.emotions import EMOTIONS
from emotiw.corpora import csv_reader
from emotiw.jobs import settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "config/*.md", "results/README.md")
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
ANCHOR = re.compile(r'<a id="([^"]+)">')
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def prose(name):
    return FENCE.sub("", (ROOT / name).read_text(encoding="utf-8"))


def anchors(path):
    """Anchors of a page, as GitHub and mkdocs make them of headings."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    plain = [re.sub(r"[^\w\- ]", "", unicodedata.normalize("NFKC", title).lower()) for title in HEADING.findall(text)]
    return {title.strip().replace(" ", "-") for title in plain} | set(ANCHOR.findall(text))


def fault(name, target):
    """What is wrong with a link of a page, if anything."""
    if target.startswith(("https://", "http://")):
        return None
    file, _, anchor = target.partition("#")
    path = (ROOT / name).parent / file if file else ROOT / name
    if not path.exists():
        return f"{name}: {target}: no such file"
    if anchor and anchor not in anchors(path):
        return f"{name}: {target}: no such heading; there are {sorted(anchors(path))}"
    return None


def cells(name):
    """Cells of the tables of a page, without the lines below headings."""
    rows = [line for line in prose(name).splitlines() if line.startswith("|") and set(line) - set("|-: ")]
    return [cell.strip() for row in rows for cell in row.strip("|").split("|")]


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(name):
    assert [line for target in LINK.findall(prose(name)) if (line := fault(name, target))] == []


def test_a_broken_link_is_noticed():
    assert fault("README.md", "docs/none.md") == "README.md: docs/none.md: no such file"
    assert "no such heading" in fault("README.md", "docs/faq.md#none")


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    paragraphs = [part for part in re.split(r"\n\s*\n", prose("README.md")) if not part.startswith(("|", "#", "!"))]
    assert len(text.split()) <= 900
    assert max(len(part.split()) for part in paragraphs) <= 60


@pytest.mark.parametrize("name", ["README.md", "docs/results.md"])
def test_a_cell_of_a_table_holds_one_number_or_one_interval(name):
    plain = [re.sub(r"\[[^\]]*\]\([^)]*\)|`[^`]*`", "", cell) for cell in cells(name)]
    measured = [cell for cell in plain if re.match(r"[*+\-\d]", cell)]
    bounds = [NUMBER.findall(cell) for cell in measured]
    wrong = [cell for cell, found in zip(measured, bounds, strict=True) if len(found) != (2 if " to " in cell else 1)]
    assert len(measured) >= 8
    assert wrong == []


def test_every_section_of_the_configuration_is_explained():
    sections = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", prose("docs/configuration.md"), flags=re.MULTILINE)
    columns = {"clip", "path", "label", "subject", "split", "fold", "film"}
    assert [name for name in sections if name not in columns] == list(settings.read(settings.DEFAULTS))


@pytest.mark.parametrize("name", ["docs/tutorial.md", "docs/configuration.md", "config/README.md"])
def test_the_configurations_of_documents_can_be_used(name, tmp_path):
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)]
    assert blocks
    for block in blocks:
        path = tmp_path / "my.yaml"
        path.write_text(block)
        assert settings.load([path])


def test_the_sample_table_is_the_one_of_the_example_and_of_the_tutorial():
    corpus = settings.load([ROOT / "examples/csv.yaml"])["corpus"]
    table = csv_reader.read(ROOT / corpus["root"] / corpus["table"], ("clip", "path", "label", "subject", "split"))
    assert table.problems == ()
    assert {row["label"] for _, row in table.rows} == set(EMOTIONS)
    assert {row["split"] for _, row in table.rows} == {"train", "val", "test"}
    head = "\n".join((ROOT / "examples/my_clips.csv").read_text().splitlines()[:4])
    assert head in (ROOT / "docs/tutorial.md").read_text(encoding="utf-8")


def test_the_pages_of_the_site_are_those_of_the_folder():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = set(re.findall(r": ([\w-]+\.md)$", text, flags=re.MULTILINE))
    made = {"contributing.md", "changelog.md", "security.md"}
    assert named - made == {path.name for path in (ROOT / "docs").glob("*.md")}


def test_the_catalog_reads_how_to_start_the_workflow():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["mandatory-flags"]["flags"].startswith("--configfile")
    assert set(usage["software-stack-deployment"]) == {"conda", "apptainer", "apptainer+conda", "report"}
    assert (ROOT / "config" / "README.md").is_file()


def test_a_fresh_clone_says_what_will_lie_in_results():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"results/*", "!results/README.md"} <= set(ignored)
    assert (ROOT / "results" / "README.md").is_file()
