"""Render the report of a run as one self-contained HTML page: results, errors, clips, calibration, data, provenance."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotiw.core import html
from emotiw.corpora.manifest import Manifest
from emotiw.evaluation import systems
from emotiw.fusion import schemes
from emotiw.report import (
    charts,
    confusion_cells,
    corpus_chart,
    corpus_tables,
    datasheet,
    explorer,
    formats,
    headline,
    limits,
    methods,
    names,
    paper_tables,
    paper_values,
    system_tables,
)
from emotiw.report.charts import Chart
from emotiw.report.explorer import ClipContents

TEMPLATE, STYLE, SCRIPT, EXPLORER = "report.html.j2", "report.css", "report.js", "report_explorer.js"
MACROS = "report_macros.html.j2"
OVERVIEW = "report_overview.html.j2"
# by the anchor of each section, its title and its template
SECTIONS = {
    "summary": ("Summary", "report_summary.html.j2"),
    "corpora": ("Corpora", "report_corpora.html.j2"),
    "systems": ("Systems", "report_systems.html.j2"),
    "errors": ("Errors", "report_errors.html.j2"),
    "clips": ("Clips", "report_clips.html.j2"),
    "calibration": ("Calibration and subjects", "report_calibration.html.j2"),
    "data": ("Data", "report_data.html.j2"),
    "limits": ("Limits", "report_limits.html.j2"),
    "reproduce": ("Reproducibility", "report_reproducibility.html.j2"),
    "paper": ("Paper", "report_paper.html.j2"),
}


def render(
    corpus: Manifest,
    metrics: Mapping[str, Any],
    rows: Mapping[str, Mapping[str, str]],
    contents: ClipContents,
    *,
    provenance: Mapping[str, Any],
) -> tuple[str, dict[str, Chart]]:
    """Render the page as HTML, and its charts by name; the same content gives the same bytes.

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
        `scope` is the folder of a run of one modality, such as `audio_only/`, and empty for a whole run.
    """
    environment = html.environment()
    environment.filters |= formats.FILTERS | {"system": names.system, "in_words": names.status, "choice": names.choice}
    part = shown_part(metrics)
    config = provenance["config"]
    context = {
        "title": config["report"]["title"],
        "style": html.resource(STYLE),
        "scripts": [html.resource(SCRIPT), html.resource(EXPLORER)],
        "macros": MACROS,
        "overview": OVERVIEW,
        "sections": {name: about for name, about in SECTIONS.items() if name != "corpora" or "corpora" in metrics},
        "corpus": corpus,
        "metrics": metrics,
        "part": part,
        "n_folds": len(metrics["fusion"]["folds"]),
        "main": systems.shown(metrics["modalities"]),
        "provenance": provenance,
        "charts": (drawn := plots(metrics, rows, config)),
        "home": "../../report/" if provenance.get("scope") else "",
        **_headline(metrics, part),
        **_systems(metrics, part, config),
        **_paper(corpus, metrics, part),
        **_clips(corpus, metrics, rows, contents),
        **_data(corpus, metrics, rows),
        **_reproducibility(metrics, config, provenance),
    }
    return environment.get_template(TEMPLATE).render(context), drawn


def plots(
    metrics: Mapping[str, Any], rows: Mapping[str, Mapping[str, str]], config: Mapping[str, Any]
) -> dict[str, Chart]:
    """Charts of the page by name; `config` is the configuration, the rest as in `render`."""
    part, classes, scheme = shown_part(metrics), metrics["classes"], metrics["fusion"]["scheme"]
    main = systems.shown(metrics["modalities"])
    judging = [name for name in main if metrics["parts"][part]["systems"][name]["n_covered"]]
    of_main = {name: metrics["parts"][part]["systems"][name] for name in judging}
    if scheme == schemes.PRODUCT:  # which has no weights; those of the paper's best scheme are shown
        scheme = "joint"
    weights = {name: fold["weights"][scheme] for name, fold in metrics["fusion"]["folds"].items()}
    best = headline.best_modality(metrics, part) or metrics["modalities"][0]
    changes = explorer.changes([row for row in rows.values() if row["part"] == part], best, classes)
    drawn = (
        system_tables.overview_chart(metrics, part),
        system_tables.pairs_chart(metrics, part),
        system_tables.classifier_chart(metrics, part, config),
        system_tables.figure_4(metrics, part),
        corpus_chart.chart(metrics),
        charts.recall_chart("recall", f"Recall of each class, {part} clips", of_main, classes),
        charts.gain_chart("gains", f"Clips that fusion wins and loses over {best} alone, {part}", changes),
        charts.weight_chart("weights", f"Weight of audio, {names.system(scheme)}", weights, classes),
    )
    return {chart.name: chart for chart in drawn}


def shown_part(metrics: Mapping[str, Any]) -> str:
    """Part that the charts and the headline are about: test, or val if no test label is known."""
    return next((name for name in ("test", "val") if metrics["parts"][name]["n_scored"]), "test")


def read_predictions(path: Path) -> list[dict[str, str]]:
    """Read the rows of `predictions.csv`."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def _headline(metrics: Mapping[str, Any], part: str) -> dict[str, Any]:
    return {
        "tiles": headline.tiles(metrics, part),
        "sentence": headline.sentence(metrics, part),
        "account": headline.account(metrics, part),
        "warnings": headline.warnings(metrics, part),
    }


