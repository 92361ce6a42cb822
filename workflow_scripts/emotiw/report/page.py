"""Render the report of a run as one self-contained HTML page: results, comparison with the paper, clips, provenance."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emotiw.core import html
from emotiw.corpora.manifest import Manifest
from emotiw.evaluation import systems
from emotiw.fusion import schemes
from emotiw.report import (
    charts,
    confusion_cells,
    corpus_tables,
    datasheet,
    explorer,
    formats,
    paper_tables,
    paper_values,
    system_tables,
)
from emotiw.report.charts import Chart
from emotiw.report.explorer import ClipContents
from emotiw.report.formats import interval, percent

TEMPLATE, STYLE, SCRIPT, MACROS = "report.html.j2", "report.css", "report.js", "report_macros.html.j2"
SECTIONS = (
    "report_overview.html.j2",
    "report_corpora.html.j2",
    "report_paper.html.j2",
    "report_errors.html.j2",
    "report_clips.html.j2",
    "report_data.html.j2",
    "report_reproducibility.html.j2",
)


def render(
    corpus: Manifest,
    metrics: Mapping[str, Any],
    rows: Mapping[str, Mapping[str, str]],
    contents: ClipContents,
    *,
    provenance: Mapping[str, Any],
) -> str:
    """Render the page as HTML; the same content gives the same bytes.

    Parameters
    ----------
    corpus : Manifest
        The clips.
    metrics : mapping
        Content of `metrics.json`.
    rows : mapping of str to mapping
        Row of `predictions.csv` that is shown for each clip, from `explorer.shown_rows`.
    contents : ClipContents
        Pictures and scores of the clips.
    provenance : mapping
        From `provenance.determinants`, and `ledger`, the entries of `ledger.json`. Its `config` holds the page's title.
    """
    environment = html.environment()
    environment.filters |= formats.FILTERS
    part = shown_part(metrics)
    config = provenance["config"]
    context = {
        "title": config["report"]["title"],
        "style": html.resource(STYLE),
        "script": html.resource(SCRIPT),
        "library": charts.library(),
        "macros": MACROS,
        "sections": SECTIONS,
        "corpus": corpus,
        "metrics": metrics,
        "part": part,
        "n_folds": len(metrics["fusion"]["folds"]),
        "main": systems.shown(metrics["modalities"]),
        "verdict": verdict(metrics, part),
        "provenance": provenance,
        "charts": plots(metrics, rows, config),
        **_paper(corpus, metrics, part, config),
        "confusions": [
            confusion_cells.cells(name, metrics["parts"][part]["systems"][name]["confusion"])
            for name in systems.shown(metrics["modalities"])
        ],
        "clips": list(explorer.clip_rows(rows, contents)),
        "clip_data": explorer.script_data(corpus.classes, rows, contents),
        "error_filters": explorer.ERRORS,
        **_data(corpus, rows),
        **_corpora(metrics),
        "config_text": json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False),
        "deviations": datasheet.deviations(config),
        "seeds": datasheet.seeds(config),
        "ledger": datasheet.choices_made(provenance["ledger"]),
    }
    return environment.get_template(TEMPLATE).render(context)


def plots(
    metrics: Mapping[str, Any], rows: Mapping[str, Mapping[str, str]], config: Mapping[str, Any]
) -> dict[str, Chart]:
    """Charts of the page by name; `config` is the configuration, the rest as in `render`."""
    part, classes, scheme = shown_part(metrics), metrics["classes"], metrics["fusion"]["scheme"]
    main = systems.shown(metrics["modalities"])
    confusions = {name: metrics["parts"][part]["systems"][name]["confusion"] for name in main}
    if scheme == schemes.PRODUCT:  # which has no weights; those of the paper's best scheme are shown
        scheme = "joint"
    weights = {name: fold["weights"][scheme] for name, fold in metrics["fusion"]["folds"].items()}
    best = system_tables.best_modality(metrics, part)
    changes = explorer.changes([row for row in rows.values() if row["part"] == part], best, classes)
    drawn = (
        system_tables.overview_chart(metrics, part),
        system_tables.classifier_chart(metrics, part, config),
        system_tables.figure_4(metrics, part),
        charts.recall_chart("recall", f"Recall of each class, {part} clips", confusions, classes),
        charts.gain_chart("gains", f"Clips that fusion wins and loses over {best} alone, {part}", changes),
        charts.weight_chart("weights", f"Weight of audio, scheme “{scheme}”", weights, classes),
    )
    return {chart.name: chart for chart in drawn}


def shown_part(metrics: Mapping[str, Any]) -> str:
    """Part that the charts and the verdict are about: test, or val if no test label is known."""
    return next((name for name in ("test", "val") if metrics["parts"][name]["n_scored"]), "test")


def read_predictions(path: Path) -> list[dict[str, str]]:
    """Read the rows of `predictions.csv`."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def verdict(metrics: Mapping[str, Any], part: str) -> list[str]:
    """Three lines: accuracy of the fusion, its gain over the best modality, and the account of all clips."""
    part_metrics = metrics["parts"][part]
    where = f"the {part_metrics['n_scored']} {part} clips" + (
        " (to which its weights were fitted)" if part == "val" else ""
    )
    clips = _account(metrics, part_metrics, part)
    if not part_metrics["n_scored"]:
        return ["No label is known, so nothing is scored.", "Every clip has a prediction.", clips]
    chief = systems.shown(metrics["modalities"])[-1]
    fused, constant = part_metrics["systems"][chief], part_metrics["majority_class"]
    first = (
        f"{chief.capitalize()} is right on {percent(fused['accuracy'])} of {where}"
        f"{_range(fused['accuracy_interval'])}; "
        f"always predicting “{constant['label']}” would be right on {percent(constant['accuracy'])}."
    )
    if chief != "fusion":
        return [first, f"This run has {chief} alone, so nothing is fused.", clips]
    absent = [name for name in metrics["modalities"] if name not in system_tables.judged_by(metrics, part)]
    if absent:
        missing = " and ".join(absent)
        return [first, f"{missing.capitalize()} judged none of these clips, so nothing is fused.", clips]
    best = system_tables.best_modality(metrics, part)
    gain = part_metrics["fusion_gain"][best]
    points = f"{100 * gain['accuracy']:+.1f} points{_range(gain['accuracy_interval'], signed=True)}"
    alone = percent(part_metrics["systems"][best]["accuracy"])
    second = f"Its best single modality is {best} with {alone}: a difference of {points}{_judged(gain)}."
    return [first, second, clips]


