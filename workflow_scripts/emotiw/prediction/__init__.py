"""Predictions for new clips by the bundle of a run."""
