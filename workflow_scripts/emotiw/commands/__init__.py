"""Commands of `emotiw` that have modules of their own, and what all commands share."""
