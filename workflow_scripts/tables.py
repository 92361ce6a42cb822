"""Write the tables of the systems as JSON, CSV, Markdown and LaTeX."""

import json
from collections.abc import Sequence

from emotiw.core import files
from emotiw.corpora import manifest
from emotiw.jobs import runtime
from emotiw.report import corpus_tables, paper_tables

TABLES = ("classifiers", "combinations", "kernels")


def main(argv: Sequence[str] | None = None) -> None:
    """Write every table in every format, and all tables as JSON to `--output`."""
    args = runtime.arguments(__doc__, argv, one=["metrics", "text", *TABLES, *(f"{name}_latex" for name in TABLES)])
    metrics, config = json.loads(args.metrics.read_bytes()), args.settings
    lines_of_table = paper_tables.lines_of_table(metrics, config)
    for name, lines in lines_of_table.items():
        files.write_atomic(vars(args)[name], manifest.table_bytes(paper_tables.table_rows(lines)))
    for name, text in paper_tables.latex_tables(metrics, config).items():
        files.write_atomic(vars(args)[f"{name}_latex"], text.encode())
    text = paper_tables.markdown(metrics, config) + corpus_tables.markdown(metrics)
    files.write_atomic(args.text, text.encode())
    files.write_json(args.output, paper_tables.content(metrics, lines_of_table))


if __name__ == "__main__":
    runtime.start(main)
