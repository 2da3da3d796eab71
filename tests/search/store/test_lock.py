import errno
import os
import signal
import socket
import subprocess
import sys

import pytest

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


def test_a_place_that_cannot_be_locked_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="run the same command again"), hold_lock(Folder(str(tmp_path / "file"))):
        pass
