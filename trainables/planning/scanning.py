"""Reads the training cases of a data source once, for its fingerprint. Free of torch."""

from __future__ import annotations

from collections.abc import Iterator

from paretoseg.trainables.data.datasets import DataConfig, Dataset, load_once
from paretoseg.trainables.data.files_config import FilesConfig
from paretoseg.trainables.planning.fingerprint import CaseFacts, Fingerprint, measure_case, summarise
from paretoseg.trainables.planning.plan import Plan, make_plan


def inspect_data(data: DataConfig) -> tuple[Fingerprint, Plan]:
    """The fingerprint of the training cases of a data source, and the plan for it.

    Files are read as they are, so that spacings may differ and no setting of the preprocessing counts but the
    orientation.

    Raises:
        ValueError: with everything that is wrong with settings, lists and files; differing spacings are not.
    """
    fingerprint = _read_files(data) if isinstance(data, FilesConfig) else _read_dataset(data)
    return fingerprint, make_plan(fingerprint, fingerprint.num_outputs)


def _read_files(data: FilesConfig) -> Fingerprint:
    listing, facts = data.visit_training_cases(
        lambda case: measure_case(case.name, case.image, case.label, case.spacing_mm)
    )
    return summarise(listing.name, facts, listing.class_names, listing.channel_names, listing.regions)


def _read_dataset(data: DataConfig) -> Fingerprint:
    data.check()
    dataset = load_once(data)
    return summarise(dataset.name, _measure_all(dataset), dataset.class_names, (), dataset.regions)


def _measure_all(dataset: Dataset) -> Iterator[CaseFacts]:
    for case in dataset.train:
        yield measure_case(case.name, case.image, case.label, dataset.spacing_mm)
