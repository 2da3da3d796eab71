"""What `paretoseg doctor` finds out about a cluster before a job is sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SiteCheck:
    """One thing that was looked at."""

    name: str
    """What, in a word or two."""

    is_fine: bool | None
    """False if a search would fail; None if it cannot be found out from here."""

    text: str
    """What was found, in one line."""

    fix: str = ""
    """What the user can do, or '' if there is nothing to do."""
