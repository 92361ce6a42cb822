"""Audio-video emotion recognition in the wild, after Ding et al. (ICMI 2016)."""
