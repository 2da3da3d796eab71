"""What is said of a study whose test cases were measured: a longer search of it would choose after they were seen."""

from __future__ import annotations

import time

from paretoseg.search.study.study import Study

USED_UP = (
    "The test cases of this study are used up: they were measured, and whatever is searched from now on is searched "
    "after they were seen. For a longer search, start a new study; if you continue this one, say so wherever you "
    "report its test cases."
)


def has_used_test_cases(study: Study) -> bool:
    """True if a trial of the study was measured on the test cases."""
    return any(trial.test for trial in study.trials)


def describe_end(study: Study) -> str:
    """That a study is complete, and how to go on unless its test cases were used: `USED_UP` then ends the search."""
    if has_used_test_cases(study):
        return "The study is complete."
    if study.has_spent_voxels():
        return f"The study is complete; add budget.voxels=<more than {study.budget.voxels:g}> to continue."
    return f"The study is complete; add budget.trials=<more than {study.budget.trial_limit}> to continue."


def describe_spent(study: Study) -> str:
    """What was spent before all trials of the budget were started: hours or voxels, in words; '' if neither was."""
    if study.has_started_all():
        return ""
    if study.has_spent_voxels():
        return f"{study.budget.voxels:g} voxels"
    return "" if study.has_time(time.time()) else f"{study.budget.hours:g} hours"


def describe_continuation(study: Study) -> list[str]:
    """One line if a study whose test cases were measured searches on; else empty."""
    if not has_used_test_cases(study) or study.has_spent_trials():
        return []
    num_tested = sum(bool(trial.test) for trial in study.trials)
    tested = f"{num_tested} trial{'s' * (num_tested != 1)}"
    return [
        f"the test cases of this study were measured before, for {tested}: this search goes on after they were seen, "
        "so say so wherever you report its test cases"
    ]
