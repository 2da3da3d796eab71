import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from obstore.exceptions import GenericError
from pyarrow.fs import FileSystem

from paretoseg.search.store.folder import Folder, StorageError, as_storage_error, hide_secrets
from paretoseg.search.store.object_store import ObjectFiles
from paretoseg.spaces.atomic_file import sync_folder


@pytest.fixture(params=["path", "file-uri", "s3", "plain"])
def folder(request, tmp_path):
    """An empty folder of every kind."""
    match request.param:
        case "path":
            return Folder(str(tmp_path / "studies"))
        case "file-uri":
            return Folder(f"file://{tmp_path}/studies")
        case "s3":
            return request.getfixturevalue("remote")
        case _:
            return request.getfixturevalue("plain")


def test_what_is_written_is_read(folder):
    folder.write("a.bin", b"\x00\xff one")
    folder.write("a.bin", b"two")
    assert folder.read("a.bin") == b"two"
    assert folder.exists("a.bin")
    assert not folder.exists("b.bin")


def note_syncs(monkeypatch):
    synced = []
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    return synced


def test_the_name_of_a_file_outlives_a_power_cut_too(tmp_path, monkeypatch):
    synced = note_syncs(monkeypatch)
    Folder(str(tmp_path)).write("a.bin", b"one")
    assert synced[0].startswith(f"{tmp_path}/.a.bin.")
    assert synced[1:] == [str(tmp_path)]


def test_a_file_system_that_cannot_sync_names_is_left_to_its_ways(tmp_path, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("os.fsync", refuse)
    sync_folder(tmp_path)

    def fail(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)


def test_an_absent_folder_is_empty(folder):
    assert not folder.exists()
    assert folder.list_files() == folder.list_folders() == []
    folder.delete("nothing")
    with pytest.raises(FileNotFoundError):
        folder.read("nothing")


def test_folders_and_files_are_listed_apart_and_sorted(folder):
    folder.write("b", b"1")
    folder.write("a", b"1")
    folder.child("y").write("inside", b"1")
    folder.child("x").child("deep").write("inside", b"1")
    assert folder.list_files() == ["a", "b"]
    assert folder.list_folders() == ["x", "y"]
    assert folder.child("x").list_folders() == ["deep"]


def test_a_folder_is_deleted_with_all_that_is_in_it(folder):
    folder.child("x").child("deep").write("inside", b"1")
    folder.write("a", b"1")
    folder.delete("x")
    folder.delete("a")
    assert not folder.exists("x")
    assert not folder.exists("a")


def test_a_local_folder_goes_up_and_comes_down_again(folder, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "weights.bin").write_bytes(b"123")
    (source / "state.json").write_text("{}")
    folder.upload(source)
    folder.download(target)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"weights.bin": b"123", "state.json": b"{}"}


