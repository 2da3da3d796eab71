"""Runs a queue in this process, one job at a time, without Ray, so that a debugger can step into a trial."""

from __future__ import annotations

from paretoseg.search.running.job_queue import JobQueue
from paretoseg.search.running.worker import Work


def run_serially(queue: JobQueue) -> None:
    """Runs jobs until the queue is over.

    Raises:
        StorageError: if the study's folder cannot be written.
        KeyboardInterrupt: on Ctrl-C; the running trial is resumed by the next session.
    """
    while not queue.is_over():
        job = queue.next_job()
        if job is None:  # the budget of hours ended between the two readings of the clock
            continue
        work = Work(job)
        while not queue.take(job, work.advance()):
            pass
