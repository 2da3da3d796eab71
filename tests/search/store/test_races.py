"""Races of two processes for one study on an object store, widened until they are lost for certain.

One process is slow at the worst moment: its requests arrive late; or it looks, and writes when the other has written;
or it does not know that it has lost the study, and goes on. In each case the study stays readable, and holds every
record of the process that has it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from paretoseg.search.running.serial import run_serially
from paretoseg.search.running.worker import Halted, Measured, Work
from paretoseg.search.store.case_files import CaseFiles
from paretoseg.search.store.folder import Folder, StorageError, TakenOverError
from paretoseg.search.store.journal import Journal
from paretoseg.search.store.lease import EXPIRE_SECONDS, Holder, find_holder, take_lease
from paretoseg.search.store.lock import LockedError, hold_lock
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.budget import Budget
from paretoseg.search.trials.events import Opened, Resumed
from paretoseg.search.trials.trial import State
from paretoseg.trainables.trainable import CaseScore, Split
from tests.builders import build_session, created

EARLY, LATE, LATEST = (number * (EXPIRE_SECONDS + 1) for number in (1.0, 2.0, 3.0))
"""Each time is after the earlier leases have expired."""


def another(folder: Folder) -> Folder:
    """The same folder in another process."""
    return Folder(folder.address)


@contextmanager
def locked(folder: Folder, now: float) -> Iterator[None]:
    """The lock as taken at a time; what has expired by then is not renewed while it is watched."""
    with hold_lock(folder, now=lambda: now, pause=lambda seconds: None):
        yield


def open_study(folder: Folder) -> Journal:
    """The first actions of a session: it reads the journal, then records that it has opened the study."""
    journal = Journal(folder.child("journal"))
    journal.read()
    journal.append(Opened(0.0, "here", 1, 5, None))
    return journal


def read(folder: Folder) -> list[object]:
    return list(Journal(another(folder).child("journal")).read())


OPENED = Opened(0.0, "here", 1, 5, None)


@pytest.fixture
def study(remote):
    """A study with one record, by a process that has ended and has not released its lease."""
    with locked(remote, EARLY):
        journal = Journal(remote.child("journal"))
        journal.append(created())
        abandoned = remote.read("writer.lock")
    remote.write("writer.lock", abandoned)
    return remote


@pytest.fixture(params=["new", "abandoned"])
def free(request, remote):
    """A folder that no process writes to: its lease was never taken, or has expired."""
    return remote if request.param == "new" else request.getfixturevalue("study")


# A request that arrives late


def test_a_lease_that_is_written_late_does_not_take_the_study_from_who_has_it(free, disturb):
    slow, line = free, disturb(free)
    line.delay_next_put()
    with pytest.raises(StorageError, match="timed out"), locked(slow, LATE):
        pass
    quick = another(free)
    with locked(quick, LATE):
        with pytest.raises(Exception, match="precondition"):
            line.deliver()
        assert find_holder(free).token == quick.token
        quick.fence.confirm()
        open_study(quick)
    assert read(free)[-1] == OPENED


def test_a_record_that_arrives_after_the_next_owner_has_opened_the_study_is_refused(study, disturb):
    quick = another(study)
    line = disturb(study)
    with locked(study, LATE):
        slow = open_study(study)
        line.delay_next_put()
        with pytest.raises(StorageError, match="timed out"):
            slow.append(Resumed(1.0, 0))
        with locked(quick, LATEST):
            journal = open_study(quick)
            with pytest.raises(Exception, match="precondition"):
                line.deliver()
            journal.append(Resumed(2.0, 0))
    assert read(study) == [created(), OPENED, OPENED, Resumed(2.0, 0)]


def test_a_record_that_arrives_before_the_next_owner_has_opened_the_study_is_kept(study, disturb):
    quick = another(study)
    line = disturb(study)
    with locked(study, LATE):
        slow = open_study(study)
        line.delay_next_put()
        with pytest.raises(StorageError, match="timed out"):
            slow.append(Resumed(1.0, 0))
        with locked(quick, LATEST):
            journal = Journal(quick.child("journal"))
            journal.read()
            line.deliver()
            with pytest.raises(StorageError, match=r"has just written .* run the same command again"):
                journal.append(OPENED)
    with locked(quick, LATEST):
        open_study(quick)
    assert read(study) == [created(), OPENED, Resumed(1.0, 0), OPENED]


def test_the_rows_of_a_trial_that_arrive_late_do_not_replace_those_of_the_next_owner(study, disturb):
    scores = [CaseScore("a", "", "none", 0, "dice", 0.75)]
    with locked(study, LATE):
        quick, slow = another(study), StudyFolder(study.address, token=study.token)
        line = disturb(slow.folder)
        late = CaseFiles(slow.folder)
        line.delay_next_put()
        with pytest.raises(StorageError, match="timed out"):
            late.write(0, 0, Split.VALIDATION, [])
        with locked(quick, LATEST):
            place = StudyFolder(quick.address, token=quick.token)
            place.cases.write(0, 0, Split.VALIDATION, scores)
            with pytest.raises(Exception, match="precondition"):
                line.deliver()
            with pytest.raises(TakenOverError):
                late.write(0, 0, Split.VALIDATION, [])
    assert StudyFolder(study.address).cases.read(0, Split.VALIDATION) == scores


# Both look, then both write


def test_of_two_that_find_the_lease_free_and_then_both_write_one_has_it(free, disturb):
    quick, leases = another(free), []
    disturb(free).before_next_put(lambda: leases.append(take_lease(quick, lambda: LATE, lambda seconds: None)))
    with pytest.raises(LockedError, match="is being written by process"), locked(free, LATE):
        pass
    assert not isinstance(leases[0], Holder)
    leases[0].confirm()


def test_of_two_that_find_a_number_free_and_then_both_write_one_has_it(study, disturb):
    quick = another(study)
    with locked(study, LATE):
        slow = open_study(study)
        line = disturb(slow._folder)
        with locked(quick, LATEST):
            journal = open_study(quick)
            line.before_next_put(lambda: journal.append(Resumed(2.0, 0)))
            with pytest.raises(TakenOverError):
                slow.append(Resumed(1.0, 0))
    assert read(study) == [created(), OPENED, OPENED, Resumed(2.0, 0)]


# The loser goes on


def test_a_process_that_does_not_know_that_it_has_lost_the_study_adds_nothing_to_the_journal(study):
    quick = another(study)
    with locked(study, LATE):
        slow = open_study(study)
        with locked(quick, LATEST):
            journal = open_study(quick)
            for number in range(3):
                with pytest.raises(TakenOverError, match=r"taken the study over.*paretoseg status"):
                    slow.append(Resumed(1.0, number))
                journal.append(Resumed(2.0, number))
    assert read(study)[3:] == [Resumed(2.0, number) for number in range(3)]


def test_a_search_that_does_not_know_that_it_has_lost_the_study_changes_nothing_in_it(remote):
    """The loser is in the middle of a trial; the other process finishes the study; then the loser continues."""
    slow, quick = StudyFolder(remote.address), StudyFolder(remote.address)
    budget = Budget(trials=4)
    with locked(slow.folder, LATE):
        loser = build_session(slow, budget=budget)
        work = [Work(loser.next_job()) for _ in range(2)]
        unreported = work[0].advance()
        with locked(quick.folder, LATEST):
            winner = build_session(quick, budget=budget)
            run_serially(winner)
        expected = StudyFolder(remote.address).read_record()
        kept = {path: remote.child(path).list_files() for path in ("cases", "journal")}
        for item in work:
            outcome = item.advance()
            while not isinstance(outcome.result, Halted | Measured):
                outcome = item.advance()
            assert isinstance(outcome.result, Halted)
            assert "another process has taken the study over" in outcome.result.reason
        for act in (
            lambda: loser.take(work[0].job, unreported),
            loser.next_job,
            lambda: slow.write_trials(loser.study.record),
            lambda: slow.checkpoints.keep_only(set()),
        ):
            with pytest.raises(StorageError, match="another process has taken the study over"):
                act()
    record = StudyFolder(remote.address).read_record()
    assert record.trials == expected.trials
    assert [trial.state for trial in record.trials] == [State.FINISHED] * 4
    assert {path: remote.child(path).list_files() for path in ("cases", "journal")} == kept
    for trial in record.front.trials:
        assert StudyFolder(remote.address).checkpoints.has(trial.trial_id)


def test_checkpoints_of_two_sessions_of_one_trial_do_not_mix(remote):
    slow, quick = StudyFolder(remote.address, token=1), StudyFolder(remote.address, token=2)

    def save(folder: StudyFolder, text: str) -> None:
        with folder.checkpoints.new(0, 1, {"accuracy": 0.5}) as path:
            (path / "weights").write_text(text)

    save(slow, "slow")
    save(quick, "quick")
    with pytest.raises(TakenOverError):
        save(slow, "slow again")
    with StudyFolder(remote.address).checkpoints.open(0) as path:
        assert (path / "weights").read_text() == "quick"


# Attempts that overlap, as those of a job whose head was lost: the first may still run when the second starts


def test_an_attempt_that_is_alive_keeps_the_study_and_one_that_stands_still_loses_it_for_good(study):
    first, retry = another(study), another(study)
    clock = [LATE]

    def try_again() -> Journal:
        with hold_lock(retry, now=lambda: clock[0], pause=lambda seconds: first.fence.renew()):
            return open_study(retry)

    with hold_lock(first, now=lambda: clock[0], pause=lambda seconds: None):
        journal = open_study(first)
        for number in range(3):  # however late the retry comes, a lease that is renewed meanwhile is not taken
            clock[0] += EXPIRE_SECONDS + 1
            with pytest.raises(LockedError):
                try_again()
            journal.append(Resumed(1.0, number))
        clock[0] += EXPIRE_SECONDS + 1
        with locked(retry, clock[0]):
            other = open_study(retry)
            assert retry.token > first.token
            with pytest.raises(TakenOverError):
                journal.append(Resumed(1.0, 3))
            other.append(Resumed(2.0, 3))
            retry.write("front.csv", b"of the retry")
            with pytest.raises(TakenOverError):
                first.write("front.csv", b"of the first attempt")
        with pytest.raises(TakenOverError):  # also when the retry is over
            journal.append(Resumed(1.0, 4))
    assert read(study)[2:] == [*(Resumed(1.0, number) for number in range(3)), OPENED, Resumed(2.0, 3)]
    assert study.read("front.csv") == b"of the retry"
