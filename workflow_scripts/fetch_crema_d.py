"""Fetch the clips of an actor of CREMA-D and check each against the hash that its repository holds."""

from emotiw import download, files, runtime, transfer
from emotiw.corpora import published


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["table", "folder"], bounded=False)
    pointers, media = args.settings["pointers"], args.settings["media"]
    names = published.crema_d_names(args.table.read_bytes(), args.settings["actor"], pointers)
    fetched = {}
    for name in names:
        place = f"VideoFlash/{name}.flv"
        pointer = download.fetch(f"{pointers}/{place}", max_bytes=1 << 10)
        about = published.of_pointer(pointer, f"{media}/{place}", f"{pointers}/{place}")
        transfer.to_file(about, args.folder / place)
        fetched[place] = about.digest
    files.write_json(args.output, {"actor": args.settings["actor"], "clips": fetched})


if __name__ == "__main__":
    runtime.start(main)
