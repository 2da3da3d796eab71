"""Checks that a Ray can still be used: its processes on this machine, and its nodes as its head reports them."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import ray
from ray.exceptions import RayError

_VITAL = ("gcs_server", "raylet")
"""Processes that Ray cannot run without; if one of its other processes dies, the raylet dies too."""

_HEAD_NODE = "node:__internal_head__"
"""A resource that Ray gives to the head node of every cluster."""

_RAY_FOLDER = f"{Path(ray.__file__).parent}{os.sep}"
"""Where the programs are that Ray starts."""

_END_SECONDS = 5.0


class RayProcesses:
    """The processes of the Ray that this process starts; there is one Ray at a time."""

    def __init__(self) -> None:
        self._ours: set[psutil.Process] = set()

    def remember(self) -> None:
        """Call when Ray has started: later, some of its processes have other parents and cannot be found."""
        self._ours = _list_processes()

    def find_loss(self) -> str:
        """Says which vital process has died, or returns ''."""
        for process in self._ours:
            name = _name(process)
            if name in _VITAL and not _is_alive(process):
                return f"its process {name} died"
        return ""

    def end(self) -> None:
        """Kills all remaining processes of Ray."""
        left = self._ours | _list_processes()
        for process in left:
            try:
                process.kill()
            except psutil.Error:
                continue  # it has ended by itself
        psutil.wait_procs(left, timeout=_END_SECONDS)
        self._ours = set()


class RayNodes:
    """The nodes that a search cannot continue without: the one of this process, and the head."""

    def __init__(self) -> None:
        here = ray.get_runtime_context().get_node_id()
        heads = [node["NodeID"] for node in ray.nodes() if _HEAD_NODE in node["Resources"]]
        self._vital = {here, *heads}

    def find_loss(self) -> str:
        """Says which of them has died, or returns ''; waits as long as the head does not answer."""
        try:
            for node in ray.nodes():
                if node["NodeID"] in self._vital and not node["Alive"]:
                    return f"its node {node['NodeManagerAddress']} died"
        except RayError as error:
            return (str(error).splitlines() or [type(error).__name__])[0]
        return ""


def _list_processes() -> set[psutil.Process]:
    """Ray's own children of this process, and all that they started.

    Another child, such as the one that tracks a search, may run and start processes at any time.
    """
    found = set()
    for child in psutil.Process().children():
        try:
            if any(word.startswith(_RAY_FOLDER) for word in child.cmdline()):
                found |= {child, *child.children(recursive=True)}
        except psutil.Error:
            continue  # it has just ended
    return found


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