def test_a_local_write_leaves_no_other_file(tmp_path):
    Folder(str(tmp_path)).write("a", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_the_empty_objects_that_pyarrow_leaves_as_folders_are_no_files_and_no_folders(remote):
    """Versions that wrote with pyarrow left them wherever something was deleted."""
    filesystem, path = FileSystem.from_uri(remote.address)
    filesystem.create_dir(f"{path}/checkpoints/trial-00000")
    assert not remote.child("checkpoints").child("trial-00000").exists()
    assert remote.list_files() == remote.child("checkpoints").list_files() == []
    assert remote.child("checkpoints").list_folders() == []
    remote.child("checkpoints").child("trial-00001").write("latest.json", b"{}")
    assert remote.child("checkpoints").list_folders() == ["trial-00001"]
    remote.child("checkpoints").delete("trial-00001")
    assert remote.child("checkpoints").list_folders() == []


def test_a_folder_whose_name_starts_with_that_of_another_is_left_alone(remote):
    remote.child("mine").write("a", b"1")
    remote.child("mine2").write("b", b"2")
    assert remote.child("mine").list_files() == ["a"]
    remote.delete("mine")
    assert remote.list_folders() == ["mine2"]


def test_a_large_file_is_written_in_parts_and_read_whole(remote):
    content = bytes(range(256)) * 2**16
    remote.write("weights", content)
    assert remote.read("weights") == content


@pytest.mark.parametrize("name", ["ü", "a b", "a+b", "a%20b", "a#b", "a?b", "a:b"])
def test_a_file_has_the_name_that_pyarrow_gave_it(remote, name):
    remote.write(name, b"1")
    filesystem, path = FileSystem.from_uri(remote.address)
    with filesystem.open_input_stream(f"{path}/{name}") as stream:
        assert stream.read() == b"1"
    with filesystem.open_output_stream(f"{path}/{name}") as stream:
        stream.write(b"2")
    assert remote.read(name) == b"2"
    assert remote.list_files() == [name]


def test_a_local_folder_needs_no_obstore(tmp_path):
    code = textwrap.dedent(
        """
        import sys
        from paretoseg.search.store.lock import hold_lock
        from paretoseg.search.store.study_folder import StudyFolder
        folder = StudyFolder(sys.argv[1])
        with hold_lock(folder.folder):
            folder.write_experiment("")
        print([name for name in sys.modules if name.startswith("obstore")])
        """
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_unknown_kind_of_storage_is_refused():
    with pytest.raises(ValueError, match="storage 'ftp://host/x' cannot be opened: ") as error:
        Folder("ftp://host/x")
    assert "\n" not in str(error.value)


def test_a_place_that_cannot_be_written_is_a_storage_error_with_a_way_out(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot use .*file/a: .*; fix the storage and run the same command again"):
        Folder(str(tmp_path / "file")).write("a", b"1")
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_write_that_fails_half_way_keeps_what_was_there(tmp_path):
    """The limit on file sizes stands for a full disk: it cuts a write in its middle, for root as well."""
    folder = Folder(str(tmp_path))
    folder.write("table", b"old")
    code = textwrap.dedent(
        """
        import resource, sys
        from paretoseg.search.store.folder import Folder, StorageError
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        try:
            Folder(sys.argv[1]).write("table", b"new" * 1000)
        except StorageError as error:
            print(error)
        """
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "free some space and run the same command again" in done.stdout
    assert folder.read("table") == b"old"
    assert folder.list_files() == ["table"]
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


@pytest.mark.parametrize(
    ("number", "way_out"), [(errno.ENOSPC, "free some space"), (errno.EDQUOT, "free some"), (errno.EACCES, "fix the")]
)
def test_a_storage_error_says_what_to_do(number, way_out):
    error = as_storage_error(OSError(number, os.strerror(number)), "studies/x")
    assert way_out in str(error)
    assert os.strerror(number) in str(error)


class Unreachable:
    """A store whose server does not answer."""

    def __getattr__(self, name):
        def fail(*arguments, **options):
            raise GenericError("Could not connect\nto server")

        return fail


@pytest.mark.parametrize(
    ("act", "arguments"),
    [("exists", ("a",)), ("list_files", ()), ("read", ("a",)), ("write", ("a", b"")), ("delete", ("a",))],
)
def test_a_server_that_does_not_answer_is_a_storage_error_without_its_keys(act, arguments):
    folder = Folder("s3://KEY:SECRET@bucket/x?endpoint_override=127.0.0.1%3A1&scheme=http&region=us-east-1")
    folder._files = ObjectFiles(Unreachable())
    with pytest.raises(StorageError, match="Could not connect; fix the storage and run the same") as error:
        getattr(folder, act)(*arguments)
    assert "SECRET" not in str(error.value)
    assert "bucket" in str(error.value)


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("s3://KEY:SECRET@bucket/x", "s3://bucket/x"),
        ("s3://KEY:SEC/RET@bucket/x", "s3://bucket/x"),
        ("s3://bucket/a@b/c", "s3://bucket/a@b/c"),
        ("s3://bucket/x?region=here&secret_key=SECRET", "s3://bucket/x?region=here"),
        ("abfs://bucket/x?sas_token=SECRET", "abfs://bucket/x"),
        ("/a:b@c/x?secret=y", "/a:b@c/x?secret=y"),
    ],
)
def test_a_location_is_shown_without_its_secrets(location, shown):
    assert hide_secrets(location) == shown


@pytest.mark.parametrize("location", ["s3://KEY:SEC RET@bucket/x", "s3://KEY:SEC/RET@bucket/x", "s3://K:SECRET@b:x/y"])
def test_a_uri_that_cannot_be_read_is_refused_without_its_secrets(location):
    with pytest.raises(ValueError, match="cannot be opened: Cannot parse URI") as error:
        Folder(location)
    assert "SEC" not in str(error.value)
    assert "RET" not in str(error.value)


def test_who_reads_while_a_file_is_replaced_sees_the_old_one_whole(tmp_path):
    folder = Folder(str(tmp_path))
    folder.write("table", b"old and long")
    with (tmp_path / "table").open("rb") as reader:
        folder.write("table", b"new")
        assert reader.read() == b"old and long"
    assert folder.read("table") == b"new"
