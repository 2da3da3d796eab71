"""What `paretoseg doctor cluster=slurm` finds, with stand-ins for Slurm's commands."""

import sys

import pytest

from paretoseg.cluster.cluster import Submission
from paretoseg.cluster.slurm.site import parse_partitions
from paretoseg.cluster.slurm.slurm import SlurmConfig

SINFO = """batch*|up|10|64|(null)
gpu|up|4|32|gpu:a100:4(S:0-1),shard:8
gpu|up|2|128+|gpu:h100:8
old|down|9|64|gpu:2
"""
# What stands for srun does on this very machine what a node would do.
SRUN = '#!/bin/bash\nwhile [ "$1" != bash ]; do echo "$1" >>"$KEPT"; shift; done\nPATH={path}\nexec "$@"\n'


@pytest.fixture
def site(slurm):
    """A Slurm whose commands are all there, and answer."""
    for command in ("squeue", "scontrol", "scancel", "srun"):
        slurm.answer(command)
    slurm.answer("sinfo", SINFO)
    slurm.answer("sbatch", error="sbatch: Job 7 to start at 2026-11-30T12:00:00 using 4 processors on nodes n1")
    return slurm


def look(tmp_path, *, with_job=False, **settings):
    order = Submission("doctor", ("study=doctor",), str(tmp_path / "studies" / "doctor"))
    return {one.name: one for one in SlurmConfig(**settings).check_site(order, with_job=with_job)}


def test_nodes_are_read_with_their_gpus():
    batch, a100, h100, old = parse_partitions(SINFO + "damaged\n")
    assert (batch.name, batch.is_default, batch.is_up, batch.num_nodes, batch.gpus) == ("batch", True, True, 10, ())
    assert (a100.name, a100.is_default, a100.cpus, a100.gpus) == ("gpu", False, 32, (("a100", 4),))
    assert (h100.cpus, h100.gpus) == (128, (("h100", 8),))
    assert (old.is_up, old.gpus) == (False, (("", 2),))


@pytest.mark.parametrize(
    ("settings", "is_fine", "words"),
    [
        ({}, True, "batch is up; 10 of its nodes are large enough for 1 x 4 cores"),
        (
            {"partition": "gpu", "nodes": 6, "gpus": 4},
            True,
            "6 of its nodes are large enough for 6 x 4 cores and 4 GPUs",
        ),
        ({"partition": "gpu", "gpus": 8, "gpu_type": "h100"}, True, "2 of its nodes"),
        ({"partition": "gpu", "gpus": 1, "gpu_type": "v100"}, False, "gpu has 4 x 32 cores and 4 a100 GPUs, 2 x 128"),
        ({"partition": "gpu", "nodes": 7}, False, "not 7 x 4 cores"),
        ({"gpus": 1}, False, "batch has 10 x 64 cores, not 1 x 4 cores and 1 GPU"),
        ({"partition": "nope,gpu"}, False, "there is no nope"),
        ({"partition": "old"}, False, "old takes no jobs now"),
    ],
)
def test_a_partition_is_compared_with_what_is_asked_for(site, tmp_path, settings, is_fine, words):
    found = look(tmp_path, **settings)["partition"]
    assert found.is_fine is is_fine
    assert words in found.text
    assert bool(found.fix) is not is_fine


def test_slurm_itself_judges_the_job_and_nothing_is_submitted(site, tmp_path):
    found = look(tmp_path, qos="long")
    assert found["job"].text.startswith("sbatch would take it (Job 7 to start at ")
    [asked] = [call for call in site.calls if call[0] == "sbatch"]
    assert {"--test-only", "--qos=long", "--wrap=true"} <= set(asked)
    assert not [call for call in site.calls if call[0] == "srun"]
    assert found["node"].is_fine is None
    assert "add --job" in found["node"].fix
    site.answer("sbatch", code=1, error="sbatch: error: x\nallocation failure: Invalid qos specification\n")
    found = look(tmp_path, qos="nope")
    assert (found["job"].is_fine, found["job"].fix != "") == (False, True)
    assert "allocation failure: Invalid qos specification" in found["job"].text


