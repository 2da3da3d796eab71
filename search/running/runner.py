"""Working an agenda off: on a Ray that is up, or in this very process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from paretoseg.cluster.cluster import ClusterConfig, DirectConfig
from paretoseg.cluster.resources import Node, Resources
from paretoseg.cluster.serial import SerialConfig
from paretoseg.search.running.agenda import Agenda
from paretoseg.search.running.importing import import_ahead, importing
from paretoseg.search.running.serial import run_serially


@contextmanager
def connect(cluster: ClusterConfig) -> Iterator[tuple[Sequence[Node], bool]]:
    """Brings Ray up as the cluster does; meanwhile Ray Tune is imported here, which takes about a second.

    Returns:
        The nodes, and whether there is no Ray: all work is to be done in this very process.

    Raises:
        ValueError: if the cluster's settings do not fit this machine.
    """
    assert isinstance(cluster, DirectConfig), "a search that is a job runs attached"
    is_serial = isinstance(cluster, SerialConfig)
    if not is_serial:
        import_ahead("paretoseg.search.running.tuning")
    with cluster.connect() as nodes:
        yield nodes, is_serial


def work_off(agenda: Agenda, *, slots: int, resources: Resources) -> None:
    """Works until the agenda is over: on Ray with so many jobs at a time, or with no slots in this process.

    Raises:
        StorageError: if a folder cannot be written.
        KeyboardInterrupt: on Ctrl-C.
    """
    try:
        if slots:
            with importing():
                from paretoseg.search.running.tuning import (
                    run_on_ray,  # Tune: late, so that serial searches go without it
                )

            workers = resources.num_workers
            run_on_ray(agenda, slots=slots, cpus=resources.cpus, gpus=resources.gpus, workers=workers)
        else:
            run_serially(agenda)
    except ValueError as error:
        # Work that has begun was checked: what is wrong now is our mistake, and must not look like a refusal.
        raise AssertionError(f"the search broke: {error}") from error