def _systems(metrics: Mapping[str, Any], part: str, config: Mapping[str, Any]) -> dict[str, Any]:
    header, lines = corpus_tables.table(metrics)
    known = metrics["parts"][part]["systems"]
    return {
        "baselines": [systems.baseline(name) for name in systems.BASELINES],
        "transductive": [name for name in known if system_tables.transductive(config, name)],
        "comparisons": metrics["parts"][part]["comparisons"],
        "networks": system_tables.networks(metrics),
        "schemes": system_tables.schemes(metrics),
        "tables": paper_tables.readable(metrics, config),
        "classifier_names": paper_tables.CLASSIFIER_NAMES,
        "others": system_tables.others(metrics),
        "corpora_header": header,
        "corpora_rows": lines,
        "corpora_note": corpus_tables.NOTE,
        "corpora_all_header": ["system", *corpus_tables.HEADER, *corpus_tables.SCORES],
        "corpora_all": [[name, *values] for name, values in corpus_tables.lines(metrics)],
    }


def _paper(corpus: Manifest, metrics: Mapping[str, Any], part: str) -> dict[str, Any]:
    return {
        "comparable": paper_values.comparable(corpus.corpus),
        "published": paper_values.lines(metrics, part, corpus.corpus),
        "rules": paper_values.RULES,
        "lost": paper_values.LOST,
        "published_interval": paper_values.PUBLISHED_INTERVAL,
    }


def _clips(
    corpus: Manifest, metrics: Mapping[str, Any], rows: Mapping[str, Mapping[str, str]], contents: ClipContents
) -> dict[str, Any]:
    part, modalities = shown_part(metrics), metrics["modalities"]
    return {
        "confusions": [
            confusion_cells.cells(name, metrics["parts"][part]["systems"][name]["confusion"])
            for name in systems.shown(modalities)
            if metrics["parts"][part]["systems"][name]["n_covered"]
        ],
        "n_clips": len(rows),
        "clips": list(explorer.clip_rows(rows, contents)),
        "clip_data": explorer.script_data(corpus.classes, rows, contents, modalities),
        "error_filters": explorer.filters(modalities),
        "has_courses": bool(contents.courses),
    }


def _data(corpus: Manifest, metrics: Mapping[str, Any], rows: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {
        "counts": datasheet.class_counts(corpus),
        "places": datasheet.places(corpus),
        "status_counts": datasheet.status_counts(corpus, rows, metrics["modalities"]),
        "subjects": datasheet.subject_counts(corpus),
    }


def _reproducibility(
    metrics: Mapping[str, Any], config: Mapping[str, Any], provenance: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "config_text": json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False),
        "deviations": datasheet.deviations(config),
        "seeds": datasheet.seeds(config),
        "ledger": datasheet.choices_made(provenance["ledger"]),
        "limits": limits.of(metrics, config),
        "methods": methods.text(metrics, config),
        "bibtex": methods.bibtex(metrics, config),
    }
