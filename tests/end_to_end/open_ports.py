"""Which ports of a host answer a stranger: someone on another host without the token."""

from __future__ import annotations

import http.client
import re
import subprocess
from dataclasses import dataclass

import grpc

_SECONDS = 10.0
_METHODS = (
    "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "/ray.rpc.InternalKVGcsService/InternalKVGet",
    "/ray.rpc.NodeManagerService/GetNodeStats",
    "/ray.rpc.ObjectManagerService/Pull",
    "/ray.rpc.CoreWorkerService/GetCoreWorkerStats",
    "/ray.rpc.ReporterService/GetTraceback",
    "/ray.rpc.LogService/ListLogs",
    "/ray.rpc.RayletDriver/ClusterInfo",
)
"""One of every service of Ray that listens; each reads something, or does nothing without its arguments."""


@dataclass(frozen=True)
class Port:
    """A port that listens on an address which other hosts reach."""

    number: int
    program: str


def list_ports(host: str, address: str) -> list[Port]:
    """The ports of a host, which is a network namespace, that are not Slurm's own and not on loopback alone."""
    words = ("ip", "netns", "exec", host, "ss", "--no-header", "--tcp", "--listening", "--numeric", "--processes")
    found = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    ports = []
    for line in found.splitlines():
        place, number = line.split()[3].rsplit(":", 1)
        program = re.search(r'\(\("([^"]*)"', line)
        name = program[1] if program else "?"
        if not name.startswith(("slurm", "srun")) and place.strip("[]").removeprefix("::ffff:") in (
            address,
            "*",
            "0.0.0.0",
        ):
            ports.append(Port(int(number), name))
    return ports


def find_answer(address: str, port: Port) -> str:
    """What a stranger gets from a port in spite of the token; '' if the port refuses, whatever is asked."""
    status = _get(address, port.number)
    if status is not None:
        return "" if status in (401, 403) else f"HTTP {status}"
    codes = {method: _call(address, port.number, method) for method in _METHODS}
    if "UNAUTHENTICATED" in codes.values() and set(codes.values()) <= {"UNAUTHENTICATED", "UNIMPLEMENTED"}:
        return ""
    return f"gRPC {codes}"


def _get(address: str, port: int) -> int | None:
    """The status that HTTP gives, or None if the port does not speak it."""
    connection = http.client.HTTPConnection(address, port, timeout=_SECONDS)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().status
    except (http.client.HTTPException, OSError):
        return None
    finally:
        connection.close()


def _call(address: str, port: int, method: str) -> str:
    """The code that a call of gRPC without a token gives."""
    with grpc.insecure_channel(f"{address}:{port}") as channel:
        try:
            channel.unary_unary(method)(b"", timeout=_SECONDS)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "OK"
