"""Pack the workflow, inputs and results of a run as a Workflow Run RO-Crate."""

import json
from collections.abc import Sequence

from emotiw.core import files, resources
from emotiw.jobs import runtime
from emotiw.report import provenance, run_crate

REPOSITORY = resources.PACKAGE.parents[1]


def main(argv: Sequence[str] | None = None) -> None:
    """Describe the run and write the zip file `--output`."""
    args = runtime.arguments(
        __doc__, argv, one=["manifest", "report"], many=["results", "workflow", "provenance_records"]
    )
    facts = provenance.determinants(
        repository=REPOSITORY, config=args.settings, manifest=args.manifest, records=args.provenance_records
    )
    metrics = json.loads((args.report / "metrics.json").read_bytes())
    kind = "synthetic clips: a self-test, never a result" if metrics["synthetic"] else "clips"
    heading = {
        "name": f"{args.settings['report']['title']}: {metrics['run']}",
        "description": f"Audio-video emotion recognition on {metrics['n_clips']} {kind} of {metrics['corpus']}.",
    }
    packed = run_crate.packed(
        {f"report/{path.relative_to(args.report).as_posix()}": path for path in args.results},
        {"manifest.csv": args.manifest},
        {f"workflow/{path.resolve().relative_to(REPOSITORY).as_posix()}": path for path in args.workflow}
        | run_crate.code(REPOSITORY),
        facts=facts,
        heading=heading,
    )
    files.write_atomic(args.output, packed)


if __name__ == "__main__":
    runtime.start(main)
