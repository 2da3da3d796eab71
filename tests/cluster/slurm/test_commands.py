from pathlib import Path

import pytest

from paretoseg.cluster.cluster import Submission
from paretoseg.cluster.slurm.commands import find_job, submit_script
from paretoseg.cluster.slurm.slurm import SlurmConfig

SUBMISSION = Submission("mine", ("study=mine",), "studies/mine")


def test_a_script_is_handed_in_and_its_number_comes_back(slurm, tmp_path):
    slurm.answer("sbatch", "4711\n")
    script = tmp_path / "a b.sbatch"
    assert submit_script(script) == "4711"
    assert slurm.calls == [["sbatch", "--parsable", str(script)]]


def test_on_a_site_of_several_clusters_a_job_is_found_again_on_its_own(slurm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    slurm.answer("sbatch", "4711;north\n")
    ticket = SlurmConfig().submit(SUBMISSION)
    assert ticket.job == "4711;north"
    assert Path(ticket.log).name == "job-4711.log"
    slurm.answer("squeue", "CLUSTER: north\nRUNNING|0|n1|None|\n")
    assert find_job(ticket.job).is_live
    assert {"--jobs=4711", "--clusters=north"} <= set(slurm.calls[-1])


def test_where_there_is_no_sbatch_the_way_out_is_named(slurm):
    with pytest.raises(
        ValueError, match="needs the command sbatch, which is not installed here; run this on a login node"
    ):
        submit_script(Path("x"))


def test_a_refusal_gives_the_reason_of_slurm_in_one_line(slurm):
    slurm.answer(
        "sbatch",
        code=1,
        error="sbatch: error: invalid partition specified: nope\n"
        "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
    )
    with pytest.raises(ValueError, match=r"sbatch refused the job: .*Invalid partition name specified") as error:
        submit_script(Path("x"))
    assert "\n" not in str(error.value)


def test_a_submission_leaves_its_script_for_the_owner_alone(slurm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    slurm.answer("sbatch", "5\n")
    submission = Submission("mine", ("study=mine",), str(tmp_path / "studies" / "mine"))
    config = SlurmConfig()
    ticket = config.submit(submission)
    script = tmp_path / "studies" / "mine" / "slurm" / "search.sbatch"
    assert script.read_text() == config.render(submission)
    assert script.stat().st_mode & 0o777 == 0o600
    assert (ticket.cluster, ticket.job, ticket.log) == ("slurm", "5", str(script.with_name("job-5.log")))
    assert slurm.calls == [["sbatch", "--parsable", str(script)]]


def test_a_script_that_others_could_read_is_replaced_by_one_that_they_cannot(slurm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    slurm.answer("sbatch", "5\n")
    script = tmp_path / "mine" / "slurm" / "search.sbatch"
    script.parent.mkdir(parents=True)
    script.write_text("old")
    script.chmod(0o644)
    with script.open() as opened:
        SlurmConfig().submit(Submission("mine", ("study=mine",), str(tmp_path / "mine")))
        assert opened.read() == "old"
    assert script.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in script.parent.iterdir()] == ["search.sbatch"]


def test_a_folder_that_cannot_be_written_is_named(slurm, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot write '.*search\.sbatch': Not a directory; see cluster\.run_dir"):
        SlurmConfig().submit(Submission("mine", ("study=mine",), str(tmp_path / "file" / "mine")))


@pytest.mark.parametrize(
    ("job", "words", "is_live"),
    [
        ({"state": "RUNNING", "nodes": "n[1-2]", "restarts": 3}, "RUNNING on n[1-2], 3 restart(s)", True),
        ({"state": "PENDING", "reason": "Resources"}, "PENDING (Resources), 0 restart(s)", True),
        ({"state": "COMPLETING", "nodes": "n1"}, "COMPLETING on n1, 0 restart(s)", True),
        ({"state": "COMPLETED", "nodes": "n1"}, "COMPLETED on n1, 0 restart(s)", False),
        ({"state": "TIMEOUT", "nodes": "n1"}, "TIMEOUT on n1, 0 restart(s)", False),
        ({"state": "CANCELLED"}, "CANCELLED, 0 restart(s)", False),
    ],
)
def test_a_job_is_reported_in_words(slurm, job, words, is_live):
    slurm.show_job(**job)
    state = find_job("12")
    assert (state.words, state.is_live) == (words, is_live)
    assert slurm.calls[0][:4] == ["squeue", "--noheader", "--states=all", "--jobs=12"]


def test_a_job_that_slurm_has_forgotten_is_over(slurm):
    slurm.answer("squeue", code=1, error="slurm_load_jobs error: Invalid job id specified\n")
    assert find_job("12").is_live is False
    slurm.answer("squeue", "")
    assert find_job("12").is_live is False


def test_where_squeue_is_absent_or_has_no_controller_the_state_is_unknown(slurm):
    assert find_job("12").is_live is None
    assert "there is no squeue here" in find_job("12").words
    slurm.answer("squeue", code=1, error="slurm_load_jobs error: Unable to contact slurm controller\n")
    assert find_job("12").is_live is None
    assert "Unable to contact slurm controller" in find_job("12").words