def _paper(corpus: Manifest, metrics: Mapping[str, Any], part: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "comparable": paper_values.comparable(corpus.corpus),
        "published": paper_values.lines(metrics, part, corpus.corpus),
        "rules": paper_values.RULES,
        "lost": paper_values.LOST,
        "published_interval": paper_values.PUBLISHED_INTERVAL,
        "networks": system_tables.networks(metrics),
        "schemes": system_tables.schemes(metrics),
        "comparisons": metrics["parts"][part]["comparisons"],
        "baselines": [systems.baseline(name) for name in systems.BASELINES],
        "tables": paper_tables.readable(metrics, config),
        "classifier_names": paper_tables.CLASSIFIER_NAMES,
        "others": system_tables.others(metrics),
    }


def _data(corpus: Manifest, rows: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {
        "counts": datasheet.class_counts(corpus),
        "places": datasheet.places(corpus),
        "status_counts": datasheet.status_counts(corpus, rows),
        "subjects": datasheet.subject_counts(corpus),
    }


def _corpora(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "matrices": corpus_tables.matrices(metrics),
        "corpora_lines": corpus_tables.lines(metrics),
        "corpora_header": (*corpus_tables.HEADER, *corpus_tables.SCORES),
        "corpora_note": corpus_tables.NOTE,
    }


def _range(ends: Sequence[float] | None, signed: bool = False) -> str:
    return f" (95 % interval {interval(ends, signed)})" if ends else ""


def _judged(gain: Mapping[str, Any]) -> str:
    ends = gain["accuracy_interval"]
    if not ends:
        return ""
    return "" if ends[0] > 0 or ends[1] < 0 else ", which the interval does not distinguish from zero"


def _account(metrics: Mapping[str, Any], part_metrics: Mapping[str, Any], part: str) -> str:
    sources = part_metrics["sources"]
    return (
        f"All {metrics['n_clips']} clips are accounted for. Of the {part_metrics['n']} {part} clips, "
        f"{sources['fusion']} were predicted from both modalities, {sources['video']} from video alone, "
        f"{sources['audio']} from audio alone and {sources['prior']} from the class prior."
    )
