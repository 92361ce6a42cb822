"""Speed and peak memory of `emotiw predict`: by the size of the picture, and by the length of the clip.

A real clip is scaled, encoded once, and repeated packet by packet up to each length, so that an hour is written in
seconds. Each is judged by a fresh process with one thread, its page and pictures written. A line a clip: its size,
frame rate and length, the frames with a face, CPU and wall time, the times real time that it is judged at (length by
wall time, loading the bundle included), and the largest resident set. Run with
`PYTHONPATH=workflow_scripts python benchmarks/predict.py CLIP --bundle results/demo/bundle --minutes 1 10 60`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av

CHILD = """if True:
    import json, sys
    from pathlib import Path
    from emotiw.prediction.predictor import Predictor
    from emotiw.prediction.output_files import PredictionFolder
    predictor = Predictor.load(sys.argv[2])
    folder = PredictionFolder(Path(sys.argv[3]), predictor.bundle)
    (found,) = predictor.predict([sys.argv[1]])
    folder.add(found)
    folder.finish()
    counts = [sum(getattr(part, name) for part in found.parts) for name in ("n_frames", "n_faces")]
    print(json.dumps([found.duration_s, found.status, found.reason, *counts]))
"""
COLUMNS = (
    ("picture", 9),
    ("fps", 5),
    ("s", 7),
    ("frames", 8),
    ("faces", 7),
    ("CPU s", 8),
    ("wall s", 8),
    ("real time", 11),
    ("MB", 6),
)
HEAD = "".join(f"{name:>{width}s}" for name, width in COLUMNS)


def scaled(source, path, size, fps):
    """Encode a clip as H.264 and AAC in another size and with another frame rate."""
    with av.open(str(source)) as clip, av.open(str(path), "w") as output:
        picture = output.add_stream("libx264", rate=fps, options={"preset": "veryfast", "bf": "0"})
        picture.width, picture.height = size
        picture.pix_fmt, picture.codec_context.time_base = "yuv420p", Fraction(1, fps)
        sound = output.add_stream("aac", rate=16000, layout="mono")
        n = 0
        for frame in clip.decode(video=0):
            if frame.time is not None and frame.time * fps >= n:
                shown = frame.reformat(*size, format="yuv420p")
                shown.pts, shown.time_base, n = n, Fraction(1, fps), n + 1
                output.mux(picture.encode(shown))
        output.mux(picture.encode())
        clip.seek(0)
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=16000)
        for frame in clip.decode(audio=0):
            frame.pts = None
            output.mux([packet for part in resampler.resample(frame) for packet in sound.encode(part)])
        output.mux(sound.encode())
    return path


def repeated(source, path, length_s):
    """Repeat a clip's packets up to a length."""
    with av.open(str(source)) as clip, av.open(str(path), "w") as output:
        streams = [clip.streams.video[0], clip.streams.audio[0]]
        packets = [packet for packet in clip.demux(*streams) if packet.dts is not None]
        kept = [(bytes(it), it.stream.index, it.pts, it.dts, it.duration, it.is_keyframe) for it in packets]
        copies = {stream.index: output.add_stream_from_template(stream) for stream in streams}
        bases = {stream.index: stream.time_base for stream in streams}
        period_s = max(float((pts + duration) * bases[i]) for _, i, pts, _, duration, _ in kept)
        for k in range(round(length_s / period_s)):
            for data, i, pts, dts, duration, key in kept:
                shift = round(k * period_s / bases[i])
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = copies[i], bases[i], key
                packet.pts, packet.dts, packet.duration = pts + shift, dts + shift, duration
                output.mux(packet)
    return path


def judged(path, bundle, folder):
    """Judge a clip in a process of its own: what it printed, its CPU s, wall s and peak MB."""
    start = time.monotonic()
    command = [sys.executable, "-c", CHILD, str(path), str(bundle), str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    said = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = status
    if status:
        sys.exit(f"{path}: the process ended with status {status}")
    return json.loads(said), used.ru_utime + used.ru_stime, time.monotonic() - start, used.ru_maxrss / 1024


def measure(args, size, fps, length_s):
    """Return the line of one size and length."""
    with tempfile.TemporaryDirectory() as folder:
        short = scaled(args.clip, Path(folder, "short.mp4"), size, fps)
        path = repeated(short, Path(folder, "long.mp4"), length_s)
        (lasted_s, status, reason, n_frames, n_faces), cpu_s, wall_s, peak_mb = judged(path, args.bundle, folder)
    line = f"{size[0]:5d}x{size[1]:<4d}{fps:4d}{lasted_s:7.0f}{n_frames:8d}{n_faces:7d}{cpu_s:8.1f}{wall_s:8.1f}"
    return f"{line}{lasted_s / wall_s:11.2f}{peak_mb:6.0f}  {reason or status}"


def main():
    """Print a line for a clip of 720 x 576 px, then one for each length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--minutes", type=float, nargs="*", default=[1, 10], help="lengths")
    parser.add_argument("--size", type=int, nargs=2, default=[320, 240], help="of the pictures of these, px")
    parser.add_argument("--fps", type=int, default=10, help="of these")
    args = parser.parse_args()
    print(HEAD)
    print(measure(args, (720, 576), 25, 30), flush=True)
    for minutes in args.minutes:
        print(measure(args, tuple(args.size), args.fps, 60 * minutes), flush=True)


if __name__ == "__main__":
    main()
