"""The report of a run: HTML page, charts, tables, contact sheets, provenance and research-object crate."""
