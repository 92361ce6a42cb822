"""Corpora: adapters that read published corpora (`Source` -> `Scan`), the manifest, folds and leakage checks."""
