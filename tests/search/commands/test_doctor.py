"""`paretoseg doctor`: each line says what was found and what to do, and a fail is exit code 1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paretoseg.cluster.probe import ProbeError, probe
from paretoseg.search.commands import doctor, doctor_devices, doctor_places, doctor_software
from paretoseg.search.commands.cli import main
from paretoseg.search.commands.doctor_devices import Gpu, judge_gpus, parse_gpus
from paretoseg.search.health.check import Verdict

pytestmark = pytest.mark.usefixtures("elsewhere")

IDLE = Gpu("NVIDIA A100", 3.0, 81920.0, 0.0, "550.54")
BUSY = Gpu("NVIDIA A100", 60000.0, 81920.0, 97.0, "550.54")


def torch_says(**found: Any) -> dict[str, Any]:
    return {"version": "2.8.0", "cuda": "12.8", "hip": None, "gpus": ["NVIDIA A100"], "errors": []} | found


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without processes that import torch and Ray."""
    monkeypatch.setattr(doctor, "check_gpus", lambda: judge_gpus(torch_says(cuda=None, gpus=[]), []))
    monkeypatch.setattr(doctor_devices, "probe", lambda code, seconds: "2.60.0")


@pytest.mark.usefixtures("quick")
def test_a_sound_machine_is_ready_and_nothing_is_left_behind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--quick"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("Ready")
    assert all(line.split()[0] in ("pass", "warn") for line in lines[:-1])
    for name in ("Python", "torch", "Ray", "CPU and memory", "disk", "storage", "W&B", "extras"):
        assert any(line[8:].startswith(f"{name}: ") for line in lines[:-1]), name
    assert list(Path().iterdir()) == []


