"""What lies beside the robustness of a front, for the terminal: held-out corruptions, the worst family, collapses."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from paretoseg.search.reports.fitting_table import FittingTable
from paretoseg.search.trials.trial import Trial
from paretoseg.trainables.trainable import RobustnessProfile

NONE = "none"
"""In place of a number over held-out corruptions, where there are none or they are not known."""


def show_beside(trials: Sequence[Trial]) -> list[RenderableType]:
    """A table of what is reported beside the robustness of these trials, and sentences on it; empty if unknown."""
    known = [trial for trial in trials if trial.profile]
    if not known:
        return []
    return [_draw_table(known), *(Text(line) for line in describe_profiles(known))]


def describe_profiles(trials: Sequence[Trial]) -> list[str]:
    """Sentences on the trials that collapse under a family, and on a robustness that is the score of one case."""
    lines = []
    for trial in trials:
        for profile, where in ((trial.profile, ""), (trial.test_profile, " on test cases")):
            if profile and profile.collapses:
                means = ", ".join(f"{name} ({profile.families[name]:.3f})" for name in profile.collapses)
                limit = f"less than half of its clean score of {profile.clean:.3f}"
                lines.append(f"Trial {trial.trial_id} collapses{where} under {means}: {limit}.")
    counts = {trial.profile.worst_of for trial in trials if trial.profile and trial.profile.worst_of}
    if counts:
        lines.append(f"Robustness is the score of a single case, the worst of {max(counts)} cases.")
    return lines


def flag_collapse(trial: Trial) -> str:
    """The families under which a trial collapses, in a phrase; '' if it does not."""
    names = trial.profile.collapses if trial.profile else ()
    return f"collapses under {', '.join(names)}" if names else ""


def describe_worst_family(profile: RobustnessProfile | None) -> str:
    """The lowest mean of a family with its name, such as '0.412 noise'; '-' if none is known."""
    if profile is None or not profile.families:
        return "-"
    return f"{profile.families[profile.worst_family]:.3f} {profile.worst_family}"


def describe_held_out(profile: RobustnessProfile | None) -> str:
    """Robustness over held-out corruptions alone, or 'none'; '-' if nothing was recorded."""
    if profile is None:
        return "-"
    return NONE if profile.held_out is None else f"{profile.held_out:.3f}"


def summarise_families(trials: Sequence[Trial]) -> str:
    """The lowest family mean among the trials, and the range over held-out corruptions; '' if nothing is known."""
    known = {trial.trial_id: trial.profile for trial in trials if trial.profile and trial.profile.families}
    if not known:
        return ""
    worst = min(known, key=lambda number: min(known[number].families.values()))
    found = [profile.held_out for profile in known.values() if profile.held_out is not None]
    held_out = f"{min(found):.3f} to {max(found):.3f}" if found else NONE
    return f"worst on the front: {describe_worst_family(known[worst])} (trial {worst}); held out: {held_out}"


def _draw_table(trials: Sequence[Trial]) -> Table:
    has_test = any(trial.test_profile for trial in trials)
    title = "Beside robustness" + (" (in brackets: on test cases)" if has_test else "")
    table = FittingTable(title=title)
    table.add_column("trial", justify="right", no_wrap=True)
    for name in ("held out", "worst family"):
        table.add_column(name, overflow="fold")
    for trial in trials:
        cells = [str(trial.trial_id)]
        for describe in (describe_held_out, describe_worst_family):
            texts = [describe(profile) for profile in (trial.profile, trial.test_profile) if profile]
            cells.append(escape(_bracket(texts)))
        table.add_row(*cells)
    return table


def _bracket(texts: Sequence[str]) -> str:
    """The first text, with the others in brackets; 'none' once if all are."""
    return NONE if set(texts) == {NONE} else " ".join((texts[0], *(f"({text})" for text in texts[1:])))
