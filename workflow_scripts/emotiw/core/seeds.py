"""Seeds of random streams, derived by hashing, so that no two streams are shifted copies of each other."""

import hashlib


def derived_seed(*parts: int | str) -> int:
    """Seed below 2^63: from the SHA-256 of the parts, such as (root seed, architecture, repeat), joined by "/"."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
