import json
import os
import stat
from pathlib import Path

import pytest

from paretoseg.search.store import journal as journal_module
from paretoseg.search.store.folder import Folder, StorageError, TakenOverError
from paretoseg.search.store.journal import Journal, _to_line
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.trials.events import Opened, Resumed, from_record
from tests.builders import created

EVENTS = [created(), Opened(1.0, "here", 1, 5, None), Resumed(2.0, 0), Resumed(3.0, 1)]


@pytest.fixture(params=["local", "remote", "plain"])
def folder(request, tmp_path):
    """An empty journal folder, on disk, on an object store or on a server without conditional writes."""
    if request.param == "local":
        return Folder(str(tmp_path / "journal"))
    return request.getfixturevalue(request.param).child("journal")


@pytest.fixture
def local_folder(tmp_path):
    return Folder(str(tmp_path / "journal"))


def write(folder, events):
    journal = Journal(folder)
    for event in events:
        journal.append(event)
    journal.close()


def test_the_names_of_a_new_segment_and_of_the_folders_above_it_are_synced(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(
        "os.fsync", lambda descriptor: synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
    )
    place = tmp_path / "studies" / "mine" / "journal"
    write(Folder(str(place)), EVENTS[:2])
    folders = [str(place), str(place.parent), str(place.parent.parent)]
    assert synced == [*folders, *[str(place / "00000000.jsonl")] * 2]


def test_what_was_appended_is_read_in_order(folder):
    write(folder, EVENTS[:2])
    write(folder, EVENTS[2:])
    journal = Journal(folder)
    assert list(journal.read()) == EVENTS
    assert journal.torn == []


def test_an_absent_journal_has_no_events(folder):
    journal = Journal(folder)
    assert list(journal.read()) == []
    assert not journal.has_records()


def test_an_event_is_there_as_soon_as_it_is_appended(folder):
    journal = Journal(folder)
    for count, event in enumerate(EVENTS, start=1):
        journal.append(event)
        assert list(Journal(folder).read()) == EVENTS[:count]
    journal.close()


def test_every_record_is_synced_to_the_disk_before_append_returns(local_folder, monkeypatch):
    synced = []

    def note(descriptor):
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode):
            synced.append(status.st_size)

    monkeypatch.setattr("os.fsync", note)
    journal = Journal(local_folder)
    sizes = []
    for event in EVENTS:
        journal.append(event)
        sizes.append(len(local_folder.read(local_folder.list_files()[0])))
    journal.close()
    assert synced == sizes
    assert sizes == sorted(set(sizes))


def test_more_segments_than_ten_keep_their_order(folder):
    for number in range(12):
        write(folder, [Resumed(0.0, number)])
    assert [event.trial_id for event in Journal(folder).read()] == list(range(12))


def last_record(folder):
    """The last segment's name, what precedes its last record, and the record with its line end."""
    name = folder.list_files()[-1]
    content = folder.read(name)
    start = content.rstrip(b"\n").rfind(b"\n") + 1
    return name, content[:start], content[start:]


def test_a_record_torn_at_any_byte_is_left_out_and_written_again(folder):
    write(folder, EVENTS[:3])
    name, before, record = last_record(folder)
    stride = 1 if folder.local_path else 50  # an object store never tears a file; here it is only tried out
    for length in range(0, len(record), stride):
        folder.write(name, before + record[:length])
        journal = Journal(folder)
        assert list(journal.read()) == EVENTS[:2]
        assert journal.torn == ([name] if length else [])
        journal.append(EVENTS[3])
        journal.close()
        again = Journal(folder)
        assert list(again.read()) == [*EVENTS[:2], EVENTS[3]]
        assert len(folder.list_files()) <= 2 if before else 3
        for other in folder.list_files():
            if other > name:
                folder.delete(other)


def test_a_last_line_that_is_whole_but_wrong_is_torn_too(local_folder):
    write(local_folder, EVENTS)
    name, before, record = last_record(local_folder)
    local_folder.write(name, before + record.replace(b"3.0", b"4.0"))
    journal = Journal(local_folder)
    assert list(journal.read()) == EVENTS[:-1]
    assert journal.torn == [name]


def test_a_torn_segment_stays_readable_when_later_ones_follow(local_folder):
    write(local_folder, EVENTS[:3])
    name, before, record = last_record(local_folder)
    local_folder.write(name, before + record[:9])
    write(local_folder, EVENTS[2:])
    journal = Journal(local_folder)
    assert list(journal.read()) == EVENTS
    assert journal.torn == [name]


@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize(
    "damage", [lambda text: text[:-3], lambda text: b"", lambda text: text.replace(b"2.0", b"9.9")]
)
def test_damage_in_the_middle_is_refused_with_file_and_line(local_folder, line, damage):
    write(local_folder, [Resumed(2.0, 0), Resumed(2.0, 1), Resumed(2.0, 2), Resumed(2.0, 3)])
    name = local_folder.list_files()[0]
    lines = local_folder.read(name).split(b"\n")
    lines[line] = damage(lines[line])
    local_folder.write(name, b"\n".join(lines))
    with pytest.raises(ValueError, match=rf"{name}, line {line + 1}: record {line} is damaged; restore"):
        Journal(local_folder).read()


