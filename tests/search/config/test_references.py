"""The reference of a relative error: read once, kept in the config, and refused if it cannot serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from paretoseg.search.config.config import compose
from paretoseg.search.config.references import settle_reference
from paretoseg.search.config.resuming import compose_again
from paretoseg.search.store.tables import cases_to_parquet
from paretoseg.trainables.segmentation.config import SegmentationConfig
from paretoseg.trainables.trainable import CaseScore, Split

WISHES = ["study=s", "task.robustness=mean_corruption_error", "task.corruptions=[gaussian_blur]", "task.severities=[2]"]


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """The rows of a network with a mean Dice of 0.75 under blur and 0.9 on clean images."""
    rows = [CaseScore("a", "here", "none", 0, "dice", 0.9)]
    rows += [CaseScore(name, "here", "gaussian_blur", 2, "dice", value) for name, value in (("a", 0.5), ("b", 1.0))]
    path = tmp_path / "trial-00000-validation.parquet"
    path.write_bytes(cases_to_parquet(0, 0, Split.VALIDATION, rows))
    return path


def test_a_new_study_keeps_the_errors_and_needs_the_file_no_more(reference: Path) -> None:
    overrides = [*WISHES, f"task.reference={reference}"]
    settled = settle_reference(compose(overrides))
    assert isinstance(settled.experiment.task, SegmentationConfig)
    assert settled.experiment.task.reference_errors == ["gaussian_blur 2: 0.25"]
    reference.unlink()
    resumed = compose_again(overrides, settled.text, ["budget.trials=7"])
    task = resumed.experiment.build_task()
    task.check()
    assert task == settled.experiment.build_task()
    _, robustness = task.objectives()
    assert (robustness.direction, robustness.reference) == ("minimise", 4.0)


def test_a_study_without_a_reference_stays_as_it_is() -> None:
    composed = compose(["study=s"])
    assert settle_reference(composed) is composed
    assert settle_reference(compose(["study=s", "task=toy"])).experiment.study == "s"


def test_a_reference_that_cannot_serve_is_refused_in_one_line(reference: Path, tmp_path: Path) -> None:
    damaged, empty = tmp_path / "damaged.parquet", tmp_path / "empty.parquet"
    damaged.write_text("no Parquet")
    empty.write_bytes(cases_to_parquet(0, 0, Split.VALIDATION, [CaseScore("a", "here", "none", 0, "dice", 0.9)]))
    for path, message in (
        (tmp_path / "gone.parquet", "must be a file of rows, such as STUDY/cases/trial-00000-validation.parquet, but"),
        (tmp_path, "but .* is none"),
        (damaged, "must be a file of rows"),
        (empty, "holds no dice on corrupted images or shift sets"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            settle_reference(compose([*WISHES, f"task.reference={path}"]))
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(ValueError, match=r"divides by the errors of a reference network; name the file"):
        compose(WISHES).experiment.build_task().check()
