"""Working a queue off: on a Ray that is up, or in this very process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import inf

from ray.exceptions import RayError

from paretoseg.cluster.cluster import DirectConfig
from paretoseg.cluster.resources import Node, Resources
from paretoseg.cluster.serial import SerialConfig
from paretoseg.search.running.importing import import_ahead, importing
from paretoseg.search.running.job_queue import JobQueue
from paretoseg.search.running.serial import run_serially
from paretoseg.search.running.watchdog import RayLostError, guard

_UNDO_SECONDS = 0.05
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def connect(cluster: DirectConfig, leave: Callable[[str], None]) -> Iterator[tuple[Sequence[Node], bool]]:
    """Brings Ray up as the cluster does; meanwhile Ray Tune is imported here, which takes about a second.

    Args:
        cluster: Where to run.
        leave: Ends this process at once, with a reason for the user; called where Ray is lost and does not let go.

    Returns:
        The nodes, and whether there is no Ray: all work is to be done in this very process.

    Raises:
        ValueError: if the cluster's settings do not fit this machine.
        RayLostError: if Ray is of no use any more, as when one of its processes died.
        KeyboardInterrupt: on a signal.
    """
    if isinstance(cluster, SerialConfig):
        with cluster.connect() as nodes:
            yield nodes, True
        return
    import_ahead("paretoseg.search.running.tuning")
    with guard(leave) as watchdog, _bring_up(cluster) as nodes:
        watchdog.watch(cluster.make_probe)
        try:
            yield nodes, False
        except KeyboardInterrupt:
            if watchdog.loss:
                raise RayLostError(watchdog.loss) from None
            raise
        except RayError as error:  # it may notice first
            raise RayLostError((str(error).splitlines() or [type(error).__name__])[0]) from None
        finally:
            watchdog.let_go()


@contextmanager
def _bring_up(cluster: DirectConfig) -> Iterator[Sequence[Node]]:
    """The cluster's connection, without the answers to signals that Ray sets as it comes and goes."""
    connection = cluster.connect()
    try:
        with _own_signals():
            nodes = connection.__enter__()
    except SystemExit:  # Ray's answer to SIGTERM
        raise KeyboardInterrupt from None
    try:
        yield nodes
    finally:
        _take_down(connection)


def _take_down(connection: AbstractContextManager[Sequence[Node]]) -> None:
    """Takes Ray down in a thread of its own: only the main thread can undo what Ray does to signals meanwhile.

    Raises:
        KeyboardInterrupt: on a signal, once Ray is down.
    """
    closing = threading.Thread(target=connection.__exit__, args=(None, None, None), name="take Ray down", daemon=True)
    closing.start()
    interrupt: KeyboardInterrupt | None = None
    while closing.is_alive():
        try:
            with _own_signals():
                closing.join(_UNDO_SECONDS)
        except KeyboardInterrupt as error:
            interrupt = error
    if interrupt is not None:
        raise interrupt


@contextmanager
def _own_signals() -> Iterator[None]:
    """After the block, signals are answered as before it."""
    handlers = {number: signal.getsignal(number) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def work_off(queue: JobQueue, *, slots: int, resources: Resources, start_s: float = inf) -> None:
    """Works until the queue is over: on Ray with so many jobs at a time, or with no slots in this process.

    Args:
        queue: What to do.
        slots: How many jobs at a time; 0 for this process.
        resources: What each of them gets.
        start_s: How long a worker may take to start, in seconds.

    Raises:
        RayLostError: if no worker starts.
        StorageError: if a folder cannot be written.
        KeyboardInterrupt: on Ctrl-C.
    """
    try:
        if slots:
            with importing():
                from paretoseg.search.running.tuning import (
                    run_on_ray,  # Tune: late, so that serial searches go without it
                )

            run_on_ray(
                queue,
                slots=slots,
                cpus=resources.cpus,
                gpus=resources.gpus,
                workers=resources.num_workers,
                start_s=start_s,
            )
        else:
            run_serially(queue)
    except ValueError as error:
        # Work that has begun was checked: what is wrong now is our mistake, and must not look like a refusal.
        raise AssertionError(f"the search broke: {error}") from error
