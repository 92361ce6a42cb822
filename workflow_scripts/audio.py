"""Write the 16 kHz mono waveforms of the clips of one job."""

from emotiw.jobs import per_clip, runtime
from emotiw.media import waveform


def main(argv=None):
    """Run the program."""
    args = runtime.arguments(__doc__, argv, many=["media"])
    per_clip.from_media(args, "audio", lambda paths, clips: waveform.entries(paths, clips, args.settings))


if __name__ == "__main__":
    runtime.start(main)
