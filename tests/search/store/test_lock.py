import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from paretoseg.search.store import lock
from paretoseg.search.store.folder import Folder, StorageError
from paretoseg.search.store.lock import LockedError, find_writer, hold_lock

HOLD = """
import sys
from paretoseg.search.store.folder import Folder
from paretoseg.search.store.lock import hold_lock
with hold_lock(Folder(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["local", "s3"])
def folder(request, tmp_path):
    if request.param == "local":
        return Folder(str(tmp_path / "study"))
    return Folder(request.getfixturevalue("s3_storage")).child(tmp_path.name)


@pytest.fixture
def holder(folder):
    """Another process that holds the lock until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_refused_and_told_who_writes(folder, holder):
    with pytest.raises(LockedError, match=rf"is being written by process {holder.pid} on {socket.gethostname()}; wait"):
        hold_lock(folder).__enter__()
    assert find_writer(folder) == f"process {holder.pid} on {socket.gethostname()}"


def test_a_killed_process_no_longer_holds_the_lock(folder, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert find_writer(folder) is None
    with hold_lock(folder):
        assert find_writer(folder) == f"process {os.getpid()} on {socket.gethostname()}"


def test_a_process_that_is_done_no_longer_holds_the_lock(folder, holder):
    holder.communicate()
    assert holder.returncode == 0
    with hold_lock(folder):
        pass
    assert find_writer(folder) is None


def test_a_folder_without_a_lock_has_no_writer(folder):
    assert find_writer(folder) is None


def test_the_lock_is_free_again_after_an_error(folder):
    with pytest.raises(RuntimeError), hold_lock(folder):
        raise RuntimeError
    with hold_lock(folder):
        pass


@pytest.fixture
def remote(s3_storage, tmp_path):
    return Folder(s3_storage).child(tmp_path.name)


def lease(**changes):
    values = {"host": "elsewhere", "pid": 1, "token": "other", "renewed_at": time.time()}
    return json.dumps(values | changes).encode()


def test_a_lease_of_another_machine_counts_until_it_expires(remote):
    remote.write("writer.lock", lease(renewed_at=time.time() - 30))
    with pytest.raises(LockedError, match="process 1 on elsewhere"), hold_lock(remote):
        pass
    remote.write("writer.lock", lease(renewed_at=time.time() - 61))
    assert find_writer(remote) is None
    with hold_lock(remote):
        pass


def test_a_lease_that_cannot_be_read_is_taken_over(remote):
    remote.write("writer.lock", b"half a rec")
    with hold_lock(remote):
        assert json.loads(remote.read("writer.lock"))["token"]


def test_a_lease_is_renewed_while_it_is_held(remote, monkeypatch):
    monkeypatch.setattr(lock, "_RENEW_SECONDS", 0.02)

    def renewed_at():
        while not (found := lock._read_lease(remote)):  # the server of the tests may be in the middle of a write
            pass
        return found["renewed_at"]

    with hold_lock(remote):
        first = renewed_at()
        while renewed_at() == first:
            pass


def test_a_file_system_without_locks_is_named_with_the_way_out(tmp_path, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")

    place = Folder(str(tmp_path))
    with hold_lock(place):
        pass
    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(StorageError, match=r"writer.lock: Function not implemented; .*mounted with -o flock"):
        hold_lock(place).__enter__()
    with pytest.raises(StorageError, match=r"mounted with -o flock"):
        find_writer(place)


def test_a_lock_that_cannot_be_written_is_a_storage_error(tmp_path, monkeypatch):
    def refuse(descriptor, content, offset):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.pwrite", refuse)
    with pytest.raises(StorageError, match="free some space"), hold_lock(Folder(str(tmp_path))):
        pass


def test_of_two_that_find_a_study_free_only_the_last_to_write_has_it(remote, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: remote.write("writer.lock", lease()))
    with pytest.raises(LockedError, match="process 1 on elsewhere"), hold_lock(remote):
        pass
    assert json.loads(remote.read("writer.lock"))["token"] == "other"


def test_a_lease_that_another_process_has_taken_over_is_not_renewed(remote, monkeypatch):
    monkeypatch.setattr(lock, "_RENEW_SECONDS", 0.0)
    remote.write("writer.lock", lease())
    lock._renew(remote, "ours", threading.Event())  # it returns although nobody asks it to
    assert find_writer(remote) == "process 1 on elsewhere"


def test_a_lease_that_another_process_has_taken_over_is_not_deleted(remote):
    with hold_lock(remote):
        remote.write("writer.lock", lease())
    assert find_writer(remote) == "process 1 on elsewhere"


def test_a_lease_that_cannot_be_deleted_is_left_to_expire(remote, monkeypatch):
    def refuse(self, name):
        raise StorageError("the connection is gone")

    with hold_lock(remote):
        monkeypatch.setattr(Folder, "delete", refuse)
    assert find_writer(remote)


def test_a_place_that_cannot_be_locked_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="run the same command again"), hold_lock(Folder(str(tmp_path / "file"))):
        pass
