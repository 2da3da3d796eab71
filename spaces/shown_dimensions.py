"""The dimensions that tables and reports have a column for."""

from __future__ import annotations

from collections.abc import Iterable

from paretoseg.spaces.domain import Domain
from paretoseg.spaces.families import read_domains
from paretoseg.spaces.search_space import DIMENSIONS, Candidate


def list_dimensions(candidates: Iterable[Candidate]) -> dict[str, Domain]:
    """`DIMENSIONS`, then those of plug-ins' families that these candidates have."""
    found = dict(DIMENSIONS)
    for kind in dict.fromkeys(type(candidate.architecture) for candidate in candidates):
        found |= {name: domain for name, domain in read_domains(kind).items() if name not in found}
    return found
