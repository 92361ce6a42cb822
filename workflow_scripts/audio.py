"""Write the 16 kHz mono waveforms of the clips of one job."""

from emotiw import audio, runtime, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, many=["media"])
    entries = audio.entries(args.media, args.stage["clips"], args.settings)
    store.write(args.output, "audio", entries, stage=args.stage)


if __name__ == "__main__":
    runtime.start(main)
