"""Trainings that tests play, and the study that plays them."""

import numpy as np

from paretoseg.search.rehearsal.recording import LEAST_SECONDS, Quick, Recording
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import Assignment, Split


class Lengths:
    """Trial n takes the n-th length in seconds, in equal steps of which all but the last report."""

    def __init__(self, lengths, num_reports=0, failures=()):
        self.lengths, self.num_reports, self.failures = lengths, num_reports, dict(failures)

    def play(self, trial):
        length = self.lengths[trial.trial_id]
        values = {"accuracy": 0.5, "robustness": 0.5}
        reports = tuple(
            Quick(step, length * step / (self.num_reports + 1), values) for step in range(1, self.num_reports + 1)
        )
        if trial.trial_id in self.failures:
            return Recording(length, reports, failure=self.failures[trial.trial_id])
        return Recording(length, reports, values)


class ToyPlayer:
    """The toy task itself, which takes no time."""

    def __init__(self, task=None):
        self.task = task or ToyTask()

    def play(self, trial):
        trainable = self.task.build(Assignment(trial.candidate, trial.seed))
        reports = tuple(
            Quick(step, LEAST_SECONDS * step / 10, trainable.step().values)
            for step in range(1, trainable.num_steps + 1)
        )
        evaluation = trainable.evaluate(Split.VALIDATION)
        return Recording(LEAST_SECONDS, reports, dict(evaluation.objectives.values), dict(evaluation.costs))


class Script:
    """A generator that gives what is written: the three numbers of every attempt."""

    def __init__(self, *attempts):
        self.attempts = list(attempts)

    def random(self, count):
        assert count == 3
        return np.array(self.attempts.pop(0) if self.attempts else (1.0, 0.0, 0.0))
