import dataclasses

import pytest

from paretoseg.search.rescoring.data import check_cases, find_altered, find_missing, find_trained
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.trainables.toy import ToyTask
from paretoseg.trainables.trainable import SplitRow


def row(case, split, **changes):
    values = {"subject": case, "domain": "here", "image_sha256": f"image of {case}", "label_sha256": f"label of {case}"}
    return SplitRow(case, split, **(values | changes))


KEPT = [row("a", "train"), row("b", "validation"), row("c", "test")]
NEW_SITE = [row("x", "validation", shift="site"), row("y", "test", shift="site")]


class Task(ToyTask):
    """A toy with cases."""

    def split_rows(self):
        return self.rows


def check(tmp_path, rows, kept=KEPT):
    folder = StudyFolder(str(tmp_path / "study"))
    folder.write_splits(kept)
    task = Task()
    object.__setattr__(task, "rows", rows)
    return check_cases(folder, task)


def test_the_same_cases_and_a_new_site_may_be_measured(tmp_path):
    assert check(tmp_path, KEPT) == []
    assert check(tmp_path, [*KEPT, *NEW_SITE]) == []


def test_nothing_that_was_in_training_may_be_measured_under_any_name(tmp_path):
    named = row("a", "validation", shift="site")
    copied = row("z", "test", shift="site", image_sha256="image of a")
    same_subject = row("z", "test", shift="site", subject="a")
    for rows, message in (
        ([KEPT[1], KEPT[2], named], "case 'a' was in training"),
        ([*KEPT, copied], "the image of case 'z' was in training under another name"),
        ([*KEPT, same_subject], "subject 'a' of case 'z' was in training"),
    ):
        assert find_trained(KEPT, rows) == [message]
        with pytest.raises(ValueError, match=message):
            check(tmp_path, rows)


def test_a_case_that_is_gone_or_another_is_named(tmp_path):
    assert find_missing(KEPT, KEPT[:2]) == ["case 'c' is gone"]
    other = dataclasses.replace(KEPT[1], image_sha256="another", split="test")
    assert find_altered(KEPT, [KEPT[0], other, KEPT[2]]) == [
        "case 'b' has another image and split 'test' instead of 'validation'"
    ]
    assert find_altered(KEPT, [*KEPT, row("d", "test")]) == ["case 'd' is new"]
    with pytest.raises(
        ValueError, match="these data cannot be measured: case 'c' is gone; a rescoring needs the cases"
    ):
        check(tmp_path, KEPT[:2])


def test_training_cases_and_other_shift_sets_may_be_gone(tmp_path):
    assert check(tmp_path, KEPT[1:]) == []
    assert check(tmp_path, KEPT, kept=[*KEPT, *NEW_SITE]) == []


def test_a_case_that_moves_into_a_shift_set_is_reported(tmp_path):
    moved = [KEPT[0], dataclasses.replace(KEPT[1], shift="small"), KEPT[2]]
    [note] = check(tmp_path, moved)
    assert note == ("1 cases that counted in accuracy are in a shift set now, so accuracy is that of the others: b")


def test_a_study_without_its_splits_is_measured_with_a_warning(tmp_path):
    [note] = check_cases(StudyFolder(str(tmp_path / "none")), ToyTask())
    assert "it is not known whether a case was in training" in note


def test_many_troubles_are_counted(tmp_path):
    kept = [row(f"case_{number}", "test") for number in range(14)]
    with pytest.raises(ValueError, match="case 'case_9' is gone; and 4 more; a rescoring needs"):
        check(tmp_path, [], kept=kept)
