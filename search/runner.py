"""Working an agenda off: on a Ray that is up, or in this very process."""

from __future__ import annotations

from cluster.resources import Resources
from search.agenda import Agenda
from search.importing import importing
from search.serial import run_serially


def work_off(agenda: Agenda, *, slots: int, resources: Resources) -> None:
    """Works until the agenda is over: on Ray with so many jobs at a time, or with no slots in this process.

    Raises:
        StorageError: if a folder cannot be written.
        KeyboardInterrupt: on Ctrl-C.
    """
    try:
        if slots:
            with importing():
                from search.tuning import run_on_ray  # Tune: late, so that serial searches go without it

            workers = resources.num_workers
            run_on_ray(agenda, slots=slots, cpus=resources.cpus, gpus=resources.gpus, workers=workers)
        else:
            run_serially(agenda)
    except ValueError as error:
        # Work that has begun was checked: what is wrong now is our mistake, and must not look like a refusal.
        raise AssertionError(f"the search broke: {error}") from error
