"""Scores of clips by classifiers that take features of either modality, and means of scores."""
