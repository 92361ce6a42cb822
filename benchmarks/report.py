"""Size and opening time of the report of many clips, in a real browser.

The clips of a finished run are repeated under new names until there are enough of them, each with its own faces, scores
and time course; the page is written and opened several times in a fresh browser, at a desktop's and at a phone's size.
`load` ends when the page is parsed, its scripts have run and it is laid out; `painted` is the first frame after that;
`CPU` is what the page's own thread computed until then, which other load on the machine does not lengthen. The limits
of 25 MB and 3 s (median) are checked. Run with
`PYTHONPATH=workflow_scripts python benchmarks/report.py results/RUN --clips 1700`.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import sync_playwright

from emotiw.corpora import manifest
from emotiw.jobs import settings
from emotiw.report import explorer, provenance
from emotiw.report import page as report_page

LIMIT_MB, LIMIT_S = 25, 3
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()))))"


def repeated(table, names):
    """Look up what is known of the clips that new ones repeat."""
    return {name: table[clip] for name, clip in names if clip in table}


def page(folder, n_clips):
    """Render the report of a run with its clips repeated."""
    corpus = manifest.read(folder / "manifest.csv")
    rows = explorer.shown_rows(corpus, report_page.read_predictions(folder / "report/predictions.csv"))
    folds = list(manifest.folds(corpus))
    about = explorer.clip_contents(
        corpus,
        rows,
        faces=folder / "features/faces",
        fusion=[folder / f"fusion/{fold}/scores.h5" for fold in folds],
        frames=[folder / f"audio/{fold}/frames.h5" for fold in folds],
    )
    n_turns = -(-n_clips // len(rows))
    names = [(f"{clip}_{i}", clip) for i in range(n_turns) for clip in rows][:n_clips]
    known = {row.clip: row for row in corpus.rows}
    larger = replace(corpus, rows=tuple(replace(known[clip], clip=name) for name, clip in names))
    about = explorer.ClipContents(*(repeated(table, names) for table in (about.strips, about.scores, about.courses)))
    shown = {name: {**rows[clip], "clip": name} for name, clip in names}
    facts = provenance.determinants(
        repository=settings.ROOT, config=settings.load([]), manifest=folder / "manifest.csv", records=[]
    )
    metrics = json.loads((folder / "report/metrics.json").read_bytes())
    return report_page.render(larger, metrics, shown, about, provenance=facts | {"ledger": []})


def opened(address, size):
    """Seconds until a page is loaded, until it is painted, and of its thread's CPU, in a fresh browser."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        view = browser.new_page(viewport=dict(zip(("width", "height"), size, strict=True)))
        devtools = view.context.new_cdp_session(view)
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        view.goto(address, wait_until="load")
        painted = view.evaluate(PAINTED)
        load = view.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        found = {it["name"]: it["value"] for it in devtools.send("Performance.getMetrics")["metrics"]}
        browser.close()
    return {"load": load / 1000, "painted": painted / 1000, "CPU": found["ThreadTime"]}


def main():
    """Print sizes and times; exit with an error where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="results/RUN of a finished run")
    parser.add_argument("--clips", type=int, default=1700)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    text = page(args.folder, args.clips)
    size = len(text.encode()) / 1e6
    print(f"{args.clips} clips of {args.folder}: {size:.1f} MB (limit {LIMIT_MB})")
    passed = size > LIMIT_MB
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "report.html")
        path.write_text(text, encoding="utf-8")
        for name, view in SIZES.items():
            turns = [opened(path.as_uri(), view) for _ in range(args.turns)]
            medians = {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}
            passed |= medians["painted"] > LIMIT_S
            print(f"{name:8s}" + ", ".join(f"{key} {value:.2f} s" for key, value in medians.items()))
    print(f"medians of {args.turns}; the limit is {LIMIT_S} s until painted")
    if passed:
        raise SystemExit("a limit is passed")


if __name__ == "__main__":
    main()
