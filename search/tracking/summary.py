"""The summary of a trial's run, and a mark of the state that a run holds."""

from __future__ import annotations

from typing import Any

from paretoseg.search.trials.profile_columns import profile_columns
from paretoseg.search.trials.trial import Trial

_MAX_TRACEBACK = 4000


def summarise(trial: Trial) -> dict[str, Any]:
    """A trial's result, as the summary of its run; named like the columns of `trials.parquet`."""
    summary: dict[str, Any] = {
        "state": trial.state.value,
        "num_attempts": trial.num_attempts,
        "degenerate": _clean(trial.degenerate),
        **trial.objectives,
        **trial.costs,
        **{f"test_{name}": value for name, value in trial.test.items()},
        **{name: _clean_value(value) for name, value in profile_columns(trial).items() if value is not None},
    }
    if trial.seconds is not None:
        summary["seconds"] = trial.seconds
    if trial.device:
        summary["device"] = _clean(trial.device)
    if trial.failure:
        summary["failure"] = trial.failure.kind.value
        summary["reason"] = _clean(trial.failure.reason)
        summary["traceback"] = _clean(trial.failure.traceback[-_MAX_TRACEBACK:])
    return summary


def mark_of(trial: Trial) -> str:
    """A text that differs between the states of one trial."""
    return f"{trial.state.value} {trial.num_attempts} {max(trial.reports, default=0)} {len(trial.test)}"


def _clean_value(value: float | str) -> float | str:
    return _clean(value) if isinstance(value, str) else value


def _clean(text: str) -> str:
    """The text without what UTF-8 cannot hold; messages of other programs may carry it."""
    return text.encode("utf-8", "replace").decode()
