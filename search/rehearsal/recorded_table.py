"""All candidates that are recorded, each with its trainings: what a rehearsal plays, and what it counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from paretoseg.search.candidates.ledger import CandidateLedger
from paretoseg.search.fronts.dominance import find_nondominated, measure_hypervolume
from paretoseg.search.rehearsal.recording import Recording, Training
from paretoseg.search.trials.trial import Trial
from paretoseg.spaces.constraint import Constraint
from paretoseg.spaces.objective import Objective, reference_point, to_losses
from paretoseg.spaces.search_space import Candidate


class RecordedTable:
    """Recorded trainings by candidate.

    Args:
        trainings: Of one or several studies of the same task, in order; of two with the same candidate and seed, the
            first is played.
        objectives: What the studies measure.
        constraints: What candidates must meet to count.
    """

    def __init__(
        self, trainings: Sequence[Training], objectives: Sequence[Objective], constraints: Sequence[Constraint] = ()
    ) -> None:
        self.objectives = tuple(objectives)
        self.recordings: dict[Candidate, dict[int, Recording]] = {}
        ledger = CandidateLedger(objectives, constraints)
        for number, training in enumerate(trainings):
            trial = training.trial
            self.recordings.setdefault(trial.candidate, {}).setdefault(trial.seed, training.recording)
            ledger.add(dataclasses.replace(trial, trial_id=number))
        self.values: Mapping[Candidate, Mapping[str, float]] = {
            candidate: result.objectives
            for candidate in self.recordings
            if (result := ledger.find(candidate)) and result.is_feasible
        }
        """What a candidate is worth: the means over all of its recorded seeds.

        One that is broken, or breaks a constraint, has no value.
        """

        self.seeds = sorted({seed for by_seed in self.recordings.values() for seed in by_seed})
        self.num_trainings = sum(len(by_seed) for by_seed in self.recordings.values())

    @property
    def candidates(self) -> list[Candidate]:
        """In the order in which they were first trained."""
        return list(self.recordings)

    @property
    def num_replicated(self) -> int:
        """How many candidates are recorded with several seeds."""
        return sum(len(by_seed) > 1 for by_seed in self.recordings.values())

    @property
    def has_reports(self) -> bool:
        """Whether any training was measured on the way, so that it could be stopped early."""
        recordings = (one for by_seed in self.recordings.values() for one in by_seed.values())
        return any(report.values for one in recordings for report in one.reports)

    @property
    def mean_seconds(self) -> float:
        """How long the training of a candidate takes, on average over candidates."""
        means = [np.mean([one.seconds for one in by_seed.values()]) for by_seed in self.recordings.values()]
        return float(np.mean(means))

    @property
    def hypervolume(self) -> float:
        """Of the front of all candidates: no search on this table gets further."""
        losses = to_losses(self.objectives, list(self.values.values()))
        if not len(losses):
            return 0.0
        return measure_hypervolume(losses[find_nondominated(losses)], reference_point(self.objectives))


class TablePlayer:
    """Plays the trainings of a table in one run.

    The seeds of the run stand for recorded ones in an order that is drawn once, so that candidates stay paired. If a
    candidate is not recorded with the one that is asked for, one is drawn of those that it has and has not used; if all
    are used, of all.

    Args:
        table: What is recorded.
        seed: The first seed of the run.
        generator: Draws seeds.
    """

    def __init__(self, table: RecordedTable, seed: int, generator: np.random.Generator) -> None:
        self._table = table
        self._first = seed
        self._generator = generator
        self._order = generator.permutation(len(table.seeds)).tolist()
        self._used: dict[Candidate, set[int]] = {}

    def play(self, trial: Trial) -> Recording:
        """The recorded training that stands for this trial."""
        recorded = self._table.recordings[trial.candidate]
        used = self._used.setdefault(trial.candidate, set())
        wanted = self._table.seeds[self._order[(trial.seed - self._first) % len(self._order)]]
        left = [seed for seed in recorded if seed not in used] or list(recorded)
        place = int(self._generator.integers(len(left)))  # always drawn, so that runs stay paired
        seed = wanted if wanted in left else left[place]
        used.add(seed)
        return recorded[seed]
