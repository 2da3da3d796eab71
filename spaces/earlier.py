"""How settings that are new read studies that do not have them yet."""

from __future__ import annotations

BEFORE = "before"
"""In the metadata of a dataclass field that is a key of the config: its value before the key existed.

A study that was started earlier lacks the key, and goes on with this value.
"""