def test_a_missing_segment_is_refused(folder):
    for event in EVENTS:
        write(folder, [event])
    folder.delete(folder.list_files()[1])
    with pytest.raises(ValueError, match=r"record 1 is missing \(found 2\); restore the journal from a backup"):
        Journal(folder).read()


def test_a_record_that_stands_twice_is_refused(local_folder):
    write(local_folder, EVENTS[:2])
    name = local_folder.list_files()[0]
    content = local_folder.read(name)
    local_folder.write(name, content + content.splitlines(keepends=True)[-1])
    with pytest.raises(ValueError, match="record 2 is missing"):
        Journal(local_folder).read()


def test_files_that_are_no_segments_are_passed_over(local_folder):
    write(local_folder, EVENTS)
    local_folder.write("notes.txt", b"mine")
    assert list(Journal(local_folder).read()) == EVENTS


def test_a_failed_append_is_final_and_leaves_a_readable_journal(local_folder, monkeypatch):
    """A later append would glue its record to the torn one; both would be lost, and more of them the whole journal."""
    journal = Journal(local_folder)
    journal.append(EVENTS[0])
    write_whole = os.write
    is_full = True

    def write_half(descriptor, content):
        if not is_full:
            return write_whole(descriptor, content)
        if len(content) < 20:
            raise OSError(28, "No space left on device")
        return write_whole(descriptor, content[: len(content) // 2])

    monkeypatch.setattr("paretoseg.search.store.journal.os.write", write_half)
    with pytest.raises(StorageError, match="No space left on device; free some space and run the same command again"):
        journal.append(EVENTS[1])
    is_full = False
    for event in EVENTS[2:]:
        with pytest.raises(StorageError, match="No space left"):
            journal.append(event)
    journal.close()
    assert list(Journal(local_folder).read()) == EVENTS[:1]
    write(local_folder, EVENTS[1:])
    assert list(Journal(local_folder).read()) == EVENTS


def test_a_study_whose_very_first_record_was_torn_was_never_started(tmp_path):
    folder = StudyFolder(str(tmp_path))
    write(folder.folder.child("journal"), EVENTS[:1])
    assert folder.exists()
    name, _, record = last_record(folder.folder.child("journal"))
    for length in (0, 1, len(record) - 1):
        folder.folder.child("journal").write(name, record[:length])
        assert not StudyFolder(str(tmp_path)).exists()
    folder = StudyFolder(str(tmp_path))
    folder.journal.append(EVENTS[0])
    folder.journal.close()
    assert list(StudyFolder(str(tmp_path)).journal.read()) == EVENTS[:1]


@pytest.mark.parametrize("kind", ["remote", "plain"])
def test_a_record_that_another_process_has_written_is_not_written_over(request, kind):
    folder = request.getfixturevalue(kind).child("journal")
    first, second = Journal(folder), Journal(folder)
    first.append(EVENTS[0])
    second.read()
    second.append(EVENTS[1])
    for _ in range(2):
        with pytest.raises(StorageError, match=r"another process has taken the study over.*00000001\.jsonl"):
            first.append(EVENTS[2])
    assert list(Journal(folder).read()) == EVENTS[:2]


def test_a_segment_that_has_not_changed_is_decoded_once(local_folder, monkeypatch):
    """A search looks at the journal when it is planned and when it starts; another may have written in between."""
    write(local_folder, EVENTS[:2])
    decoded = []
    monkeypatch.setattr(
        "paretoseg.search.store.journal.from_record", lambda record: decoded.append(record) or from_record(record)
    )
    journal = Journal(local_folder)
    assert journal.has_records()
    assert decoded == []
    for _ in range(2):
        assert list(journal.read()) == EVENTS[:2]
    assert len(decoded) == 2
    write(local_folder, EVENTS[2:])
    decoded.clear()
    assert list(journal.read()) == EVENTS
    assert len(decoded) == 2


def test_a_segment_that_has_grown_is_decoded_again(local_folder):
    writer, reader = Journal(local_folder), Journal(local_folder)
    for count, event in enumerate(EVENTS, start=1):
        writer.append(event)
        assert list(reader.read()) == EVENTS[:count]
    writer.close()


def append_with(folder, token, event):
    """Writes an event as the process with a token does."""
    folder.fence = Token(token)
    write(folder, [event])
    folder.fence = None


class Token:
    """A fence that lets everything through."""

    def __init__(self, token):
        self.token = token

    def check(self):
        pass

    def outrank(self, token):
        self.token = max(self.token, token + 1)


def test_every_record_on_an_object_store_carries_the_token_of_its_writer(remote):
    folder = remote.child("journal")
    append_with(folder, 3, EVENTS[0])
    append_with(folder, 7, EVENTS[1])
    assert [json.loads(folder.read(name))["token"] for name in folder.list_files()] == [3, 7]
    assert list(Journal(folder).read()) == EVENTS[:2]


def test_the_first_record_of_a_session_has_a_higher_token_than_all_before(remote):
    """The tokens of the locks start again from 1 when somebody has deleted them."""
    folder = remote.child("journal")
    append_with(folder, 7, EVENTS[0])
    append_with(folder, 1, EVENTS[1])
    append_with(folder, 9, EVENTS[2])
    assert [json.loads(folder.read(name))["token"] for name in folder.list_files()] == [7, 8, 9]
    assert list(Journal(folder).read()) == EVENTS[:3]


def test_a_record_by_a_process_that_had_lost_the_study_is_left_out_and_named(plain):
    folder = plain.child("journal")
    append_with(folder, 7, EVENTS[0])
    folder.write("00000001.jsonl", _to_line(EVENTS[1], 1, token=6))
    append_with(folder, 8, EVENTS[2])
    journal = Journal(folder)
    assert list(journal.read()) == [EVENTS[0], EVENTS[2]]
    assert journal.overtaken == ["00000001.jsonl"]
    assert json.loads(folder.read("00000002.jsonl"))["number"] == 2


def test_records_by_a_version_without_tokens_count_before_and_behind_those_with_one(remote):
    folder = remote.child("journal")
    write(folder, EVENTS[:1])
    append_with(folder, 4, EVENTS[1])
    write(folder, EVENTS[2:3])
    append_with(folder, 5, EVENTS[3])
    journal = Journal(folder)
    assert list(journal.read()) == EVENTS
    assert journal.overtaken == []


def test_a_record_whose_answer_was_lost_is_written_once(remote, disturb):
    disturb(remote).has_lost_answers = True
    folder = remote.child("journal")
    write(folder, EVENTS)
    assert list(Journal(folder).read()) == EVENTS


def test_a_writer_whose_lock_was_given_away_adds_no_record_after_the_next_owner_opened_the_study(local_folder):
    loser, owner = Journal(local_folder), Journal(local_folder)
    for event in EVENTS[:2]:
        loser.append(event)
    owner.read()
    owner.append(EVENTS[1])
    for number in range(2):
        with pytest.raises(TakenOverError, match="taken the study over"):
            loser.append(Resumed(9.0, number))
        owner.append(Resumed(2.0, number))
    journal = Journal(local_folder)
    assert list(journal.read()) == [*EVENTS[:2], EVENTS[1], Resumed(2.0, 0), Resumed(2.0, 1)]
    assert journal.describe_left_out() == []


def test_records_of_a_writer_that_did_not_see_the_next_owner_are_left_out(local_folder, monkeypatch):
    """As on a network disk, whose list of files a client may remember for a while."""
    loser, owner = Journal(local_folder), Journal(local_folder)
    for event in EVENTS[:2]:
        loser.append(event)
    owner.read()
    owner.append(EVENTS[1])
    monkeypatch.setattr(Journal, "_check_latest", lambda journal: None)
    for number in range(3):
        loser.append(Resumed(9.0, number))
    owner.append(Resumed(2.0, 0))
    journal = Journal(local_folder)
    assert list(journal.read()) == [*EVENTS[:2], EVENTS[1], Resumed(2.0, 0)]
    assert journal.overtaken == ["00000000.jsonl"] * 3
    (left_out,) = journal.describe_left_out()
    assert left_out == "3 records in 00000000.jsonl, by a process that had lost the study, were left out"
    write(local_folder, [EVENTS[1]])
    assert list(Journal(local_folder).read()) == [*EVENTS[:2], EVENTS[1], Resumed(2.0, 0), EVENTS[1]]


def test_of_two_owners_of_whom_one_has_opened_its_segment_and_not_written_yet_one_is_refused(local_folder, monkeypatch):
    write(local_folder, EVENTS[:1])
    first, second = Journal(local_folder), Journal(local_folder)
    first.read()
    second.read()

    def let_the_other_write(path):
        monkeypatch.undo()
        second.append(EVENTS[1])

    monkeypatch.setattr(journal_module, "sync_folder", let_the_other_write)
    with pytest.raises(TakenOverError):
        first.append(EVENTS[2])
    second.append(EVENTS[2])
    assert list(Journal(local_folder).read()) == EVENTS[:3]


def test_of_two_owners_that_open_the_study_at_once_one_is_refused(local_folder):
    write(local_folder, EVENTS[:1])
    first, second = Journal(local_folder), Journal(local_folder)
    first.read()
    second.read()
    first.append(EVENTS[1])
    with pytest.raises(TakenOverError):
        second.append(EVENTS[1])
    assert list(Journal(local_folder).read()) == EVENTS[:2]
