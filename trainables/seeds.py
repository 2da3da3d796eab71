"""Seeds derived from names. Free of torch.

They are equal in every process and on every machine, unlike Python's `hash`. They depend on names only, not on the
order in which random numbers are drawn.
"""

from __future__ import annotations

import hashlib
import json


def derive_seed(*parts: str | int) -> int:
    """A seed in [0, 2^63) that depends only on the parts and their order."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
