import json
import os
import socket
import threading

import pytest
from obstore.exceptions import GenericError

from paretoseg.search.store import lease as leases
from paretoseg.search.store.folder import Folder, StorageError, TakenOverError
from paretoseg.search.store.lease import (
    EXPIRE_SECONDS,
    WATCH_SECONDS,
    Holder,
    Lease,
    WorkerFence,
    find_holder,
    take_lease,
    write_holder,
)
from paretoseg.search.store.lock import LockedError, find_writer, hold_lock

NOW = 1_000_000.0


def take(folder, now=NOW, pause=lambda seconds: None):
    return take_lease(folder, lambda: now, pause)


def leave_behind(folder, **changes):
    """The lease of a process on another machine, taken at NOW."""
    holder = Holder(**({"host": "elsewhere", "pid": 1, "owner": "other", "token": 4} | changes))
    folder.write("writer.lock", write_holder(holder, NOW, 0))


def leave_behind_as_before(folder, renewed_at):
    """The lease of a version without tokens."""
    values = {"host": "elsewhere", "pid": 1, "token": "2f1c", "renewed_at": renewed_at}
    folder.write("writer.lock", json.dumps(values).encode())


def test_every_owner_has_a_higher_token(remote):
    tokens = []
    for _ in range(3):
        lease = take(remote)
        tokens.append(lease.token)
        lease.release()
    assert tokens == [1, 2, 3]


def test_a_lease_that_holds_is_not_taken(remote):
    lease = take(remote)
    refused = take(remote, NOW + EXPIRE_SECONDS - 1)
    assert isinstance(refused, Holder)
    assert refused.describe() == f"process {os.getpid()} on {socket.gethostname()}"
    lease.check()
    lease.confirm()


def test_a_lease_of_another_machine_is_taken_when_it_has_expired_and_is_not_renewed(remote):
    leave_behind(remote)
    assert isinstance(take(remote, NOW + EXPIRE_SECONDS - 1), Holder)
    pauses = []
    lease = take(remote, NOW + EXPIRE_SECONDS + 1, pauses.append)
    assert lease.token == 5
    assert pauses == [WATCH_SECONDS]


def test_a_lease_that_has_expired_by_our_clock_alone_is_not_taken(remote):
    """Another machine's clock is ten minutes behind; its owner renews the lease while it is watched."""
    leave_behind(remote)
    refused = take(remote, NOW + 600, lambda seconds: leave_behind(remote, pid=2))
    assert isinstance(refused, Holder)
    assert refused.describe() == "process 2 on elsewhere"
    assert find_holder(remote).token == 4


def test_the_lease_of_a_process_of_this_machine_that_is_dead_is_taken_at_once(remote):
    leave_behind(remote, host=socket.gethostname(), pid=2**22 + 1)
    assert take(remote, NOW, pytest.fail).token == 5


def test_a_released_lease_is_taken_at_once(remote):
    take(remote).release()
    assert take(remote, NOW, pytest.fail).token == 2


@pytest.mark.parametrize("content", [b"", b"half a rec", b"[]", b'{"token": "x", "pid": null}', b'{"expires_at": "x"}'])
def test_a_lease_that_cannot_be_read_is_taken_over(remote, content):
    remote.write("writer.lock", content)
    assert take(remote, NOW, pytest.fail).token == 1


def test_a_lease_of_a_version_without_tokens_counts_until_it_expires(remote):
    leave_behind_as_before(remote, NOW)
    assert isinstance(take(remote, NOW + 59), Holder)
    assert take(remote, NOW + 61).token == 1


def test_a_version_without_tokens_finds_a_lease_that_holds_and_one_that_was_released(remote):
    """Such a version looks at `renewed_at` alone, and takes what is older than a minute."""
    lease = take(remote)
    assert json.loads(remote.read("writer.lock"))["renewed_at"] == NOW
    lease.release()
    assert json.loads(remote.read("writer.lock"))["renewed_at"] == 0


def test_a_token_is_higher_than_those_of_the_files_when_the_lease_was_deleted_by_hand(remote):
    first = take(remote)
    first.outrank(7)
    remote.fence = first
    remote.write("experiment.yaml", b"seed: 0")
    remote.fence = None
    remote.delete("writer.lock")
    assert take(remote).token == 9


def test_a_lease_is_renewed_while_it_is_held(remote, monkeypatch):
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.0)
    times, is_over = [NOW], threading.Event()

    def tick():
        times.append(times[-1] + 30)
        if len(times) > 5:
            is_over.set()
        return times[-1]

    lease = take_lease(remote, tick)
    lease.keep(is_over)
    assert json.loads(remote.read("writer.lock"))["expires_at"] == times[-1] + EXPIRE_SECONDS
    lease.check()


def test_a_lease_that_another_process_has_is_lost_and_not_renewed(remote, monkeypatch):
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.0)
    lease = take(remote)
    leave_behind(remote)
    lease.keep(threading.Event())  # it returns although the event is never set
    with pytest.raises(TakenOverError, match=r"another process has taken the study over.*process 1 on elsewhere"):
        lease.check()
    lease.release()
    assert find_holder(remote).owner == "other"


