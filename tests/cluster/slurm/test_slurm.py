import re
import shlex
import subprocess
from math import inf, nan
from pathlib import Path

import pytest

from paretoseg.cluster.cluster import Submission
from paretoseg.cluster.resources import Resources
from paretoseg.cluster.slurm.slurm import GpuOption, SlurmConfig

HOSTILE = '/disk/it\'s "here" $(touch stolen) `id`; rm -rf ~ & #'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def submission(location="/disk/studies/mine", overrides=("study=mine", "storage=/disk/studies", "task=toy")):
    return Submission("mine", tuple(overrides), location)


def options(script):
    return [line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH ")]


def head(script):
    """The part of the script that varies."""
    return script.partition("\nset -uo pipefail")[0]


def evaluate(script, expression):
    """What bash makes of an expression after the variables of a script."""
    done = subprocess.run(["bash", "-uc", f"{head(script)}\n{expression}"], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_options_say_what_was_asked(tmp_path):
    config = SlurmConfig(
        nodes=3, cpus=8, gpus=2, memory_gb=1.5, time_min=90, partition="gpu,long", account="lab_1",
        options=["--qos=high", "--exclusive", "--constraint=a100|h100"],
    )  # fmt: skip
    assert options(config.render(submission())) == [
        "--job-name=mine",
        f"--chdir={tmp_path}",
        "--output=/disk/studies/mine/slurm/job-%j.log",
        "--open-mode=append",
        "--requeue",
        "--signal=B:USR1@120",
        "--nodes=3",
        "--ntasks-per-node=1",
        "--cpus-per-task=8",
        "--no-kill",
        "--gres=gpu:2",
        "--mem=1536M",
        "--time=90",
        "--partition=gpu,long",
        "--account=lab_1",
        "--qos=high",
        "--exclusive",
        "--constraint='a100|h100'",
    ]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"gpus": 4, "gpu_type": "a100"}, "--gres=gpu:a100:4"),
        ({"gpus": 4, "gpu_option": GpuOption.gpus_per_node}, "--gpus-per-node=4"),
        ({"gpus": 4, "gpu_type": "a100", "gpu_option": GpuOption.gpus_per_node}, "--gpus-per-node=a100:4"),
        ({"memory_gb": -1.0}, "--mem=0"),
        ({"memory_per_cpu_gb": 2.5}, "--mem-per-cpu=2560M"),
        ({"qos": "long"}, "--qos=long"),
        ({"constraint": "[rack1*2&ib]"}, "--constraint='[rack1*2&ib]'"),
        ({"options": ["--comment=paper#2"]}, "--comment='paper#2'"),
    ],
)
def test_sites_are_asked_in_their_own_words(settings, wanted):
    assert wanted in options(SlurmConfig(**settings).render(submission()))


def test_what_is_not_asked_is_left_to_the_site():
    names = {option.split("=")[0] for option in options(SlurmConfig().render(submission()))}
    asked = {"--gres", "--gpus-per-node", "--mem", "--mem-per-cpu", "--time", "--partition", "--account", "--qos"}
    assert not names & (asked | {"--constraint"})


def test_the_search_in_the_job_is_the_same_one_attached_to_its_ray():
    script = SlurmConfig(nodes=2, python="bash").render(submission())
    words = evaluate(script, 'printf "%s\\n" "${search[@]}"').splitlines()
    assert Path(words[0]).name == "bash"
    assert words[1:] == [
        "-m", "paretoseg", "search", "study=mine", "storage=/disk/studies", "task=toy",
        "cluster=attached", "cluster.num_nodes=2", "cluster.wait_s=300", "cluster.lock_wait_s=120",
    ]  # fmt: skip


def test_in_a_container_the_search_and_every_ray_run_there_with_its_own_python(tmp_path):
    image = tmp_path / "a #1.sif"
    container = ["apptainer", "exec", "--nv", str(image)]
    config = SlurmConfig(container=container)
    with pytest.raises(ValueError, match=r"cluster\.container names an image that is not here, '.*a #1\.sif'"):
        config.check(Resources())
    image.touch()
    config.check(Resources())
    script = config.render(submission())
    words = evaluate(script, 'printf "%s\\n" "${search[@]}"').splitlines()
    assert words[:7] == [*container, "python", "-m", "paretoseg"]
    assert evaluate(script, 'printf "%s\\n" "${container[@]}" "$python"').splitlines() == [*container, "python"]
    own = SlurmConfig(container=container, python="/opt/env/bin/python")
    own.check(Resources())  # a path in the container
    assert evaluate(own.render(submission()), 'echo "${search[4]}"') == "/opt/env/bin/python\n"


