"""The emotions and their order, the one order of every matrix, model and report."""

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
HIDDEN = "?"  # the label of a test clip whose emotion is not published
