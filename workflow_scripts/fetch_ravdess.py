"""Fetch an archive of RAVDESS, check it against its published hash, and unpack it below the corpus's folder."""

from emotiw.core import files, resumable_download
from emotiw.corpora import releases
from emotiw.jobs import runtime


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["record", "folder"])
    name, url = args.settings["archive"], args.settings["url"]
    about = releases.of_record(args.record.read_bytes(), name, url)
    archive = args.folder / ".fetched" / name
    resumable_download.to_file(about, archive)
    members = releases.unpack(archive, args.folder, releases.RAVDESS_MEMBER)
    files.write_json(args.output, {"archive": name, "digest": about.digest, "size": about.size, "members": members})
    archive.unlink()


if __name__ == "__main__":
    runtime.start(main)
