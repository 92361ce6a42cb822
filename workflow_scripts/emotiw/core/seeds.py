"""Seeds of random streams, derived by hashing, so that no two streams are shifted copies of each other."""

import hashlib


def derived_seed(*parts: int | str) -> int:
    """63 bits of the SHA-256 of the parts, such as (root seed, architecture, repeat), joined by "/"."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
