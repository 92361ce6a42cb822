"""Write the tables of the video system: classifiers by feature, single kernels, combinations of features."""

import json
from dataclasses import asdict

from emotiw.core import files
from emotiw.corpora import manifest
from emotiw.jobs import runtime
from emotiw.report import paper_tables

TABLES = ("classifiers", "combinations", "kernels")  # in the order of `tables.readable`
LATEX = tuple(f"{name}_latex" for name in TABLES)


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["metrics", "text", *TABLES, *LATEX])
    metrics, video = json.loads(args.metrics.read_bytes()), args.settings["video"]
    made = {
        "classifiers": paper_tables.classifier_lines(metrics, video),
        "kernels": paper_tables.kernel_lines(metrics, video),
        "combinations": paper_tables.combination_lines(metrics, video),
    }
    for name, lines in made.items():
        files.write_atomic(vars(args)[name], manifest.table_bytes(paper_tables.table_rows(lines)))
    part = "test" if metrics["parts"]["test"]["n_scored"] else "val"
    for name, table in zip(LATEX, paper_tables.readable(metrics, video), strict=True):
        files.write_atomic(vars(args)[name], paper_tables.latex(table, part).encode())
    files.write_atomic(args.text, paper_tables.markdown(metrics, video).encode())
    about = {name: metrics[name] for name in ("run", "corpus", "synthetic", "protocol", "n_clips", "n_subjects")}
    of_lines = {name: [asdict(line) for line in lines] for name, lines in made.items()}
    files.write_json(args.output, {**about, "selection": paper_tables.SELECTED, **of_lines})


if __name__ == "__main__":
    runtime.start(main)