def test_a_lease_that_another_process_has_is_found_to_be_lost_when_the_storage_is_asked(remote):
    lease = take(remote)
    leave_behind(remote)
    lease.check()
    with pytest.raises(TakenOverError):
        lease.confirm()
    with pytest.raises(TakenOverError):
        lease.check()


def test_a_renewal_whose_answer_was_lost_keeps_the_lease(remote, disturb):
    line = disturb(remote)
    lease = take(remote)
    line.has_lost_answers = True
    lease.renew()
    line.has_lost_answers = False
    lease.renew()
    lease.confirm()
    lease.release()
    assert find_holder(remote).is_known_dead()


def test_a_lease_whose_answer_was_lost_is_taken(remote, disturb):
    line = disturb(remote)
    line.has_lost_answers = True
    lease = take(remote)
    assert isinstance(lease, Lease)
    lease.confirm()


def test_a_missed_renewal_does_no_harm(remote, disturb):
    line = disturb(remote)
    lease = take(remote)
    line.delay_next_put()
    with pytest.raises(StorageError):
        lease.renew()
    lease.renew()
    lease.confirm()
    with pytest.raises(Exception, match="precondition"):
        line.deliver()
    lease.confirm()


def test_a_renewal_that_arrives_late_does_no_harm(remote, disturb):
    line = disturb(remote)
    lease = take(remote)
    line.delay_next_put()
    with pytest.raises(StorageError):
        lease.renew()
    line.deliver()
    lease.renew()
    lease.check()
    lease.confirm()


def test_a_lease_that_cannot_be_released_expires(remote, disturb):
    def refuse():
        raise GenericError("the connection is gone")

    line = disturb(remote)
    with hold_lock(remote):
        line.before_next_put(refuse)
    assert find_writer(remote)


@pytest.mark.parametrize("is_ignored", [lambda mode: mode == "create", lambda mode: isinstance(mode, dict)])
def test_a_server_that_ignores_conditions_is_refused(remote, disturb, is_ignored):
    line = disturb(remote)
    put = line.put
    line.put = lambda *arguments, mode, **options: put(
        *arguments, mode="overwrite" if is_ignored(mode) else mode, **options
    )
    with pytest.raises(StorageError, match=r"does not support conditional writes.*disk that all machines share"):
        take(remote)


def test_the_lock_of_a_remote_folder_fences_what_is_inside_while_it_is_held(remote):
    inside = remote.child("cases")
    with hold_lock(remote):
        assert (remote.token, inside.token) == (1, 1)
        inside.write("a", b"1")
    assert (remote.token, inside.token) == (None, None)
    assert inside.read_token("a") == 1


def test_the_lock_of_a_folder_inside_fences_that_one_alone(remote):
    with hold_lock(remote.child("rescores").child("one"), kind="rescoring"):
        assert remote.token is None


def test_who_watches_an_expired_lease_is_refused_when_it_is_renewed(remote):
    leave_behind(remote)
    with (
        pytest.raises(LockedError, match="process 2 on elsewhere"),
        hold_lock(remote, now=lambda: NOW + 600, pause=lambda seconds: leave_behind(remote, pid=2)),
    ):
        pass


def test_a_file_of_a_later_writer_is_not_replaced(remote):
    remote.fence = WorkerFence(remote, 5)
    remote.write("table", b"later")
    remote.fence = WorkerFence(remote, 4)
    with pytest.raises(TakenOverError, match=r"a later process has written .*table"):
        remote.write("table", b"earlier")
    remote.fence = WorkerFence(remote, 6)
    remote.write("table", b"last")
    assert (remote.read("table"), remote.read_token("table")) == (b"last", 6)


def test_a_file_that_a_later_writer_writes_at_the_same_moment_is_not_replaced(remote, disturb):
    other = Folder(remote.address)
    other.fence = WorkerFence(other, 5)
    line = disturb(remote)
    remote.fence = WorkerFence(remote, 4)
    line.before_next_put(lambda: other.write("table", b"later"))
    with pytest.raises(TakenOverError):
        remote.write("table", b"earlier")
    assert remote.read("table") == b"later"


def test_a_worker_of_a_session_that_has_lost_the_lease_writes_and_deletes_nothing(remote):
    remote.write("table", b"1")
    take(remote).release()
    assert take(remote).token == 2
    remote.fence = WorkerFence(remote, 1)
    for act in (lambda: remote.write("new", b"1"), lambda: remote.delete("table")):
        with pytest.raises(TakenOverError):
            act()
    assert remote.list_files() == ["table", "writer.lock"]
    remote.fence = WorkerFence(remote, 2)
    remote.write("new", b"1")


def test_nothing_is_deleted_by_a_process_that_has_lost_the_lease(remote):
    remote.write("table", b"1")
    remote.fence = take(remote)
    leave_behind(remote)
    with pytest.raises(TakenOverError):
        remote.delete("table")
    assert remote.exists("table")


def test_without_conditional_writes_the_last_of_two_that_find_the_lock_free_has_it(plain):
    refused = take(plain, NOW, lambda seconds: leave_behind(plain))
    assert isinstance(refused, Holder)
    assert refused.describe() == "process 1 on elsewhere"


def test_without_conditional_writes_a_lease_is_renewed_and_released(plain):
    lease = take(plain)
    lease.renew()
    lease.confirm()
    lease.release()
    assert take(plain).token == 2
