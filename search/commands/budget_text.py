"""What is said of a budget that is spent, or that a search was asked to leave unspent, and how to go on."""

from __future__ import annotations

import shlex

from paretoseg.search.commands.own_command import own_command
from paretoseg.search.commands.used_test_cases import describe_spent
from paretoseg.search.study.study import Study
from paretoseg.search.study.voxels import count_voxels


def describe_finish(study: Study, place: str) -> str:
    """What a search did that was asked to finish.

    Args:
        study: The study.
        place: Its folder or URI.
    """
    return (
        f"Finished as asked: {_count_left(study)}, and no candidate was confirmed with further seeds; "
        f"`{own_command()} confirm {shlex.quote(place)}` does that."
    )


def describe_left(study: Study) -> list[str]:
    """One line if hours or voxels were spent before all trials had started; else empty."""
    spent = describe_spent(study)
    return [f"The budget of {spent} is spent; {_count_left(study)}."] if spent else []


def continue_with(study: Study, resume: str) -> str:
    """The command that goes on with a study whose budget is spent, with more of what is spent.

    Args:
        study: The study.
        resume: The command that resumes it.
    """
    hours, limit = study.budget.hours, study.budget.trial_limit
    if study.has_spent_voxels():
        return f"{resume} budget.voxels={count_voxels(study.trials) + (study.budget.voxels or 0.0):.3g}"
    if describe_spent(study) and hours is not None:
        return f"{resume} budget.hours={study.record.hours_used + hours:.3g}"
    return f"{resume} budget.trials={(limit or study.record.num_searched) * 2}"


def _count_left(study: Study) -> str:
    limit, num_started = study.budget.trial_limit, study.record.num_searched
    if limit is None:
        return f"{num_started} trials were started"
    return f"{max(limit - num_started, 0)} of {limit} trials were not started"
