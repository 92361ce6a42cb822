"""Whisper's frames on real speech: CPU time, what padding to 30 s does, and agreement with CTranslate2.

Run: python benchmarks/whisper.py WEIGHTS FOLDER [n_clips [MODEL]]; WEIGHTS is the .safetensors file that the rule
whisper_base writes, FOLDER holds .flac or .wav files of 16 kHz mono. Prints, on one thread, CPU seconds for each second
of sound with and without padding, for each layer, and the share of the variance of its frames that padding changes.

With MODEL, the folder of a CTranslate2 model of Whisper-base (model.bin, config.json, tokenizer.json, vocabulary.txt),
and in an environment that has ctranslate2 and faster-whisper besides, it prints the largest differences of the
spectrogram and of the last layer.
"""

import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np

from emotiw.audio import log_mel, sound, whisper
from emotiw.jobs import runtime
from emotiw.media import soundtrack
from emotiw.weights import whisper_weights

LIMITS = {"max_pixels": 1, "max_duration_s": 60.0, "min_decoded_fraction": 0.98}


def speech(folder, n_clips):
    """Waveforms of clips that are spread evenly over the sorted names."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".flac", ".wav"))
    for path in islice(paths, 0, None, max(1, len(paths) // n_clips)):
        yield soundtrack.waveform(path, sound.RATE_HZ, LIMITS)[0]


def timed(clips, model, **settings):
    """CPU seconds for each second of sound, and the frames of all clips."""
    start = time.process_time()
    values = [whisper.frames(clip, model, frame_length_s=0.04, **settings)[1] for clip in clips]
    seconds = sum(clip.size for clip in clips) / sound.RATE_HZ
    return (time.process_time() - start) / seconds, np.concatenate(values)


def agreement(clips, model, folder):
    """Largest differences from faster-whisper's spectrogram and CTranslate2's encoder."""
    import ctranslate2  # noqa: PLC0415 - not among the project's packages, nor is the next
    from faster_whisper.feature_extractor import FeatureExtractor  # noqa: PLC0415

    theirs = ctranslate2.models.Whisper(str(folder), compute_type="float32", intra_threads=1)
    extract, spectra, ends = FeatureExtractor(), [], []
    for clip in clips:
        padded = np.pad(clip, (0, 30 * sound.RATE_HZ - clip.size))
        spectrogram = extract(padded, padding=0)[:, :3000].astype(np.float32)
        spectra.append(np.abs(log_mel.log_mel(padded) - spectrogram).max())
        encoded = theirs.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(spectrogram[None])))
        found = whisper.frames(clip, model, layer=6, frame_length_s=0.02, padded=True)[1]
        ends.append(np.abs(found - np.asarray(encoded)[0, : len(found)]).max() / np.abs(found).max())
    print(f"log-mel: at most {max(spectra):.1e}; last layer: at most {max(ends):.1e} of the largest value")


def main():
    """Print what is measured."""
    weights, folder = map(Path, sys.argv[1:3])
    n_clips = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    runtime.compute_alike()
    model, clips = whisper.encoder(whisper_weights.load(weights)), list(speech(folder, n_clips))
    timed(clips[:1], model, layer=6, padded=True)  # the first use is slower
    for layer in range(1, 7):
        (short, alone), (long, padded) = (timed(clips, model, layer=layer, padded=padded) for padded in (False, True))
        changed = ((padded - alone) ** 2).sum() / ((alone - alone.mean(axis=0)) ** 2).sum()
        print(
            f"layer {layer}: {short:.3f} s a second, padded {long:.3f} s; padding changes {changed:.2f} of the variance"
        )
    if len(sys.argv) > 4:
        agreement(clips, model, Path(sys.argv[4]))


if __name__ == "__main__":
    main()
