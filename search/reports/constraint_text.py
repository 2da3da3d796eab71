"""The constraints of a study in words: which there are, and how many candidates break them."""

from __future__ import annotations

from collections import Counter

from paretoseg.search.study.record import StudyRecord


def describe_constraints(record: StudyRecord) -> str:
    """One sentence such as 'Constraints: accuracy>=0.8; 3 of 24 candidates break one (accuracy>=0.8: 3).'; or ''."""
    if not record.constraints:
        return ""
    results = record.results
    broken = Counter(one for result in results for one in result.broken)
    num_broken = sum(not result.is_feasible for result in results)
    named = f"Constraints: {', '.join(map(str, record.constraints))}"
    if not num_broken:
        return f"{named}; every candidate meets them."
    each = ", ".join(f"{name}: {count}" for name, count in sorted(broken.items()))
    verb = "breaks" if num_broken == 1 else "break"
    return f"{named}; {num_broken} of {len(results)} candidates {verb} one ({each}) and cannot be on the front."
