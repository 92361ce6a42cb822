"""The workflow of a run: identities of its jobs, its files and folds, and the commands that check and explain it."""
