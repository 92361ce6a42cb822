"""Corpora as they are published, read behind one interface: a `Source` in, a `Scan` out."""
