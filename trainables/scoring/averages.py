"""What weighs the same in the mean over changed images. Free of torch."""

from __future__ import annotations

from enum import StrEnum


class Average(StrEnum):
    """What weighs the same in the mean robustness; lower-case names, as in the config."""

    families = "families"
    corruptions = "corruptions"
