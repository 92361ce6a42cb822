"""Join the prediction tables of all jobs, sorted by the clips' paths."""

from collections.abc import Sequence

from emotiw.core import files
from emotiw.corpora import manifest
from emotiw.jobs import runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Join the tables in the folder `--tables`; the identity of the stage names the jobs."""
    args = runtime.arguments(__doc__, argv, one=["tables"])
    names = args.stage["jobs"]
    tables = [manifest.table_rows((args.tables / f"{name}.csv").read_bytes()) for name in names]
    rows = sorted(row for table in tables for row in table[1:])
    files.write_atomic(args.output, manifest.table_bytes([tables[0][0], *rows]))


if __name__ == "__main__":
    runtime.start(main)
