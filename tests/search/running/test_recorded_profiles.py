"""What a session records beside the robustness of a trial."""

from __future__ import annotations

from pathlib import Path

from paretoseg.search.running.worker import Measured, Outcome
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.budget import Budget
from paretoseg.spaces.objective import Measurement
from paretoseg.trainables.trainable import Evaluation, RobustnessProfile
from tests.builders import build_session


def test_the_profile_of_a_trial_goes_into_the_journal_on_both_splits(tmp_path: Path) -> None:
    session = build_session(tmp_path, budget=Budget(trials=1))
    profiles = [RobustnessProfile({"noise": 0.25}, clean=clean) for clean in (0.75, 0.5)]
    for profile in profiles:  # the trial, then the same network on the test cases
        values = Measurement({"accuracy": 0.5, "robustness": 0.5})
        evaluation = Evaluation(values, {"parameters": 1.0}, profile=profile)
        job = session.next_job()
        assert job is not None
        assert session.take(job, Outcome(Measured(evaluation), began_at=1.0, seconds=1.0))
    session.folder.journal.close()
    [trial] = StudyFolder(str(tmp_path)).read_record().trials
    assert [trial.profile, trial.test_profile] == profiles
