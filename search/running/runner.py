"""Runs the jobs of a queue: on a running Ray, or in this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from ray.exceptions import RayError

from paretoseg.cluster.cluster import DirectConfig
from paretoseg.cluster.quiet import keep_apart, name_log
from paretoseg.cluster.resources import Node, Resources
from paretoseg.cluster.serial import SerialConfig
from paretoseg.search.running.importing import import_ahead, importing
from paretoseg.search.running.job_queue import JobQueue
from paretoseg.search.running.serial import run_serially
from paretoseg.search.running.start_errors import StartErrors
from paretoseg.search.running.watchdog import RayLostError, guard

_UNDO_SECONDS = 0.05
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def connect(
    cluster: DirectConfig, leave: Callable[[str], None], folder: Path | None = None
) -> Iterator[tuple[Sequence[Node], bool]]:
    """Starts Ray, or connects to it, as the cluster says; meanwhile imports Ray Tune, which takes about a second.

    Args:
        cluster: Where to run.
        leave: Ends this process at once, with a reason for the user; called if Ray is lost and blocks this process.
        folder: Where `ray.log` is, which holds what Ray prints; None for one in the folder for temporary files.

    Returns:
        The nodes, and whether there is no Ray, so that all jobs run in this process.

    Raises:
        ValueError: if the cluster's settings do not fit this machine.
        RayLostError: if Ray can no longer be used, as when one of its processes died.
        KeyboardInterrupt: on a signal.
    """
    if isinstance(cluster, SerialConfig):
        with cluster.connect() as nodes:
            yield nodes, True
        return
    import_ahead("paretoseg.search.running.tuning")
    with (
        keep_apart(folder) as log,
        _naming(log),
        guard(lambda loss: leave(name_log(loss, log))) as watchdog,
        _bring_up(cluster) as nodes,
    ):
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
            watchdog.expect_shutdown()


@contextmanager
def _naming(log: Path) -> Iterator[None]:
    """In the block, a loss of Ray names the file that holds what Ray printed."""
    try:
        yield
    except RayLostError as error:
        raise RayLostError(name_log(str(error), log)) from None


@contextmanager
def _bring_up(cluster: DirectConfig) -> Iterator[Sequence[Node]]:
    """The cluster's connection, without the signal handlers that Ray sets when it starts and stops."""
    connection = cluster.connect()
    try:
        with _own_signals(), StartErrors():
            nodes = connection.__enter__()
    except SystemExit:  # raised by Ray's handler of SIGTERM
        raise KeyboardInterrupt from None
    try:
        yield nodes
    finally:
        _take_down(connection)


def _take_down(connection: AbstractContextManager[Sequence[Node]]) -> None:
    """Stops Ray in another thread: only the main thread can restore the signal handlers that Ray replaces meanwhile.

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
    """Restores the signal handlers after the block."""
    handlers = {number: signal.getsignal(number) for number in _STOPPING}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def work_off(
    queue: JobQueue,
    *,
    slots: int,
    resources: Resources,
    cluster: DirectConfig,
    say: Callable[[str], None] = lambda line: None,
) -> None:
    """Runs jobs until the queue is over: on Ray, or in this process if there are no slots.

    Args:
        queue: The jobs.
        slots: How many jobs run at a time on Ray, as long as no node leaves or comes; 0 for this process.
        resources: Resources of each job.
        cluster: Where they run; connected.
        say: Called with a line for the user when nodes leave or come, or jobs wait long for room.

    Raises:
        RayLostError: if no worker starts, or no node has room for a job any more.
        StorageError: if a folder cannot be written.
        KeyboardInterrupt: on Ctrl-C.
    """
    try:
        if slots:
            with importing():
                from paretoseg.search.running.room import Room
                from paretoseg.search.running.tuning import (
                    run_on_ray,  # Tune: late, so that serial searches go without it
                )

            room = Room(resources, slots, cluster.list_nodes, say, cluster.gone_s)
            run_on_ray(queue, room=room, start_s=cluster.start_s)
        else:
            run_serially(queue)
    except ValueError as error:
        # All settings were checked before the start: an error now is ours, and must not look like a refusal.
        raise AssertionError(f"the search broke: {error}") from error
