"""Two or more finished runs: what differs between them, and what that changed."""
