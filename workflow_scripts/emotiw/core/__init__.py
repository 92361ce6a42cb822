"""What every other package uses: errors, emotions, files, downloads. Imports nothing of emotiw but itself."""
