"""Pretrained weights and the FER2013 pictures: acquired, checked and read."""
