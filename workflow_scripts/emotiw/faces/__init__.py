"""Faces found, tracked and aligned."""
