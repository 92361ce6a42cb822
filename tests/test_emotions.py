"""The order of the emotions."""

from emotiw.core.emotions import EMOTIONS


def test_seven_emotions_in_the_order_of_the_challenge():
    assert EMOTIONS == ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