@pytest.mark.usefixtures("quick")
def test_a_fail_is_exit_code_1_also_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    assert main(["doctor", "--quick", "--storage", "file/studies", "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    [row] = [row for row in rows if row["verdict"] == "fail"]
    assert row["check"] == "storage"
    assert row["text"].startswith("cannot be written: ")
    assert "choose another place with storage=PATH|URI" in row["remedy"]
    assert main(["doctor", "--quick", "--storage", "file/studies"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == f"1 of {len(rows)} checks fail: fix these first."


@pytest.mark.usefixtures("quick")
def test_a_storage_that_is_there_stays_as_it_is() -> None:
    Path("studies").mkdir()
    Path("studies/mine").write_text("kept")
    assert main(["doctor", "--quick"]) == 0
    assert [path.name for path in Path("studies").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("torch", "gpus", "verdicts", "words"),
    [
        (torch_says(cuda=None, gpus=[]), [], ["pass"], "for CPUs alone; no GPU on this machine"),
        (torch_says(cuda=None, gpus=[]), [IDLE], ["fail"], "for CPUs alone, but there is 1 x NVIDIA A100, driver 550"),
        (torch_says(gpus=[]), [IDLE], ["fail"], "for CUDA 12.8, but it sees none of 1 x NVIDIA A100"),
        (torch_says(gpus=[], errors=["GPU 0: no kernel image"]), [IDLE], ["fail"], "fails: GPU 0: no kernel image"),
        (torch_says(), [IDLE], ["pass", "pass"], "1 of 1 (NVIDIA A100) unused; a search gives each trial one"),
        (torch_says(gpus=["a", "b"]), [IDLE, BUSY], ["pass", "warn"], "1 of 2 (NVIDIA A100) unused"),
        (torch_says(), [IDLE, IDLE], ["pass", "warn"], "torch sees 1"),
    ],
)
def test_torch_and_driver_are_compared(torch: dict[str, Any], gpus: list[Gpu], verdicts: list[str], words: str) -> None:
    findings = judge_gpus(torch, gpus)
    assert [one.verdict for one in findings] == verdicts
    assert words in " ".join(one.text for one in findings)
    assert all(one.remedy for one in findings if one.verdict is not Verdict.PASS)


def test_the_drivers_lines_are_read() -> None:
    lines = "NVIDIA H200, 12, 143771, 0, 570.86\nOrin (nvgpu), [N/A], [N/A], [N/A], 540.4\n\n"
    assert parse_gpus(lines) == [Gpu("NVIDIA H200", 12, 143771, 0, "570.86"), Gpu("Orin (nvgpu)", 0, 0, 0, "540.4")]


def test_a_library_that_fails_hangs_or_says_nothing_is_one_line() -> None:
    assert probe("print('noise'); print('[1]')", 60) == [1]
    with pytest.raises(ProbeError, match=r"^ModuleNotFoundError: No module named 'no_such_module'$"):
        probe("import no_such_module", 60)
    with pytest.raises(ProbeError, match="answered nothing"):
        probe("pass", 60)
    with pytest.raises(ProbeError, match=r"no answer within 0\.05 s"):
        probe("import time; time.sleep(60)", 0.05)


def test_a_broken_torch_or_ray_is_a_fail_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(code: str, seconds: float) -> None:
        raise ProbeError("ImportError: libcudart.so.12")

    monkeypatch.setattr(doctor_devices, "probe", fail)
    monkeypatch.setattr(doctor_devices, "list_gpus", lambda: [])
    for [finding] in (doctor_devices.check_gpus(), doctor_devices.check_ray(is_started=True)):
        assert finding.verdict is Verdict.FAIL
        assert "libcudart" in finding.text
        assert finding.remedy


@pytest.mark.parametrize(("free_gb", "verdict"), [(0.5, "fail"), (5.0, "warn"), (500.0, "pass")])
def test_little_room_on_a_disk_is_said(monkeypatch: pytest.MonkeyPatch, free_gb: float, verdict: str) -> None:
    usage = type("Usage", (), {"free": free_gb * 1e9})
    monkeypatch.setattr(doctor_places.shutil, "disk_usage", lambda path: usage)
    findings = doctor_places.check_disks("studies")
    assert [one.verdict for one in findings] == [verdict, verdict]
    assert f"{free_gb:.1f} GB free for studies in " in findings[0].text
    assert len(doctor_places.check_disks("s3://bucket/studies")) == 1


def test_small_shared_memory_and_little_memory_are_warned_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor_places, "_SHARED_MEMORY", tmp_path)
    usage = type("Usage", (), {"free": 0.064e9})
    monkeypatch.setattr(doctor_places.shutil, "disk_usage", lambda path: usage)
    [finding] = doctor_places.check_shared_memory()
    assert (finding.verdict, finding.remedy) == (Verdict.WARN, "start the container with --shm-size=2g")
    monkeypatch.setattr(doctor_places, "find_memory_gb", lambda: 2.0)
    [finding] = doctor_places.check_cores()
    assert finding.verdict is Verdict.WARN


def test_a_look_at_the_storage_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    [finding] = doctor_places.check_storage("~/deep/inside/studies")
    assert finding.verdict is Verdict.PASS
    assert f"{tmp_path}/deep/inside/studies can be written" in finding.text
    assert list(tmp_path.iterdir()) == []


def test_contradicting_settings_of_wandb_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setenv("NETRC", "/nowhere/netrc")
    monkeypatch.setenv("WANDB_CONFIG_DIR", "/nowhere")
    [finding] = doctor_software.check_tracking()
    assert finding.verdict is Verdict.FAIL
    assert "wandb login" in finding.text


def test_extras_are_those_of_the_package() -> None:
    import tomllib

    settings = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    extras = settings["project"]["optional-dependencies"]
    assert set(doctor_software.EXTRAS) == set(extras) - {"develop"}
    for name, (packages, _) in doctor_software.EXTRAS.items():
        listed = {line.split(">")[0].split("[")[0] for line in extras[name]}
        assert set(packages) <= listed


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["--version"])
    assert leaving.value.code == 0
    assert capsys.readouterr().out == f"paretoseg {doctor_software.find_version()}\n"


def test_completion_without_its_package_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert capsys.readouterr().err == (
        "paretoseg: completion needs shtab; pip install 'paretoseg[completion]', or pip install shtab\n"
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_its_options(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for word in ("predict", "doctor", "search", "probabilities", "intervals"):
        assert word in script
