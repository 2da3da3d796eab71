"""Keys that may stand in the URI of a storage."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

_SECRET_WORDS = ("key", "secret", "token", "password", "sig")
_NAMED_FIRST = ("abfs", "abfss", "hdfs", "viewfs", "gs", "gcs")
"""Schemes whose URI may name a user or a container before the '@'; a key is there only behind a ':'."""


def is_secret(name: str) -> bool:
    """True if a part of a query of this name holds a secret."""
    return any(word in unquote(name).lower() for word in _SECRET_WORDS)


def holds_key(location: str) -> bool:
    """True if a location is a URI that holds a key."""
    if "://" not in location:
        return False
    parts = urlsplit(location)
    before, at, _ = location.partition("://")[2].partition("?")[0].rpartition("@")
    # A key that is not escaped may hold a '/'.
    is_before_host = at and ("@" in parts.netloc or ":" in parts.netloc)
    has_key = is_before_host and (":" in before or parts.scheme not in _NAMED_FIRST)
    return bool(has_key) or any(is_secret(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True))
