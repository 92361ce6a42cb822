"""The workflow itself: stages, files, plan, and the commands that inspect a run."""
