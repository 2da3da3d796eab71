"""Says what OmegaConf finds wrong with a value in the words of the docs, with a way out."""

from __future__ import annotations

import re

_KINDS = {"Integer": "a whole number", "Float": "a number", "Path": "a path"}
_NO_CONVERSION = re.compile(r"Value '(?P<value>.*?)'(?: of type '.*')? could not be converted to (?P<kind>\w+)")
_NO_BOOL = re.compile(r"Value '(?P<value>.*?)' is not a valid bool")
_NO_NULL = re.compile(r"field '(?P<key>.*)' is not Optional|Incompatible value 'None'|NoneType.* is not")


def say_plainly(key: str, message: str) -> str:
    """A message of OmegaConf about a key, in plain words; as it is, behind the key, if it is of another kind."""
    if found := _NO_CONVERSION.search(message):
        kind = _KINDS.get(found["kind"], f"of the type {found['kind']}")
        digits = "write it in digits, or " if found["kind"] == "Integer" else ""
        return f"{key} must be {kind}, got '{found['value']}'; {digits}leave it out for its default"
    if found := _NO_BOOL.search(message):
        return f"{key} must be true or false, got '{found['value']}'"
    if _NO_NULL.search(message):
        return f"{key} must have a value, got null; leave it out for its default"
    return f"{key}: {message}"
