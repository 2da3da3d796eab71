"""The reference of the mean corruption error: its rows are read once, when a study begins, and kept as errors."""

from __future__ import annotations

from pathlib import Path

from paretoseg.search.config.config import Composed, with_settled
from paretoseg.search.store.tables import cases_from_parquet
from paretoseg.trainables.scoring.objectives import to_errors
from paretoseg.trainables.scoring.reference_errors import format_errors
from paretoseg.trainables.segmentation.config import SegmentationConfig


def settle_reference(composed: Composed) -> Composed:
    """The config of a new study with the errors of its reference network in it, if it names one.

    Raises:
        ValueError: if the file is missing or holds no such rows.
    """
    config = composed.experiment.task
    if not isinstance(config, SegmentationConfig) or not config.reference or config.reference_errors:
        return composed
    what = "task.reference must be a file of rows, such as STUDY/cases/trial-00000-validation.parquet"
    try:
        rows = cases_from_parquet(Path(config.reference).expanduser().read_bytes())
    except OSError:
        raise ValueError(f"{what}, but '{config.reference}' is none") from None
    except ValueError as error:
        raise ValueError(f"{what}; '{config.reference}': {error}") from None
    errors = to_errors(rows, config.metric)
    if not errors:
        raise ValueError(
            f"task.reference '{config.reference}' holds no {config.metric} on corrupted images or shift sets; name the "
            "rows of a network that was measured on them"
        )
    return with_settled(composed, "reference_errors", format_errors(errors))