def test_all_scripts_are_the_same_but_for_their_head():
    one, other = (
        SlurmConfig().render(submission()),
        SlurmConfig(nodes=4, gpus=1, cpus=2).render(submission("/other/mine")),
    )
    assert one.removeprefix(head(one)) == other.removeprefix(head(other))


def test_a_script_is_valid_bash():
    script = SlurmConfig(nodes=2, setup=HOSTILE).render(submission(HOSTILE))
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_text_of_a_user_is_ever_run_by_the_shell(tmp_path):
    overrides = ("study=mine", f"storage='{HOSTILE}'", "data.root=$(touch stolen)")
    script = SlurmConfig(setup=HOSTILE, run_dir=HOSTILE).render(submission(HOSTILE, overrides))
    told = evaluate(script, 'printf "%s\\n" "$run_dir" "$setup" "${search[5]}" "${search[6]}"').splitlines()
    assert told == [f"{HOSTILE}/mine", HOSTILE, *overrides[1:]]
    assert list(tmp_path.iterdir()) == []
    output = next(option for option in options(script) if option.startswith("--output="))
    assert shlex.split(output) == [f"--output={HOSTILE}/mine/job-%j.log"]


def test_ray_is_private_and_stops_before_the_time_limit():
    script = SlurmConfig(grace_s=60).render(submission())
    assert "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$run_dir/ray-token" in script
    assert "umask 077" in script
    assert "--node-ip-address=" in script
    assert "--signal=B:USR1@60" in options(script)
    assert evaluate(script, 'echo "$patience_s"') == "40\n"
    traps, rest = script.index("\ntrap 'stop_driver"), script.index("paretoseg.cluster.start_ray")
    assert traps < rest


def test_a_study_at_a_uri_needs_a_folder_for_its_script():
    at_uri = submission("s3://bucket/studies/mine")
    with pytest.raises(ValueError, match=r"add cluster\.run_dir=<path on a disk that all nodes share>"):
        SlurmConfig().render(at_uri)
    script = SlurmConfig(run_dir="/disk/runs").render(at_uri)
    assert evaluate(script, 'echo "$run_dir"') == "/disk/runs/mine\n"


MISTAKES = [
    ({"nodes": 0}, "cluster.nodes must be at least 1, got 0"),
    ({"cpus": 0}, "cluster.cpus must be at least 1, got 0"),
    ({"gpus": -1}, "cluster.gpus must be at least 0, got -1"),
    ({"memory_gb": nan}, "cluster.memory_gb must be at least 0, or -1 for all of a node, got nan"),
    ({"memory_gb": inf}, "cluster.memory_gb must be at least 0, or -1 for all of a node, got inf"),
    ({"memory_gb": -0.5}, "cluster.memory_gb must be at least 0, or -1 for all of a node, got -0.5"),
    ({"memory_per_cpu_gb": -1.0}, "cluster.memory_per_cpu_gb must be at least 0, got -1"),
    ({"memory_gb": 4.0, "memory_per_cpu_gb": 1.0}, "cluster.memory_gb=4 and cluster.memory_per_cpu_gb=1 exclude each"),
    ({"gpu_type": "a100"}, "cluster.gpu_type=a100 needs cluster.gpus"),
    ({"gpu_type": "a 100", "gpus": 1}, "cluster.gpu_type may hold letters, digits and ._,- only, got 'a 100'"),
    ({"qos": "a;b"}, "cluster.qos may hold letters, digits and ._,- only, got 'a;b'"),
    ({"constraint": "a b"}, "cluster.constraint must be one word of letters, digits and"),
    ({"options": ["--qos=a"], "qos": "b"}, "cluster.options sets --qos, and so does cluster.qos; leave one out"),
    ({"options": ["--mem-per-cpu=1G"], "memory_per_cpu_gb": 1.0}, "and so does cluster.memory_per_cpu_gb; leave one"),
    ({"srun_options": ["--nodes=2"]}, "cluster.srun_options must not set --nodes, the script needs its own; use"),
    ({"srun_options": ["--mpi=a b"]}, "an option in cluster.srun_options must be --name or --name=value"),
    ({"container": ["apptainer\n"]}, "cluster.container must not hold line breaks"),
    ({"time_min": -1}, "cluster.time_min must be at least 0, got -1"),
    ({"time_min": 3}, "cluster.time_min must leave 5 min beside cluster.grace_s=120 s, got 3 min"),
    ({"max_restarts": -1}, "cluster.max_restarts must be at least 0, got -1"),
    ({"grace_s": 5}, "cluster.grace_s must be at least 30, got 5"),
    ({"partition": "a b"}, "cluster.partition may hold letters, digits and ._,- only, got 'a b'"),
    ({"partition": "x\n#SBATCH --wrap=id"}, "cluster.partition may hold"),
    ({"account": "$(id)"}, "cluster.account may hold"),
    ({"options": ["qos=high"]}, "an option in cluster.options must be --name or --name=value"),
    ({"options": ["--qos=a b"]}, "an option in cluster.options must be"),
    ({"options": ["--qos=$(id)"]}, "an option in cluster.options must be"),
    ({"options": ["--qos=x\n--wrap=id"]}, "an option in cluster.options must be"),
    ({"options": ["--time=5"]}, "cluster.options must not set --time, the script needs its own; use cluster.time_min"),
    ({"options": ["--wrap=id"]}, "cluster.options must not set --wrap"),
    ({"run_dir": "s3://bucket/x"}, "cluster.run_dir must be a path on a disk that all nodes share"),
    ({"setup": "a\nb"}, "cluster.setup must not hold line breaks"),
]


