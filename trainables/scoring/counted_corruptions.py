"""Which corruptions of a battery count towards robustness, and why the others do not. Free of torch.

By default all of them count, also those whose family training may show; `paretoseg.trainables.transfer` says which ones
are held out. A study that compares architectures can leave out what training may show: for all of its trials, whether
or not a trial saw it, so that all are judged by the same scores. What does not count is still measured, stored and
shown.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from paretoseg.spaces.recipe import AUGMENTATIONS, FAMILIES
from paretoseg.trainables.scoring.objectives import RobustnessOver
from paretoseg.trainables.severities.levels import LEVELS


class TrainedCorruptions(StrEnum):
    """Whether corruptions that training may show count; lower-case names, as in the config."""

    exclude = "exclude"
    include = "include"


def find_uncounted(
    corruptions: Sequence[str], exposure: Collection[str], trained: TrainedCorruptions
) -> dict[str, str]:
    """The corruptions that do not count, each with its reason in words.

    Args:
        corruptions: The battery's corruptions; unknown ones are left out.
        exposure: The families of image changes that at least one candidate of the study sees in training.
        trained: Whether those still count.
    """
    reasons = {}
    for name in corruptions:
        if name not in LEVELS:
            continue
        if LEVELS[name].leaks_label:
            reasons[name] = "it gives the reference away"
        elif LEVELS[name].family in exposure and trained is TrainedCorruptions.exclude:
            reasons[name] = f"training may show {LEVELS[name].family}"
    return reasons


def describe_uncounted(corruptions: Sequence[str], exposure: Collection[str], trained: TrainedCorruptions) -> list[str]:
    """Notes for the user on corruptions that do not count, one line for each reason."""
    notes = []
    by_reason: dict[str, list[str]] = {}
    for name, reason in find_uncounted(corruptions, exposure, trained).items():
        by_reason.setdefault(reason, []).append(name)
    for reason, names in by_reason.items():
        notes.append(f"measured and shown, but not counted towards robustness: {', '.join(names)}, because {reason}")
    return notes


def describe_simulated_sets(
    families: Collection[str], exposure: Collection[str], over: RobustnessOver, *, sets: Sequence[str]
) -> list[str]:
    """One line if simulated shift sets count whose image changes training may show; else empty.

    Such sets still count, because the user named them, unlike the corruptions of a preset.

    Args:
        families: The families of image changes that simulate the sets; empty for real data.
        exposure: As for `find_uncounted`.
        over: What counts towards robustness.
        sets: Names of the shift sets.
    """
    known = sorted(set(families) & set(exposure))
    if not known or not sets or over is RobustnessOver.corruptions:
        return []
    return [
        f"shift sets {', '.join(sets)} are simulated; training may show {', '.join(known)}, of which they are made: "
        "robustness then also says how well that was learned; task.robustness_over=corruptions leaves them out"
    ]


def check_something_counts(
    uncounted: Mapping[str, str], corruptions: Sequence[str], over: RobustnessOver, *, has_shift: bool
) -> list[str]:
    """One line with the ways out if nothing counts towards robustness; else empty.

    Args:
        uncounted: From `find_uncounted`.
        corruptions: The battery's corruptions.
        over: What counts towards robustness.
        has_shift: Whether the data has shift sets.
    """
    if has_shift and over is not RobustnessOver.corruptions:
        return []
    if over is RobustnessOver.shifts:
        return ["task.robustness_over=shifts needs shift sets, but the data has none; name some in data.shift"]
    if any(name not in uncounted for name in corruptions):
        return []
    if not corruptions:
        return ["task.corruptions must name at least one corruption unless shift sets count, got none"]
    families = {LEVELS[name].family for name in uncounted}
    shown = [kind for kind, members in FAMILIES.items() if members & families]
    harmless = [name for name, kinds in AUGMENTATIONS.items() if not kinds & {*shown}]
    others = [name for name, levels in LEVELS.own.items() if levels.family not in families and not levels.leaks_label]
    named = "; ".join(f"{name}: {reason}" for name, reason in uncounted.items())
    ways = [
        *([f"add corruptions of other families ({', '.join(others[:6])}, ...)"] if others else []),
        *([f"keep training off them with space.augmentation=[{','.join(harmless)}]"] if shown else []),
        "hold shift sets out with data.shift",
        *(["count them with task.trained_corruptions=include"] if shown else []),
    ]
    return [f"none of task.corruptions would count towards robustness ({named}); {', or '.join(ways)}"]
