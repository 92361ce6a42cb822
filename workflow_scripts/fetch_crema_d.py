"""Download the clips of one actor of CREMA-D and check each against the hash in CREMA-D's repository."""

from collections.abc import Sequence

from emotiw.core import download, files, resumable_download
from emotiw.corpora import releases
from emotiw.jobs import runtime


def main(argv: Sequence[str] | None = None) -> None:
    """Download the clips of the actor below `--folder`, and write their hashes to `--output`."""
    args = runtime.arguments(__doc__, argv, one=["table", "folder"])
    pointers, media = args.settings["pointers"], args.settings["media"]
    names = releases.crema_d_names(args.table.read_bytes(), args.settings["actor"], pointers)
    fetched = {}
    for name in names:
        place = f"VideoFlash/{name}.flv"
        pointer = download.fetch(f"{pointers}/{place}", max_bytes=1 << 10)
        published = releases.published_by_pointer(pointer, f"{media}/{place}", f"{pointers}/{place}")
        resumable_download.to_file(published, args.folder / place)
        fetched[place] = published.digest
    files.write_json(args.output, {"actor": args.settings["actor"], "clips": fetched})


if __name__ == "__main__":
    runtime.start(main)
