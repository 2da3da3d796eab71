"""An agenda in this very process, one job at a time: no Ray, and a debugger stops where a trial stops."""

from __future__ import annotations

from paretoseg.search.running.agenda import Agenda
from paretoseg.search.running.worker import Work


def run_serially(agenda: Agenda) -> None:
    """Works until the agenda is over.

    Raises:
        StorageError: if the study's folder cannot be written.
        KeyboardInterrupt: on Ctrl-C; the running trial is resumed by the next session.
    """
    while not agenda.is_over():
        job = agenda.next_job()
        if job is None:  # the last second of the budget passed between the two looks at the clock
            continue
        work = Work(job)
        while not agenda.take(job, work.advance()):
            pass
