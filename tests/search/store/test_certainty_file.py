"""What the search found about the front is read again as it was, for the state of the journal that it belongs to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from paretoseg.search.certainty.certainty import Certainty, Evidence
from paretoseg.search.certainty.further_seeds import FurtherSeeds
from paretoseg.search.certainty.hypervolume import HypervolumeEstimate
from paretoseg.search.certainty.reality import Reality, measure_reality
from paretoseg.search.store.certainty_file import read_certainty, read_reality, write_certainty
from paretoseg.search.store.folder import Folder
from paretoseg.search.study.record import StudyRecord
from paretoseg.search.trials.events import Created, Opened
from paretoseg.trainables.scoring.absent_count import AbsentCount
from paretoseg.trainables.toy import ToyTask
from tests.search.certainties import build_certainty, build_verdicts

CERTAINTY = build_certainty(
    {3: {"accuracy": (0.7, 0.8), "robustness": None}, 12: {"accuracy": (0.6, 0.9), "robustness": (0.1, 0.2)}},
    {3: 0.25, 12: 1.0},
    test=Evidence(None, {}, {"accuracy": "one subject alone"}),
    confirmed=(12, 3),
    confirmed_front=(12,),
    verdicts=build_verdicts(12, 3, (0.01, 0.02), (-0.1, 0.1)),
    further=(FurtherSeeds(3, 5), FurtherSeeds(12, None)),
    collapsed={12: (1, 3)},
    hypervolume=HypervolumeEstimate(0.5, None, None, None),
    absent={3: AbsentCount(1, 2, 3, 4)},
)
VALUES = np.arange(9.0)
REALITY = measure_reality(VALUES, VALUES[::-1].copy(), {"site": VALUES * 2, "other": VALUES % 4})


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "study"))


def build_record(*times: float) -> StudyRecord:
    task = ToyTask()
    created = Created(1.5, "mine", task.objectives(), task.cost_names())
    return StudyRecord([created, *(Opened(time, "here", 1, 9, None) for time in times)])


def read(folder: Folder, record: StudyRecord) -> tuple[Certainty | None, Reality | None]:
    return read_certainty(folder, record), read_reality(folder, record)


def test_everything_comes_back(folder: Folder) -> None:
    write_certainty(folder, build_record(2.0), CERTAINTY, REALITY)
    assert read(folder, build_record(2.0)) == (CERTAINTY, REALITY)


def test_a_record_that_grew_counts_its_events(folder: Folder) -> None:
    record = build_record()
    record.add(Opened(2.0, "here", 1, 9, None))
    write_certainty(folder, record, CERTAINTY, None)
    assert read(folder, build_record(2.0)) == (CERTAINTY, None)


@pytest.mark.parametrize("record", [build_record(2.0, 2.0), build_record(), build_record(2.5)])
def test_another_state_of_the_journal_has_none(folder: Folder, record: StudyRecord) -> None:
    write_certainty(folder, build_record(2.0), CERTAINTY, REALITY)
    assert read(folder, record) == (None, None)


def test_what_is_not_known_is_none(folder: Folder) -> None:
    assert read(folder, build_record()) == (None, None)
    write_certainty(folder, build_record(), None, None)
    assert read(folder, build_record()) == (None, None)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content | {"schema": 2},
        lambda content: content | {"certainty": {"selection": 3}, "reality": {"shifts": {}}},
        lambda content: {name: content[name] for name in ("certainty", "reality")},
        lambda content: [content],
    ],
)
def test_a_file_of_another_version_or_damaged_is_passed_over(folder: Folder, change: object) -> None:
    write_certainty(folder, build_record(), CERTAINTY, REALITY)
    content = change(json.loads(folder.read("certainty.json")))  # type: ignore[operator]
    folder.write("certainty.json", json.dumps(content).encode())
    assert read(folder, build_record()) == (None, None)
    folder.write("certainty.json", b"\xff{")
    assert read(folder, build_record()) == (None, None)
