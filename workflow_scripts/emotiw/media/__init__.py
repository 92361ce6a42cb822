"""Decode clips: frames, waveforms, header facts, and a check that a file is complete."""
