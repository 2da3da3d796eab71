"""What `paretoseg doctor` checks of torch, GPUs and Ray."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from paretoseg.cluster.probe import ProbeError, probe
from paretoseg.search.health.check import Finding, Verdict

_TORCH_CODE = """
import json, torch
found = {"version": torch.__version__, "cuda": torch.version.cuda, "hip": torch.version.hip, "gpus": [], "errors": []}
for index in range(torch.cuda.device_count()):
    try:
        ones = torch.ones(1, 1, 8, 8, device=index)
        torch.nn.functional.conv2d(ones, ones).sum().item()
        found["gpus"].append(torch.cuda.get_device_name(index))
    except RuntimeError as error:
        found["errors"].append(f"GPU {index}: " + str(error).splitlines()[0])
print(json.dumps(found))
"""

_RAY_CODE = """
import json
from paretoseg.cluster.local import LocalConfig
with LocalConfig(cpus=1, gpus=0).connect() as nodes:
    print(json.dumps(len(nodes)))
"""

_IMPORT_RAY_CODE = "import json, ray; print(json.dumps(ray.__version__))"

_TORCH_SECONDS, _RAY_SECONDS = 300.0, 300.0
_UNUSED_MB, _UNUSED_PERCENT = 1000.0, 5.0
"""A GPU with less memory and less work than this is unused."""

_INSTALL = "https://pytorch.org/get-started/locally names the command for your driver"


@dataclass(frozen=True)
class Gpu:
    """A GPU as the driver shows it."""

    name: str
    used_mb: float
    total_mb: float
    percent: float
    """How busy it is."""

    driver: str

    @property
    def is_unused(self) -> bool:
        """Whether nobody seems to work on it."""
        return self.used_mb < _UNUSED_MB and self.percent < _UNUSED_PERCENT


def check_gpus() -> list[Finding]:
    """Fails if torch is missing or broken, or cannot use a GPU that is there; warns if GPUs are idle or busy."""
    gpus = list_gpus()
    try:
        torch = probe(_TORCH_CODE, _TORCH_SECONDS)
    except ProbeError as error:
        return [Finding("torch", Verdict.FAIL, f"cannot be used: {error}", f"install it again; {_INSTALL}")]
    return judge_gpus(torch, gpus)


def judge_gpus(torch: dict[str, Any], gpus: list[Gpu]) -> list[Finding]:
    """The findings on torch and GPUs.

    Args:
        torch: What torch says of itself: version, cuda, hip, gpus, errors.
        gpus: What the driver shows.
    """
    kind = f"for CUDA {torch['cuda']}" if torch["cuda"] else "for ROCm" if torch["hip"] else "for CPUs alone"
    built = f"{torch['version']}, {kind}"
    if torch["errors"]:
        text = f"{built}, but a first computation fails: {'; '.join(torch['errors'])}"
        return [Finding("torch", Verdict.FAIL, text, f"install a build for this GPU; {_INSTALL}")]
    if not gpus:
        seen = f"; it sees {len(torch['gpus'])} GPUs" if torch["gpus"] else "; no GPU on this machine"
        return [Finding("torch", Verdict.PASS, built + seen)]
    driver = f"{len(gpus)} x {gpus[0].name}, driver {gpus[0].driver}"
    if not torch["cuda"]:
        fix = f"install torch for CUDA; {_INSTALL}"
        return [Finding("torch", Verdict.FAIL, f"{built}, but there is {driver}", fix)]
    if not torch["gpus"]:
        text = f"{built}, but it sees none of {driver}"
        fix = f"install the build for your driver, or update the driver; {_INSTALL}; and look at CUDA_VISIBLE_DEVICES"
        return [Finding("torch", Verdict.FAIL, text, fix)]
    return [
        Finding("torch", Verdict.PASS, f"{built}; it computes on {len(torch['gpus'])} GPUs"),
        _judge_use(gpus, torch),
    ]


def _judge_use(gpus: list[Gpu], torch: dict[str, Any]) -> Finding:
    unused = [gpu for gpu in gpus if gpu.is_unused]
    text = f"{len(unused)} of {len(gpus)} ({gpus[0].name}) unused"
    if len(torch["gpus"]) < len(gpus):
        text += f"; torch sees {len(torch['gpus'])}"
        fix = "CUDA_VISIBLE_DEVICES hides the others; unset it to use all"
        return Finding("GPUs", Verdict.WARN, text, fix)
    if len(unused) < len(gpus):
        fix = "others may work on the rest; choose with CUDA_VISIBLE_DEVICES=<numbers>"
        return Finding("GPUs", Verdict.WARN, text, fix)
    return Finding("GPUs", Verdict.PASS, f"{text}; a search gives each trial one, or a share with resources.gpus=0.5")


def list_gpus() -> list[Gpu]:
    """The NVIDIA GPUs that the driver shows; empty if there is no driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    query = "--query-gpu=name,memory.used,memory.total,utilization.gpu,driver_version"
    try:
        words = [tool, query, "--format=csv,noheader,nounits"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return []
    return parse_gpus(done.stdout) if done.returncode == 0 else []


def parse_gpus(lines: str) -> list[Gpu]:
    """The GPUs of nvidia-smi's lines of comma-separated values; a value that it cannot say counts as 0."""
    found = []
    for line in lines.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 5:
            used, total, percent = (float(cell) if cell.replace(".", "", 1).isdecimal() else 0.0 for cell in cells[1:4])
            found.append(Gpu(cells[0], used, total, percent, cells[4]))
    return found


def check_ray(*, is_started: bool) -> list[Finding]:
    """Fails if Ray cannot be imported, or started as `cluster=local` starts it."""
    try:
        version = probe(_IMPORT_RAY_CODE, _RAY_SECONDS)
    except ProbeError as error:
        return [Finding("Ray", Verdict.FAIL, f"cannot be imported: {error}", "pip install 'ray[tune]'")]
    if not is_started:
        return [Finding("Ray", Verdict.PASS, f"{version}; not started, as --quick says")]
    try:
        probe(_RAY_CODE, _RAY_SECONDS)
    except ProbeError as error:
        fix = "cluster=serial searches without Ray; look into /tmp/ray/session_latest/logs"
        return [Finding("Ray", Verdict.FAIL, f"{version} does not start: {error}", fix)]
    return [Finding("Ray", Verdict.PASS, f"{version} starts and stops")]
