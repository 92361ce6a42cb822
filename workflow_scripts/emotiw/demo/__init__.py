"""The embedded demo corpus: a synthetic self-test, rendered from one portrait and a source-filter synthesiser."""
