"""Features that other programs have computed, read from their files (`imports` in the configuration)."""
