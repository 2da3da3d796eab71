"""A candidate with all that was measured of it: its trials, one a seed, and the mean over them."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.search_space import Candidate
from paretoseg.trainables.trainable import RobustnessProfile


@dataclass(frozen=True)
class Result:
    """What a candidate reached over its seeds, on validation cases.

    A network that collapsed has no say in the means; `collapsed` says how many there are.
    """

    trials: tuple[Trial, ...]
    """The finished trials whose networks did not collapse, by id; at least one."""

    objectives: Mapping[str, float]
    """The mean over seeds of every objective, without what a seed adds to all candidates alike."""

    collapsed: tuple[Trial, ...] = ()
    """The finished trials whose networks are degenerate, or fall below half of the candidate's median; by id."""

    noise: Mapping[str, float] = field(default_factory=dict)
    """The variance of every mean that training seeds cause, pooled over the study; empty if it is not known."""

    violation: float = 0.0
    """By how much it breaks the constraints of the study, 0 or more, 0 if it meets them (`measure_violation`)."""

    broken: tuple[str, ...] = ()
    """The constraints that it breaks, as text."""

    @property
    def is_feasible(self) -> bool:
        """True if it meets all constraints of the study; only then it may be on a front."""
        return not self.broken

    @property
    def number(self) -> int:
        """The candidate's number: the id of its first sound trial."""
        return self.trials[0].trial_id

    @property
    def candidate(self) -> Candidate:
        """The network and its training."""
        return self.trials[0].candidate

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of its sound trials, in ascending order, each once."""
        return tuple(sorted({trial.seed for trial in self.trials}))

    @property
    def collapsed_share(self) -> float:
        """The share of its finished trials whose network collapsed, in [0, 1]."""
        return len(self.collapsed) / (len(self.trials) + len(self.collapsed))

    @property
    def is_eligible(self) -> bool:
        """True if it may be on a front: at most half of its trials collapsed."""
        return len(self.collapsed) <= len(self.trials)

    @property
    def tested(self) -> tuple[Trial, ...]:
        """The sound trials that were measured on test cases."""
        return tuple(trial for trial in self.trials if trial.test)

    @property
    def spread(self) -> dict[str, float]:
        """The standard deviation of every objective over trials, as measured; empty with a single trial."""
        if len(self.trials) < 2:
            return {}
        return {name: statistics.stdev(trial.objectives[name] for trial in self.trials) for name in self.objectives}

    @property
    def as_trial(self) -> Trial:
        """The candidate in the shape of a trial: its first one, with the values of the candidate in place of its own.

        Test values are means over the trials that were tested, costs over all sound ones.
        """
        first = self.trials[0]
        if len(self.trials) == 1 and first.objectives == self.objectives:
            return first
        tested = self.tested
        return dataclasses.replace(
            first,
            objectives=self.objectives,
            costs=average([trial.costs for trial in self.trials]),
            profile=average_profiles([trial.profile for trial in self.trials]),
            test=average([trial.test for trial in tested]),
            test_profile=average_profiles([trial.test_profile for trial in tested]),
        )


def average_profiles(profiles: Sequence[RobustnessProfile | None]) -> RobustnessProfile | None:
    """The mean of every part of the profiles of one candidate; None if a profile is missing.

    A family, or a number, that one of them lacks is left out.
    """
    known = [profile for profile in profiles if profile is not None]
    if not known or len(known) < len(profiles):
        return None
    families = [profile.families for profile in known]
    return RobustnessProfile(
        families=average(families),
        clean=statistics.fmean(profile.clean for profile in known),
        corrupted=_average_known([profile.corrupted for profile in known]),
        held_out=_average_known([profile.held_out for profile in known]),
        worst_of=max(profile.worst_of for profile in known),
    )


def average(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of every number that all of the mappings hold, by name."""
    names = [name for name in values[0] if all(name in other for other in values)] if values else []
    return {name: statistics.fmean(one[name] for one in values) for name in names}


def _average_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None
