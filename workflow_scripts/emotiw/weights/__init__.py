"""Pretrained weights and the FER2013 pictures: fetch, check and read them."""
