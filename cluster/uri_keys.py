"""Finds secret keys in storage URIs."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

_SECRET_WORDS = ("key", "secret", "token", "password", "sig")
_NAMED_FIRST = ("abfs", "abfss", "hdfs", "viewfs", "gs", "gcs")
"""Schemes whose URI may name a user or a container before the '@'; a key there follows a ':'."""


def is_secret(name: str) -> bool:
    """True if a query parameter of this name contains a secret."""
    return any(word in unquote(name).lower() for word in _SECRET_WORDS)


def holds_key(location: str) -> bool:
    """True if a location is a URI that contains a secret key."""
    if "://" not in location:
        return False
    parts = urlsplit(location)
    before, at, _ = location.partition("://")[2].partition("?")[0].rpartition("@")
    # An unescaped key may contain a '/'.
    is_before_host = at and ("@" in parts.netloc or ":" in parts.netloc)
    has_key = is_before_host and (":" in before or parts.scheme not in _NAMED_FIRST)
    return bool(has_key) or any(is_secret(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True))
