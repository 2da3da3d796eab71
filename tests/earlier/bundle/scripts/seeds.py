# SPDX-License-Identifier: Apache-2.0. Copied by paretoseg from trainables/seeds.py.
"""Seeds derived from names. Free of torch.

Equal in every process and on every machine, unlike Python's `hash`, and independent of the order in which things are
drawn: whoever knows the names knows the draw.
"""

from __future__ import annotations

import hashlib
import json


def derive_seed(*parts: str | int) -> int:
    """A seed in [0, 2^63) that depends on the parts and their order alone."""
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
