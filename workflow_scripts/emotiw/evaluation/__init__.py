"""Scores of every system over the folds of a run, the ledger, and the challenge submission."""
