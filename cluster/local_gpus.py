"""How many GPUs of this machine torch can compute on. Free of torch: a process of its own asks it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from paretoseg.cluster.probe import ProbeError, probe

_DRIVERS = (Path("/proc/driver/nvidia/gpus"), Path("/dev/kfd"))
"""What NVIDIA's and AMD's drivers put on the disk."""

_CODE = "import json, torch; print(json.dumps(torch.cuda.device_count() if torch.cuda.is_available() else 0))"
_SECONDS = 300.0


def has_driver() -> bool:
    """Whether there is the driver of a GPU."""
    return any(driver.exists() for driver in _DRIVERS)


@cache
def count_local_gpus() -> int:
    """The GPUs that torch sees; 0 without a driver, or if torch is built for CPUs. `CUDA_VISIBLE_DEVICES` hides some.

    Takes a few seconds once where there is a driver, because torch is imported.
    """
    if not has_driver():
        return 0
    try:
        return int(probe(_CODE, _SECONDS))
    except ProbeError:  # `paretoseg doctor` says what is wrong with it
        return 0
