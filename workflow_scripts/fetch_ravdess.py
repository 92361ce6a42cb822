"""Download an archive of RAVDESS, check its published hash, and unpack it below the folder of the corpus."""

from collections.abc import Sequence

from emotiw.core import files, resumable_download
from emotiw.corpora import releases
from emotiw.jobs import runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Download and unpack the archive below `--folder`, and write its members to `--output`."""
    args = runtime.arguments(__doc__, argv, one=["record", "folder"])
    name, url = args.settings["archive"], args.settings["url"]
    published = releases.published_in_record(args.record.read_bytes(), name, url)
    archive = args.folder / ".fetched" / name
    resumable_download.to_file(published, archive)
    members = releases.unpack(archive, args.folder, releases.RAVDESS_MEMBER)
    facts = {"digest": published.digest, "size": published.size, "members": members}
    files.write_json(args.output, {"archive": name, **facts})
    archive.unlink()


if __name__ == "__main__":
    runtime.start(main)
