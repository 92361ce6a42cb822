"""Metrics with intervals, paired comparisons, cross-validation, and the record of every selection."""
