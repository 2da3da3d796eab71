"""What is reported beside the robustness of a trial, as columns of tables: never optimised."""

from __future__ import annotations

from collections.abc import Mapping

from paretoseg.search.trials.trial import Trial
from paretoseg.trainables.trainable import RobustnessProfile

PROFILE_COLUMNS: Mapping[str, type] = {
    "robustness_held_out": float,
    "worst_family": float,
    "worst_family_name": str,
    "collapses": str,
}
"""The columns of a profile, by the kind of their values; `test_` stands before those of test cases."""


def list_profile_columns() -> dict[str, type]:
    """All columns, those of validation cases first."""
    return {**PROFILE_COLUMNS, **{f"test_{name}": kind for name, kind in PROFILE_COLUMNS.items()}}


def profile_columns(trial: Trial) -> dict[str, float | str | None]:
    """The columns of a trial; None where nothing was measured or recorded."""
    tested = {f"test_{name}": value for name, value in _describe(trial.test_profile).items()}
    return {**_describe(trial.profile), **tested}


def _describe(profile: RobustnessProfile | None) -> dict[str, float | str | None]:
    if profile is None:
        return dict.fromkeys(PROFILE_COLUMNS)
    worst = profile.worst_family
    return {
        "robustness_held_out": profile.held_out,
        "worst_family": profile.families[worst] if profile.families else None,
        "worst_family_name": worst if profile.families else None,
        "collapses": ", ".join(profile.collapses),
    }
