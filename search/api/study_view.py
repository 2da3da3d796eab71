"""A study as Python sees it: its tables, its report and its networks. It is only read, and never locked."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from paretoseg.search.api import frames
from paretoseg.search.api.consoles import make_silent
from paretoseg.search.commands.front import find_certainty, show_front
from paretoseg.search.store.reachable import check_reachable
from paretoseg.search.store.study_folder import StudyFolder
from paretoseg.search.study.record import StudyRecord
from paretoseg.spaces.suggestion import suggest
from paretoseg.trainables.trainable import Split

if TYPE_CHECKING:
    from pandas import DataFrame
    from torch import nn

    from paretoseg.search.api.attributing import StudyAttribution
    from paretoseg.search.api.prediction import Image, Prediction
    from paretoseg.search.certainty.certainty import Certainty


class StudyView:
    """A study, which is only read; `open_study` makes one.

    A search may go on meanwhile: every call reads the study as it is then. All frames have the columns that
    `docs/study_folder.md` lists; `measures` says of every objective and cost which values are better.

    Attributes:
        location: The folder or URI of the study, without keys.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._folder = StudyFolder(place)
        self._certainty: tuple[int, Certainty | None, str] | None = None
        self.location = self._folder.folder.location

    def __repr__(self) -> str:
        record = self._folder.read_record()
        several = len(record.trials) != 1
        return (
            f"<StudyView '{self.location}': {len(record.trials)} trial{'s' * several}, {len(record.front.results)} on "
            "the front>"
        )

    @property
    def name(self) -> str:
        """The name of the study."""
        return self._folder.read_record().created.study

    @property
    def measures(self) -> DataFrame:
        """What was measured: a row per objective and cost.

        The index `name` is the column in the other frames. `is_objective` is false for a cost. `better` is `higher` or
        `lower`, and says more for some costs. `reference` is the worst value of an objective that still counts.
        """
        return frames.frame_measures(self._folder.read_record())

    @property
    def front(self) -> DataFrame:
        """The candidates on the front, best first in the first objective; the columns of `candidates`."""
        record = self._folder.read_record()
        return frames.frame_front(record, self._find_certainty(record)[0])

    @property
    def candidates(self) -> DataFrame:
        """A row per candidate: means over its seeds, on validation cases, and `test_...` on test cases.

        `trial_id` is its number, `probability` that of being on the front, in [0, 1].
        """
        record = self._folder.read_record()
        return frames.frame_candidates(record, self._find_certainty(record)[0])

    @property
    def trials(self) -> DataFrame:
        """A row per trial, in the order of proposal."""
        return frames.frame_trials(self._folder.read_record())

    def cases(
        self, split: str = "validation", *, trials: Collection[int] | None = None, metric: str | None = None
    ) -> DataFrame:
        """The rows from which objectives are computed, a row per trial, case, corruption, severity, metric and class.

        Args:
            split: `validation` or `test`.
            trials: Numbers of trials; all if None.
            metric: Such as `dice`; all if None.

        Raises:
            ValueError: for an unknown split or trial, or if a file is damaged.
        """
        if split not in list(Split):
            raise ValueError(f"unknown split {split!r}; {suggest(split, list(Split))}known: {', '.join(Split)}")
        return frames.frame_cases(self._folder, self._folder.read_record(), Split(split), trials, metric)

    @property
    def notes(self) -> list[str]:
        """What could not be read, and why it is not known how sure the front is; usually empty."""
        gap = self._find_certainty(self._folder.read_record())[1]
        unsure = [f"it is not known how sure the front is: {gap}"] if gap else []
        return [*unsure, *self._folder.journal.describe_left_out()]

    def describe(self, *, intervals: bool = False, stability: bool = False) -> str:
        """What `paretoseg front` prints.

        Args:
            intervals: Whether every objective has its interval.
            stability: Whether it is said how stable the order in robustness is.

        Raises:
            ValueError: if what is asked for is not known.
        """
        console, text = make_silent()
        show_front(self._place, console, has_intervals=intervals, has_stability=stability)
        return "\n".join(line.rstrip() for line in text.getvalue().splitlines())

    def report(self, path: str | os.PathLike[str] | None = None, *, pictures: bool = True) -> str:
        """Writes the report, one HTML file that opens in any browser; returns its path or URI.

        Args:
            path: A file on this machine, replaced if it exists; None for `report.html` in the study's folder.
            pictures: Whether networks are loaded to draw what they predict.

        Raises:
            ValueError: if the path cannot be a file.
            StorageError: if it cannot be written.
        """
        from paretoseg.search.commands.report import REPORT_NAME, report  # pymoo and Hydra: too slow for tables

        output = None if path is None else os.fspath(path)
        report(self._place, output, pictures, make_silent()[0])
        return self._folder.folder.child(REPORT_NAME).location if output is None else output

    def attribution(self) -> StudyAttribution:
        """Which choices trade and which improve both, as `paretoseg attribution` finds it; nothing is trained.

        Raises:
            ValueError: if fewer than three candidates have finished, or the study's config is missing.
        """
        from paretoseg.search.api.attributing import attribute_study  # pymoo and Hydra: too slow for tables

        return attribute_study(self._folder, self._folder.read_record())

    def network(
        self, pick: str | int | None = None, *, seeds: str | None = None, trial: int | None = None
    ) -> nn.Module:
        """A trained network with its weights, on the CPU, in evaluation mode.

        It maps a float32 tensor (batch, channel, *spatial) of prepared intensities in [0, 1] to logits (batch, class,
        *spatial); the extents are those of its window, see `paretoseg export`. `predict` also prepares images.

        Args:
            pick: Which candidate: its number, or a pick of `paretoseg export`, such as `most-robust` or
                `accuracy>=0.9`; the knee of the front if None.
            seeds: `median` for its network that is nearest to the median of its seeds, `all` for the average of all of
                them; `median` if None.
            trial: The number of a trial, in place of a pick: the network of this very training.

        Raises:
            ValueError: if there is no such network, or its checkpoint or the study's data is not there.
        """
        from paretoseg.search.commands.picked_network import load_trained, pick_network  # pymoo and Hydra

        record = self._folder.read_record()
        if trial is None:
            picked = pick_network(self._folder, record, None if pick is None else str(pick), seeds)
            return load_trained(self._folder, record, picked.number, picked.trials).build_network()
        if pick is not None or seeds is not None:
            raise ValueError("a trial has one network; leave out pick and seeds, or trial")
        if not 0 <= trial < len(record.trials):
            raise ValueError(f"the study has {len(record.trials)} trials, and none is number {trial}")
        return load_trained(self._folder, record, trial, [record.trials[trial]]).build_network()

    def predict(  # noqa: PLR0913 - options, each given by its name
        self,
        images: Image | Iterable[Image],
        *,
        pick: str | int | None = None,
        seeds: str | None = None,
        spacing_mm: Sequence[float] | None = None,
        intensity_range: tuple[float, float] | None = None,
        probabilities: bool = False,
        batch: int | None = None,
        device: str = "auto",
    ) -> list[Prediction]:
        """Segments images as `paretoseg predict` does; all are checked before the first one is segmented.

        Args:
            images: Files, folders of files and arrays, or one of them. An array holds raw intensities, axes (*spatial)
                or (channel, *spatial): height and width of a picture, x, y and z of a volume in RAS+.
            pick: Which candidate, as for `network`.
            seeds: Which of its networks, as for `network`.
            spacing_mm: Edges of a voxel of the arrays in millimetres, in the order of the axes; only for networks that
                were trained on volumes in files.
            intensity_range: Intensities that become 0 and 1; only for networks that were trained on no files, whose
                images lie in [0, 1] otherwise.
            probabilities: Whether predictions have the probabilities of all classes.
            batch: Images of one size at a time; 8 pictures or 1 volume if None.
            device: `auto`, `cpu`, `cuda` or `cuda:N`; `auto` is a GPU if there is one.

        Returns:
            A prediction per image, in their order.

        Raises:
            ValueError: for everything that is wrong with network or images, a line each.
        """
        from paretoseg.search.api.predicting import HowToPredict, predict  # pymoo and Hydra: too slow for tables

        named = None if pick is None else str(pick)
        how = HowToPredict(named, seeds, spacing_mm, intensity_range, probabilities, batch, device)
        return predict(self._place, images, how)

    def _repr_html_(self) -> str:
        from paretoseg.search.api.notebook import frame_front_page  # the report's page: only notebooks need it

        record = self._folder.read_record()
        return frame_front_page(record, self._find_certainty(record)[0])

    def _find_certainty(self, record: StudyRecord) -> tuple[Certainty | None, str]:
        """How sure the front is, or why that is not known; found again if the journal has grown."""
        if self._certainty is None or self._certainty[0] != record.num_events:
            self._certainty = (record.num_events, *find_certainty(self._folder, record))
        return self._certainty[1:]


def open_study(place: str | os.PathLike[str]) -> StudyView:
    """Opens a study to read it; a search may go on meanwhile.

    Args:
        place: Folder or URI of the study, as `paretoseg search` printed it.

    Raises:
        ValueError: if there is no study, or its journal is damaged.
        StorageError: if its storage cannot be read.
    """
    location = os.fspath(place)
    check_reachable(location)
    StudyFolder(location).read_record()
    return StudyView(location)
