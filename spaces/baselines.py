"""The baselines that a study compares its candidates with: nnU-Net's networks, trained by nnU-Net's recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paretoseg.spaces.architecture import Architecture
from paretoseg.spaces.planned import PLANNED_WIDTH
from paretoseg.spaces.recipe import NNUNET
from paretoseg.spaces.search_space import Candidate
from paretoseg.spaces.suggestion import suggest

BASELINES: Mapping[str, str] = {"nnunet": "nnU-Net", "resenc": "nnU-Net ResEnc M"}
"""By name in the config, what tables call it."""


def build_baseline(name: str, width: int = PLANNED_WIDTH) -> Candidate:
    """The candidate of a baseline.

    Args:
        name: One of `BASELINES`; the family of its network.
        width: Channels of the full resolution, if they are not the plan's.
    """
    return Candidate(Architecture(family=name, width=width), NNUNET)


def name_baseline(candidate: Candidate) -> str:
    """What tables call a baseline, such as 'nnU-Net', or 'scaled nnU-Net' with another width than the plan's."""
    title = BASELINES[candidate.architecture.family]
    return title if candidate.architecture.width == PLANNED_WIDTH else f"scaled {title}"


def check_names(names: Sequence[str]) -> None:
    """Checks a list of baselines.

    Raises:
        ValueError: for an unknown name, or one that is listed twice; one line that names the known ones.
    """
    for name in names:
        if name not in BASELINES:
            raise ValueError(f"unknown baseline '{name}'; {suggest(name, BASELINES)}known: {', '.join(BASELINES)}")
    if len(set(names)) < len(names):
        raise ValueError(f"baselines must be distinct, got {list(names)}")
