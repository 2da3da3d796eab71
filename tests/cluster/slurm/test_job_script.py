"""The batch script as bash runs it, with a Ray that only sleeps and a search that only ends."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import time

import pytest

from paretoseg.cluster.cluster import RAY_ENVIRONMENT, Submission
from paretoseg.cluster.slurm.slurm import SlurmConfig

OVERRIDES = ("study=mine", "task=toy")
# Stands for Python: as Ray it sleeps until it is ended, as the search it does what $SEARCH says.
PYTHON = """#!/bin/bash
case "$2" in
paretoseg.cluster.start_ray)
  echo "$*" >>"$KEPT/ray"
  case "$*" in *--address=*) echo "up" >>"$KEPT/worker"; echo "Ray runtime started."; exit 1 ;; esac
  [ ! -s "$KEPT/deadly" ] || { eval "$(<"$KEPT/deadly")"; exit 1; }
  exec sleep 3600 ;;
*) echo "$*" >>"$KEPT/search"; eval "$SEARCH" ;;
esac
"""
# Slurm's own word on the nodes, and its answer to a requeue.
SCONTROL = """#!/bin/bash
[ "$1" != show ] || { cat "$KEPT/nodes"; exit; }
echo "$*" >>"$KEPT/scontrol"
[ ! -e "$KEPT/refusal" ] || { cat "$KEPT/refusal" >&2; exit 1; }
"""
N2_IS_DOWN = "NodeName=localhost Arch=x86_64\n   State=ALLOCATED \nNodeName=n2 Arch=x86_64\n   State=DOWN*+POWERED \n"
PAUSES = ("sleep 60", "sleep 3\n", "sleep 2\n")  # between tries, and for Slurm to end the script
SRUN = """#!/bin/bash
printf "%s\\n" "$@" >>"$KEPT/srun"
[ ! -s "$KEPT/step" ] || eval "$(<"$KEPT/step")"
exec sleep 3600
"""
AS_SLURM = 'while [ "$1" != bash ]; do shift; done; exec "$@"'  # on this very machine


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Starts the script as Slurm would; gives the process and the folder where everything leaves its words."""
    monkeypatch.chdir(tmp_path)
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("python", PYTHON), ("scontrol", SCONTROL), ("srun", SRUN)):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    run_dir = tmp_path / "runs" / "mine"
    run_dir.mkdir(parents=True)
    started = []

    def start(search, *, restarts=0, early="", **settings):
        config = SlurmConfig(python=str(commands / "python"), run_dir=str(tmp_path / "runs"), **settings)
        script = run_dir / "search.sbatch"
        text = config.render(Submission("mine", OVERRIDES, str(tmp_path / "mine")))
        assert text.count("  driver=$!\n") == 1
        text = text.replace("  driver=$!\n", f"  {early or ':'}\n  driver=$!\n")
        for pause in PAUSES:
            assert text.count(pause) == 1
            text = text.replace(pause, ":\n")
        script.write_text(text)
        env = os.environ | {
            "PATH": f"{commands}:{os.environ['PATH']}", "KEPT": str(run_dir), "SEARCH": search,
            "SLURM_JOB_ID": "12", "SLURM_RESTART_COUNT": str(restarts), "SLURM_JOB_NUM_NODES": str(config.nodes),
            "SLURM_JOB_NODELIST": "n[1-2]", "SLURMD_NODENAME": "localhost",
        }  # fmt: skip
        process = subprocess.Popen(
            ["bash", str(script)], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process, run_dir

    yield start
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        process.wait()
        process.stdout.close()


def end(process):
    output, _ = process.communicate()
    return process.returncode, output


def wait_for(path):
    while not path.exists():
        time.sleep(0.01)


@pytest.mark.parametrize("code", [0, 2, 3, 74])
def test_the_job_ends_as_the_search_does(job, code):
    process, kept = job(f"exit {code}")
    assert end(process)[0] == code
    assert not (kept / "scontrol").exists()


def test_the_search_finds_the_ray_of_this_job_and_its_token(job):
    ready = 'until [ -s "$KEPT/ray" ] && [ -s "$KEPT/srun" ]; do sleep 0.02; done; '
    tell = 'echo "$RAY_ADDRESS $RAY_AUTH_MODE $RAY_AUTH_TOKEN_PATH" >"$KEPT/env"'
    process, kept = job(ready + tell, nodes=2, gpus=1)
    assert end(process)[0] == 0
    address, mode, token = (kept / "env").read_text().split()
    assert address.endswith(":20012")
    assert mode == "token"
    assert token == str(kept / "ray-token")
    assert stat.S_IMODE((kept / "ray-token").stat().st_mode) == 0o600
    assert len((kept / "ray-token").read_text()) == 64
    assert "--num-cpus=4 --num-gpus=1" in (kept / "ray").read_text()
    step = (kept / "srun").read_text().splitlines()
    assert {
        "--export=ALL",
        "--exclude=localhost",
        "--nodes=1",
        "--ntasks=1",
        "--cpus-per-task=4",
        "--gres=gpu:1",
    } <= set(step)


def test_a_port_that_another_job_uses_is_left_to_it(job):
    with socket.create_server(("", 20012)):
        process, kept = job('until [ -s "$KEPT/ray" ]; do sleep 0.02; done')
        assert end(process)[0] == 0
    assert " --port=20013 " in (kept / "ray").read_text()


def test_one_token_serves_all_starts_of_a_study(job):
    process, kept = job("exit 0")
    end(process)
    token = (kept / "ray-token").read_text()
    end(job("exit 0", restarts=1)[0])
    assert (kept / "ray-token").read_text() == token


def test_work_that_is_left_requeues_the_job(job):
    process, kept = job("exit 75", restarts=2, max_restarts=3)
    code, output = end(process)
    assert code == 75
    assert (kept / "scontrol").read_text() == "requeue 12\n"
    assert "work is left: requeued" in output


def test_a_requeue_that_slurm_refuses_is_not_called_one(job, tmp_path):
    (tmp_path / "runs" / "mine" / "refusal").write_text("slurm_requeue error: Requested operation is disabled\n")
    code, output = end(job("exit 75")[0])
    assert code == 75
    assert "work is left: requeued" not in output
    assert "scontrol requeue failed: slurm_requeue error: Requested operation is disabled; submit the study" in output


def test_a_job_that_requeued_itself_often_enough_stays_down(job):
    for restarts in range(3):
        process, kept = job("exit 75", restarts=restarts, max_restarts=2)
        code, output = end(process)
        assert code == 75
    assert (kept / "scontrol").read_text() == "requeue 12\n" * 2
    assert "cluster.max_restarts=2 is reached; submit the study again to continue" in output


def test_starts_that_slurm_is_to_blame_for_do_not_count(job):
    process, kept = job("exit 75", restarts=9, max_restarts=1)
    end(process)
    assert (kept / "scontrol").read_text() == "requeue 12\n"


def test_requeues_of_an_older_job_with_the_same_number_do_not_count(job):
    end(job("exit 75", max_restarts=1)[0])
    process, kept = job("exit 75", restarts=0, max_restarts=1)
    end(process)
    assert (kept / "scontrol").read_text() == "requeue 12\n" * 2


def test_every_ray_of_the_job_gets_the_settings_of_ray(job):
    variables = " ".join(f"${name}" for name in RAY_ENVIRONMENT)
    process, kept = job(f'bash -c "echo \'{variables}\'" >"$KEPT/env"')
    assert end(process)[0] == 0
    assert (kept / "env").read_text().split() == list(RAY_ENVIRONMENT.values())


def test_a_signal_before_the_driver_is_known_reaches_it(job, tmp_path):
    process, kept = job(LISTENING, early="kill -USR1 $$")
    assert end(process)[0] == 75
    assert (kept / "scontrol").read_text() == "requeue 12\n"


LISTENING = 'trap "exit 75" USR1; touch "$KEPT/up"; while :; do sleep 0.05; done'
DEAF = 'touch "$KEPT/up"; while :; do sleep 0.05; done'  # the signal's default ends it
STUBBORN = 'trap "" USR1; touch "$KEPT/up"; while :; do sleep 0.05; done'


@pytest.mark.parametrize("search", [LISTENING, DEAF])
def test_the_signal_before_the_time_limit_stops_the_search_and_requeues(job, search):
    process, kept = job(search)
    wait_for(kept / "up")
    process.send_signal(signal.SIGUSR1)
    assert end(process)[0] == 75
    assert (kept / "scontrol").read_text() == "requeue 12\n"


@pytest.mark.parametrize("search", [LISTENING, DEAF, LISTENING.replace("exit 75", "exit 1")])
def test_a_search_whose_ray_has_died_is_stopped_and_requeued(job, tmp_path, search):
    (tmp_path / "runs" / "mine" / "deadly").write_text('until [ -e "$KEPT/up" ]; do sleep 0.02; done')
    process, kept = job(search)
    code, output = end(process)
    assert code == 75
    assert "the head of Ray ended" in output
    assert (kept / "scontrol").read_text() == "requeue 12\n"


def test_a_head_that_fails_before_it_is_up_is_started_again(job, tmp_path):
    once = '[ ! -e "$KEPT/tried" ] || exec sleep 3600; touch "$KEPT/tried"; exit 1'
    (tmp_path / "runs" / "mine" / "deadly").write_text(once)
    process, _ = job('until [ "$(wc -l <"$KEPT/ray")" = 2 ]; do sleep 0.02; done')
    assert end(process)[0] == 0


def test_a_head_that_was_up_is_not_started_again_under_a_search_that_knew_it(job, tmp_path):
    (tmp_path / "runs" / "mine" / "deadly").write_text('echo "Ray runtime started."; exit 1')
    process, kept = job(LISTENING)
    assert end(process)[0] == 75
    assert (kept / "ray").read_text().count("--head") == 1


def test_a_search_that_was_over_when_its_ray_died_is_not_requeued(job, tmp_path):
    (tmp_path / "runs" / "mine" / "deadly").write_text(":")
    process, kept = job('trap "exit 0" USR1; while :; do sleep 0.05; done')
    assert end(process)[0] == 0
    assert not (kept / "scontrol").exists()


def test_a_step_that_fails_at_once_ends_the_search_within_seconds_and_is_not_tried_for_ever(job, tmp_path):
    (tmp_path / "runs" / "mine" / "step").write_text('echo "srun: error: Invalid generic resource" >&2; exit 1')
    process, kept = job(LISTENING, nodes=3)
    code, output = end(process)
    assert code == 2
    assert output.count("the step on the other nodes failed: srun: error: Invalid generic resource") == 3
    assert "no Ray could be started on the other nodes" in output
    assert (kept / "srun").read_text().count("--export=ALL") == 3
    assert not (kept / "scontrol").exists()


def test_a_step_that_fails_because_a_node_is_down_requeues_the_job(job, tmp_path):
    (tmp_path / "runs" / "mine" / "step").write_text('echo "srun: error: Node failure on n2" >&2; exit 1')
    (tmp_path / "runs" / "mine" / "nodes").write_text(N2_IS_DOWN)
    process, kept = job(LISTENING, nodes=2)
    code, output = end(process)
    assert code == 75
    assert "stopping: Ray could not be started on the other nodes, as Slurm calls n2 down" in output
    assert (kept / "srun").read_text().count("--export=ALL") == 1  # there is no other node left
    assert (kept / "scontrol").read_text() == "requeue 12\n"


def test_a_step_that_is_tried_again_leaves_out_the_nodes_that_are_down(job, tmp_path):
    fails_once = '[ ! -e "$KEPT/once" ] || exec sleep 3600; touch "$KEPT/once"; exit 1'
    (tmp_path / "runs" / "mine" / "step").write_text(fails_once)
    (tmp_path / "runs" / "mine" / "nodes").write_text(N2_IS_DOWN)
    process, kept = job('until [ "$(grep -c export "$KEPT/srun")" = 2 ]; do sleep 0.02; done', nodes=3)
    assert end(process)[0] == 0
    words = (kept / "srun").read_text().splitlines()
    assert [word for word in words if word.startswith("--exclude")] == ["--exclude=localhost", "--exclude=localhost,n2"]
    assert [word for word in words if word.startswith("--nodes")] == ["--nodes=2", "--nodes=1"]


def test_a_step_that_ends_later_is_started_again_and_does_not_end_the_search(job, tmp_path):
    (tmp_path / "runs" / "mine" / "step").write_text('echo "Ray runtime started."; exit 1')
    process, kept = job('until [ -e "$KEPT/enough" ]; do sleep 0.02; done', nodes=2)
    assert any("the search goes on without the other nodes" in line for line in process.stdout)
    assert (kept / "srun").read_text().count("--export=ALL") == 3
    (kept / "enough").touch()
    assert end(process)[0] == 0


def test_a_ray_that_ends_on_another_node_is_started_again(job, tmp_path):
    (tmp_path / "runs" / "mine" / "step").write_text(AS_SLURM)
    ready = 'until [ "$(cat "$KEPT/worker" 2>/dev/null | wc -l)" -ge 2 ]; do sleep 0.02; done'
    process, kept = job(ready, nodes=2)
    wait_for(kept / "ray")
    with socket.create_server(("", 20012)):  # the head that is up
        assert end(process)[0] == 0
    log = (kept / "ray-workers.log").read_text()
    assert log.count(": Ray ended with exit code 1\n") >= 1
    assert log.count(": Ray starts\n") >= 2


def test_ray_that_fails_again_and_again_on_another_node_is_given_up_there(job, tmp_path):
    (tmp_path / "runs" / "mine" / "step").write_text(AS_SLURM)
    ready = 'until grep -q "not started again" "$KEPT/ray-workers.log"; do sleep 0.02; done'
    process, kept = job(ready, nodes=2)
    wait_for(kept / "ray")
    with socket.create_server(("", 20012)):  # the head that is up
        assert end(process)[0] == 0
    log = (kept / "ray-workers.log").read_text()
    assert "Ray ended 5 times in a row within 5 minutes of its start; it is not started again here\n" in log


def test_every_node_reads_the_setup_and_one_where_it_fails_says_so(job, tmp_path):
    (tmp_path / "runs" / "mine" / "step").write_text(AS_SLURM)
    setup = tmp_path / "it's set up.sh"
    setup.write_text('echo "$BASHPID" >>"$KEPT/readers"; export LOADED=yes')
    process, kept = job('until [ "$(wc -l <"$KEPT/readers")" -ge 2 ]; do sleep 0.02; done', nodes=2, setup=str(setup))
    assert end(process)[0] == 0
    assert len(set((kept / "readers").read_text().split())) == 2
    setup.write_text('[ "$BASHPID" = "$(cat "$KEPT/first" 2>/dev/null || echo "$BASHPID" | tee "$KEPT/first")" ]')
    code, output = end(job(LISTENING, nodes=2, setup=str(setup))[0])
    assert code == 2
    assert f"cluster.setup={setup} failed" in output


# Starts its last words as a container would: in the same process, with the variables of the caller.
CONTAINER = '#!/bin/bash\necho "$*" >>"$KEPT/contained"; shift 3; exec "$@"\n'


def test_in_a_container_are_the_search_the_head_and_the_other_nodes_rays(job, tmp_path):
    apptainer = tmp_path / "app tainer"
    apptainer.write_text(CONTAINER)
    apptainer.chmod(0o755)
    (tmp_path / "runs" / "mine" / "step").write_text(AS_SLURM)
    ready = 'until [ -s "$KEPT/worker" ]; do sleep 0.02; done; echo "$RAY_ADDRESS" >"$KEPT/address"'
    process, kept = job(ready, nodes=2, container=[str(apptainer), "exec", "--nv", "image 1.sif"])
    wait_for(kept / "ray")
    with socket.create_server(("", 20012)):  # the head that is up
        assert end(process)[0] == 0
    started = (kept / "contained").read_text().splitlines()
    assert all(line.startswith("exec --nv image 1.sif ") for line in started)
    assert [line.split(" -m ")[1].split()[0] for line in started].count("paretoseg") == 1
    assert any("--head" in line for line in started)
    assert any("--address=" in line for line in started)
    assert (kept / "address").read_text().strip().endswith(":20012")


def test_a_search_in_a_container_hears_the_signal_before_the_time_limit(job, tmp_path):
    apptainer = tmp_path / "apptainer"
    apptainer.write_text(CONTAINER)
    apptainer.chmod(0o755)
    process, kept = job(LISTENING, container=[str(apptainer), "exec", "--nv", "image.sif"])
    wait_for(kept / "up")
    process.send_signal(signal.SIGUSR1)
    assert end(process)[0] == 75
    assert (kept / "scontrol").read_text() == "requeue 12\n"


def test_options_for_srun_reach_the_step(job):
    process, kept = job(
        'until [ -s "$KEPT/srun" ]; do sleep 0.02; done',
        nodes=2, gpus=4, gpu_type="a100", srun_options=["--mpi=none", "--comment=a#b"],
    )  # fmt: skip
    assert end(process)[0] == 0
    assert {"--gres=gpu:a100:4", "--mpi=none", "--comment=a#b"} <= set((kept / "srun").read_text().splitlines())


def test_a_node_that_does_not_see_the_folder_says_so_and_the_search_does_not_wait_for_it(job, tmp_path):
    (tmp_path / "runs" / "mine" / "step").write_text(f"export RAY_AUTH_TOKEN_PATH=/nowhere; {AS_SLURM}")
    process, _ = job(LISTENING, nodes=2)
    code, output = end(process)
    assert code == 2
    assert "/nowhere is missing; the study must be on a disk that all nodes share" in output


def test_only_a_job_of_several_nodes_outlives_one_of_them():
    submission = Submission("mine", OVERRIDES, "/studies/mine")
    assert "#SBATCH --no-kill\n" in SlurmConfig(nodes=2).render(submission)
    assert "#SBATCH --no-kill\n" not in SlurmConfig(nodes=1).render(submission)


@pytest.mark.slow
def test_a_search_that_does_not_listen_is_ended_in_time_to_requeue(job):
    process, kept = job(STUBBORN, grace_s=30)
    wait_for(kept / "up")
    process.send_signal(signal.SIGUSR1)
    assert end(process)[0] == 75
    assert (kept / "scontrol").read_text() == "requeue 12\n"


def test_a_cancelled_job_stops_gracefully_and_stays_down(job):
    process, kept = job(LISTENING)
    wait_for(kept / "up")
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == 75
    assert not (kept / "scontrol").exists()


def test_a_search_killed_for_another_reason_is_a_failure(job):
    process, kept = job("kill -KILL $$")
    assert end(process)[0] == 137
    assert not (kept / "scontrol").exists()


def test_a_setup_is_read_first_and_its_failure_ends_the_job(job, tmp_path):
    setup = tmp_path / "set up.sh"
    setup.write_text('echo "$NOT_SET_ANYWHERE"; export LOADED=yes\n')
    process, kept = job('echo "$LOADED" >"$KEPT/loaded"', setup=str(setup))
    assert end(process)[0] == 0
    assert (kept / "loaded").read_text() == "yes\n"
    setup.write_text("false\n")
    code, output = end(job("exit 0", setup=str(setup))[0])
    assert code == 2
    assert "cluster.setup=" in output
