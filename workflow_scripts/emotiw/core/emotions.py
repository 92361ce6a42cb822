"""The seven emotions in the order that every matrix, model and report uses."""

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
HIDDEN = "?"  # the label of a test clip whose emotion is not published
