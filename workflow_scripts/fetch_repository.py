"""Fetch folders of a public git repository at one commit, which git checks, below the folder of a corpus."""

from collections.abc import Sequence

from emotiw.core import files
from emotiw.corpora import repositories
from emotiw.corpora.repositories import Repository
from emotiw.jobs import runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Fetch the folders below `--folder`, and write the names of their files to `--output`."""
    args = runtime.arguments(__doc__, argv, one=["folder"])
    repository = Repository(**{name: args.settings[name] for name in ("url", "commit", "paths")})
    names = repositories.fetch(repository, args.folder)
    files.write_json(args.output, {"url": repository.url, "commit": repository.commit, "files": sorted(names)})


if __name__ == "__main__":
    runtime.start(main)
