"""Write the openSMILE functionals of the whole clips of one job, for the challenge's audio baseline."""

from emotiw import egemaps, runtime, store


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, one=["audio"])
    audio, settings = store.read(args.audio, "audio"), args.settings["functionals"]
    entries = egemaps.utterance_entries(audio.entries.values(), settings)
    columns = egemaps.utterance_columns(**settings)
    store.write(args.output, "clip_features", entries, stage=args.stage, facts={"columns": columns})


if __name__ == "__main__":
    runtime.start(main)