def test_without_commands_or_a_controller_there_is_one_line_with_its_fix(slurm, tmp_path):
    [found] = look(tmp_path, with_job=True).values()
    assert (found.is_fine, found.text) == (False, "not found: sbatch, srun, squeue, scontrol, scancel, sinfo")
    assert "login node" in found.fix
    for command in ("squeue", "scontrol", "scancel", "srun", "sbatch"):
        slurm.answer(command)
    slurm.answer("sinfo", code=1, error="slurm_load_partitions: Unable to contact slurm controller (connect failure)\n")
    [found] = look(tmp_path).values()
    assert "Unable to contact slurm controller" in found.text


def test_settings_that_do_not_fit_are_a_line_too(site, tmp_path):
    [found] = look(tmp_path, setup="nowhere.sh").values()
    assert "cluster.setup must be an existing file, got 'nowhere.sh'" in found.text


@pytest.fixture
def node(site, tmp_path, monkeypatch):
    """Lets srun do on this machine what a node would do; the first words of its call end up in a file."""
    path = f"{site.path}:/usr/bin:/bin"
    (site.path / "srun").write_text(SRUN.format(path=path))
    monkeypatch.setenv("KEPT", str(tmp_path / "kept"))
    # A Python that imports anything within milliseconds.
    python = site.path / "quick"
    python.write_text(f'#!/bin/bash\n[ "$2" = "import paretoseg, ray" ] && exec {sys.executable} -c pass\nexit 1\n')
    python.chmod(0o755)
    return site


def test_a_job_tries_storage_and_python_of_a_node_and_leaves_nothing(node, tmp_path):
    found = look(tmp_path, with_job=True, python=str(node.path / "quick"), partition="gpu", qos="long", time_min=90)
    assert (found["shared storage"].is_fine, found["Python on a node"].is_fine) == (True, True)
    assert f"a node reads and writes {tmp_path / 'studies'}" in found["shared storage"].text
    assert not (tmp_path / "studies").exists()
    asked = (tmp_path / "kept").read_text().split()
    assert {"--nodes=1", "--time=5", "--partition=gpu", "--qos=long"} <= set(asked)
    assert "--time=90" not in asked


def test_a_job_says_which_part_of_a_node_does_not_work(node, tmp_path):
    (tmp_path / "studies").mkdir()
    bad = node.path / "bad python"
    bad.write_text('#!/bin/bash\necho "ModuleNotFoundError: No module named paretoseg" >&2\nexit 1\n')
    bad.chmod(0o755)
    found = look(tmp_path, with_job=True, python=str(bad))
    assert found["shared storage"].is_fine is True
    assert found["Python on a node"].is_fine is False
    assert "ModuleNotFoundError: No module named paretoseg" in found["Python on a node"].text
    assert list((tmp_path / "studies").iterdir()) == []
    setup = tmp_path / "setup.sh"
    setup.write_text("false\n")
    found = look(tmp_path, with_job=True, python=str(bad), setup=str(setup))
    assert f"cluster.setup={setup} fails on a node" in found["node"].text
    lines = (node.path / "srun").read_text().replace('exec "$@"', 'rm -rf "$5"; exec "$@"')
    (node.path / "srun").write_text(lines)
    found = look(tmp_path, with_job=True, python=str(bad))
    assert "a node does not see " in found["shared storage"].text
    assert "choose a disk that all nodes share" in found["shared storage"].fix


def test_a_job_that_gets_no_node_is_a_line(site, tmp_path):
    site.answer("srun", code=1, error="srun: error: Unable to allocate resources: Requested nodes are busy\n")
    found = look(tmp_path, with_job=True)
    assert found["node"].is_fine is False
    assert (
        "no job ran within 60 s: srun: error: Unable to allocate resources: Requested nodes are busy"
        in found["node"].text
    )
