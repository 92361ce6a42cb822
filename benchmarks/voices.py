"""How often `emotiw predict --people all` gives the voice to the person who speaks, of people filmed side by side.

Two clips of different people are put side by side, with the sound of one of them, who stands left and right in turn.
Each film is read as `emotiw predict` reads it, and the voice is given to a face or to none. Printed is in how many
films it is given to the speaker, to the other face, and to none; then the same for films with the sound of a third
person, who is not in sight. Run with
`PYTHONPATH=workflow_scripts python benchmarks/voices.py FOLDER --landmarks results/weights/landmarks-X.dat`; the names
of the clips in FOLDER begin with the person, up to a hyphen (`--files` chooses clips by a pattern).
"""

import argparse
import random
import tempfile
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from emotiw.core.status import Status
from emotiw.faces.everyone import Everyone
from emotiw.jobs import runtime, settings
from emotiw.prediction import people, segments, voices
from emotiw.weights import loading

HEIGHT, FPS, RATE_HZ = 360, 25, 16000


def pictures(path):
    """Pictures of a clip at `FPS`, scaled to `HEIGHT`."""
    with av.open(str(path)) as clip:
        n = 0
        for frame in clip.decode(video=0):
            while frame.time - float(clip.streams.video[0].start_time * clip.streams.video[0].time_base) >= n / FPS:
                yield frame.reformat(round(frame.width * HEIGHT / frame.height / 2) * 2, HEIGHT, "rgb24").to_ndarray()
                n += 1


def side_by_side(path, left, right, sound):
    """Write a film of two clips beside each other, as long as the shorter one, with the sound of a third."""
    with av.open(str(path), "w") as film:
        video, audio = None, film.add_stream("aac", rate=RATE_HZ, layout="mono")
        for n, pair in enumerate(zip(pictures(left), pictures(right), strict=False)):
            picture = np.concatenate(pair, axis=1)
            if video is None:
                video = film.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "20"})
                video.width, video.height, video.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts, frame.time_base = n, Fraction(1, FPS)
            film.mux(video.encode(frame))
        film.mux(video.encode())
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE_HZ)
        with av.open(str(sound)) as clip:
            for frame in clip.decode(audio=0):
                frame.pts = None
                film.mux([packet for part in resampler.resample(frame) for packet in audio.encode(part)])
        film.mux(audio.encode())
    return path


def given(path, landmarks, chosen):
    """Side of the face that the voice is given to, `left` or `right`, or `none`; `faces` unless two are followed."""
    finder = segments.Finder(landmarks, Everyone())
    (segment,) = segments.segments(path, chosen, finder, 60.0, lambda n: None)
    longest = sorted(segment.people, key=lambda number: -len(segment.people[number].arrays["time"]))[:2]
    if len(longest) < 2 or segment.sound.status != Status.OK:
        return "faces"
    sides = sorted(longest, key=lambda number: segment.people[number].arrays["box"][:, 0].mean())
    speaker = voices.speaker({n: voices.match(*people.courses(segment.people[n], segment)) for n in longest})
    return "none" if speaker is None else ("left", "right")[sides.index(speaker)]


def pairings(clips, n, seed):
    """`n` times three clips of different people."""
    drawn, generator = [], random.Random(seed)  # noqa: S311
    while len(drawn) < n:
        trio = generator.sample(clips, 3)
        if len({path.name.partition("-")[0] for path in trio}) == 3:
            drawn.append(trio)
    return drawn


def main():
    """Print a line for films with the sound of one of the two, and one for films with the sound of a third."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--landmarks", type=Path, required=True)
    parser.add_argument("--files", default="*.mp4")
    parser.add_argument("--n", type=int, default=20, help="films of each kind")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    landmarks = loading.read_landmarks(args.landmarks)
    config = settings.load([])
    chosen = {name: config[name] for name in ("faces", "audio", "limits")}
    speaking, silent = Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder:
        for i, (first, second, third) in enumerate(pairings(sorted(args.folder.glob(args.files)), args.n, args.seed)):
            left, right = ((first, second), (second, first))[i % 2]
            film = side_by_side(Path(folder, "film.mp4"), left, right, first)
            found = given(film, landmarks, chosen)
            speaking[{("left", "right")[i % 2]: "speaker", ("right", "left")[i % 2]: "other"}.get(found, found)] += 1
            film = side_by_side(Path(folder, "film.mp4"), left, right, third)
            found = given(film, landmarks, chosen)
            silent["other" if found in ("left", "right") else found] += 1
    for name, counts in (("sound of one of the two", speaking), ("sound of a third person", silent)):
        print(f"{name}: {args.n} films, voice given to " + ", ".join(f"{key} {n}" for key, n in counts.most_common()))


if __name__ == "__main__":
    runtime.compute_alike()
    main()
