"""Score-level fusion of audio and video."""
