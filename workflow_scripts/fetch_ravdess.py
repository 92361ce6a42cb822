"""Fetch an archive of RAVDESS, check it against its published hash, and unpack it below the corpus's folder."""

from emotiw import files, runtime, transfer
from emotiw.corpora import published


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["record", "folder"], bounded=False)
    name, url = args.settings["archive"], args.settings["url"]
    about = published.of_record(args.record.read_bytes(), name, url)
    archive = args.folder / ".fetched" / name
    transfer.to_file(about, archive)
    members = published.unpack(archive, args.folder, published.RAVDESS_MEMBER)
    files.write_json(args.output, {"archive": name, "digest": about.digest, "size": about.size, "members": members})
    archive.unlink()


if __name__ == "__main__":
    runtime.start(main)
