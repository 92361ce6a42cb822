"""Write the eGeMAPS frames of the clips of one job."""

from emotiw import egemaps, runtime, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["audio"])
    audio, settings = store.read(args.audio, "audio"), args.settings["egemaps"]
    entries = egemaps.frame_entries(audio.entries.values(), settings)
    store.write(
        args.output, "frame_features", entries, stage=args.stage, facts={"columns": egemaps.columns(**settings)}
    )


if __name__ == "__main__":
    runtime.start(main)
