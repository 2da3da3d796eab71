"""A queue in this very process, one job at a time: no Ray, and a debugger stops where a trial stops."""

from __future__ import annotations

from paretoseg.search.running.job_queue import JobQueue
from paretoseg.search.running.worker import Work


def run_serially(queue: JobQueue) -> None:
    """Works until the queue is over.

    Raises:
        StorageError: if the study's folder cannot be written.
        KeyboardInterrupt: on Ctrl-C; the running trial is resumed by the next session.
    """
    while not queue.is_over():
        job = queue.next_job()
        if job is None:  # the last second of the budget passed between the two looks at the clock
            continue
        work = Work(job)
        while not queue.take(job, work.advance()):
            pass
