"""How a node of a Slurm job starts, without starting one."""

from __future__ import annotations

import pytest
from ray._private import services
from ray.scripts import scripts

from paretoseg.cluster import start_ray


def test_ray_start_gets_the_options_and_finds_no_ray_client(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    for module, name in ((scripts, "get_ray_client_dependency_error"), (services, "get_node")):
        monkeypatch.setattr(module, name, getattr(module, name))  # restored at the end
    monkeypatch.setattr(scripts, "cli", lambda words, prog_name: seen.append(words))
    assert scripts.get_ray_client_dependency_error() is None
    start_ray.start(["--head", "--port=1"])
    assert seen == [["start", "--head", "--port=1"]]
    assert scripts.get_ray_client_dependency_error() is not None


@pytest.mark.parametrize(("number", "is_found"), [(0, True), (100, True), (150, False)])
def test_a_node_has_a_minute_to_start(number: int, *, is_found: bool) -> None:
    seconds, tries = [0.0], [0]

    def find(address: str) -> str:
        tries[0] += 1
        if tries[0] <= number:
            raise RuntimeError(f"no node at {address}")
        return "node"

    def pause(length: float) -> None:
        seconds[0] += length

    patient = start_ray.wait_for(find, now=lambda: seconds[0], pause=pause)
    if is_found:
        assert patient("n1") == "node"
    else:
        with pytest.raises(RuntimeError, match="no node at n1"):
            patient("n1")
        assert seconds[0] == 60.0
