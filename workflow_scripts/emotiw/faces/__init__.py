"""Detect, track and align the faces of a clip."""
