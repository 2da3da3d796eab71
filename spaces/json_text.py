"""JSON that people can read: objects over several lines, lists of plain values on one."""

from __future__ import annotations

import json
from collections.abc import Mapping


def to_readable_json(content: object) -> str:
    """The content as JSON that ends with a line break."""
    return _dump(content, "") + "\n"


def _dump(node: object, margin: str) -> str:
    inner = f"{margin} "
    if isinstance(node, Mapping) and node:
        items = ",\n".join(f"{inner}{json.dumps(key)}: {_dump(value, inner)}" for key, value in node.items())
        return f"{{\n{items}\n{margin}}}"
    if isinstance(node, list | tuple) and any(isinstance(item, Mapping) for item in node):
        items = ",\n".join(f"{inner}{_dump(item, inner)}" for item in node)
        return f"[\n{items}\n{margin}]"
    return json.dumps(node)