@pytest.mark.parametrize(("settings", "message"), MISTAKES, ids=[message for _, message in MISTAKES])
def test_a_mistake_is_refused_in_one_line(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        SlurmConfig(**settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("location", ["/disk/100%/mine", "/disk/a\\b/mine", "/disk/a\nb/mine"])
def test_a_path_that_slurm_reads_in_its_own_way_is_refused(location):
    with pytest.raises(ValueError, match=r"set cluster\.run_dir") as error:
        SlurmConfig().render(submission(location))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("resources", [Resources(cpus=5), Resources(gpus=1)])
def test_a_trial_must_fit_on_a_node(resources):
    with pytest.raises(ValueError, match=r"but a node of the job has cluster\.cpus=4 and cluster\.gpus=0"):
        SlurmConfig(nodes=8).check(resources)


def test_files_that_are_named_must_be_there():
    with pytest.raises(ValueError, match=r"cluster\.setup must be an existing file, got 'modules\.sh'"):
        SlurmConfig(setup="modules.sh").check(Resources())
    with pytest.raises(ValueError, match=r"cluster\.python must be an executable Python, got 'nowhere/python'"):
        SlurmConfig(python="nowhere/python").check(Resources())


@pytest.mark.parametrize(
    "option",
    [
        "--clusters=x",
        "--export=NONE",
        "--export-file=x",
        "--no-kill",
        "--no-k",
        "--tim=5",
        "--job-nam=x",
        "--expo=NONE",
    ],
)
def test_an_option_that_the_script_owns_is_refused_however_it_is_shortened(option):
    with pytest.raises(ValueError, match=r"cluster\.options must not set --"):
        SlurmConfig(options=[option])


def test_a_shortened_option_is_named_in_full_with_the_key_to_use():
    with pytest.raises(ValueError, match=r"must not set --tim \(--time\), .*; use cluster\.time_min"):
        SlurmConfig(options=["--tim=5"])


@pytest.mark.parametrize("option", ["--exclusive", "--exclude=n1", "--time-min=5", "--mem-per-cpu=1G", "--nodelist=n1"])
def test_other_options_that_begin_alike_are_taken(option):
    assert option in options(SlurmConfig(options=[option]).render(submission()))


def test_little_memory_is_not_taken_for_all_of_it():
    assert "--mem=1M" in options(SlurmConfig(memory_gb=0.0002).render(submission()))


@pytest.mark.parametrize("uri", ["s3://KEY:SECRET@bucket/x", "s3://bucket/x?secret_key=SECRET"])
def test_a_key_in_the_storage_is_refused_as_every_user_of_a_node_would_see_it(uri):
    with pytest.raises(
        ValueError, match=r"storage contains a key, .*AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    ) as error:
        SlurmConfig(run_dir="/disk/runs").render(submission(f"{uri}/mine"))
    assert "SECRET" not in str(error.value).replace("AWS_SECRET", "")
