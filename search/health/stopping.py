"""What stopping early has saved, and how many stops were wrong."""

from __future__ import annotations

from paretoseg.search.health.check import Check, Evidence, Finding, Replay, Verdict
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.trial import State, Trial

LEAST_FINISHED = 5


class EarlyStopping(Check):
    """How many hours were saved at how many false stops.

    In a simulated search both are known by replay: the recordings hold how stopped trainings end. In a real one, a
    stopped trial would have taken as long as finished ones did on average, and the share of the finished controls that
    are on the front, times the number of stops, is about the number of false ones.

    Passes if time was saved, warns if none was although trials were stopped. Unknown if no trial was stopped, or fewer
    than five have finished.
    """

    name = "early stopping"

    def look(self, evidence: Evidence) -> Finding:
        """Compares what was trained with what would have been."""
        record = evidence.record
        stopped = [trial for trial in record.trials if trial.state is State.STOPPED and not trial.is_cut_off]
        mean = record.seconds_per_trial
        if not stopped or mean is None or record.count(State.FINISHED) < LEAST_FINISHED:
            return self.say(Verdict.UNKNOWN, f"needs stopped trials, and {LEAST_FINISHED} finished ones")
        replay = evidence.replay
        saved, spent = (
            _estimate(evidence, stopped, mean) if replay is None else (replay.saved_hours, replay.spent_hours)
        )
        false = _estimate_false(record, len(stopped)) if replay is None else _count_false(replay, len(stopped))
        if saved > 0.0:
            about = "about " * (replay is None)
            text = f"saved {about}{saved:.2g} of {saved + spent:.2g} {evidence.hours} at {false}"
            return self.say(Verdict.PASS, text)
        return self.say(Verdict.WARN, f"{len(stopped)} trials were stopped, and no time was saved", "use pruner=never")


def count_controls(record: StudyRecord) -> tuple[int, int]:
    """How many trials that would have been stopped have finished as controls, and how many of them are on the front."""
    controls = {trial.trial_id for trial in record.trials if trial.is_control and trial.state is State.FINISHED}
    return len(controls), len(controls & {trial.trial_id for trial in record.front.all_trials})


def _estimate(evidence: Evidence, stopped: list[Trial], mean: float) -> tuple[float, float]:
    """The hours that were saved, and those that were spent."""
    scale = (evidence.num_gpus or 1.0) / 3600
    saved = sum(mean - (trial.total_seconds or 0.0) for trial in stopped)
    return saved * scale, sum(trial.total_seconds or 0.0 for trial in evidence.record.trials) * scale


def _estimate_false(record: StudyRecord, num_stopped: int) -> str:
    num_controls, num_on_front = count_controls(record)
    if not num_controls:
        return f"an unknown number of false stops among {num_stopped}, as no control has finished"
    verb = "is" if num_on_front == 1 else "are"
    false = num_stopped * num_on_front / num_controls
    return (
        f"about {false:.2g} false stops among {num_stopped}, as {num_on_front} of {num_controls} finished controls "
        f"{verb} on the front"
    )


def _count_false(replay: Replay, num_stopped: int) -> str:
    return f"{replay.num_false} false stop{'s' * (replay.num_false != 1)} among {num_stopped}, by replay"
