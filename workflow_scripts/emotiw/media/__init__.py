"""Clips decoded: frames, waveforms and whether a file is complete."""
