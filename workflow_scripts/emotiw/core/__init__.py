"""Basics that all other packages use: errors, emotions, files, downloads. It imports no other package of emotiw."""
