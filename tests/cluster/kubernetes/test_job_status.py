import pytest

from paretoseg.cluster.kubernetes.api import UnreachableError
from paretoseg.cluster.kubernetes.job_status import JobStatus, follow_job, read_status

LOGS = "Job entrypoint command failed with exit code {}, last available logs (truncated):\nparetoseg: oh"


class Jobs:
    """Answers one after the other; the last one again and again."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def find(self, name):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def job(phase="", outcome="", message="", reason=""):
    words = {"jobDeploymentStatus": phase, "jobStatus": outcome, "message": message, "reason": reason}
    return {"metadata": {"name": "mine"}, "status": {name: word for name, word in words.items() if word}}


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (job("Complete", "SUCCEEDED", "Job finished successfully."), 0),
        (job("Failed", "FAILED", LOGS.format(75), "AppFailed"), 75),
        (job("Complete", "FAILED", LOGS.format(3)), 3),
        (job("Failed", "FAILED", LOGS.format(2)), 2),
        (job("Failed", "FAILED", LOGS.format(74)), 74),
        (job("Failed", "FAILED", LOGS.format(1)), 1),
        (job("Failed", "FAILED", LOGS.format(127)), 1),
        (job("Failed", "FAILED", LOGS.format(137)), 75),
        (job("Failed", "FAILED", "the head pod is gone", "JobStatusCheckTimeoutExceeded"), 75),
        (job("Failed", "STOPPED"), 75),
        (job("Failed", "", "", "DeadlineExceeded"), 75),
        (job("ValidationFailed", "", "RayJob name should be no more than 47 characters"), 2),
    ],
)
def test_the_exit_code_is_that_of_the_search_in_the_pod(end, code):
    assert follow_job(Jobs(end), "mine", lambda line: None, sleep=lambda seconds: None) == code


def test_every_change_is_said_once():
    running = job("Running", "RUNNING")
    lines = []
    jobs = Jobs(job(), job(), job("Suspended"), job("Initializing"), running, running, job("Complete", "SUCCEEDED"))
    follow_job(jobs, "mine", lines.append, sleep=lambda seconds: None)
    assert lines == [
        "RayJob mine waits for the KubeRay operator.",
        "RayJob mine waits in its queue.",
        "RayJob mine starts its pods.",
        "RayJob mine runs.",
        "RayJob mine is complete.",
    ]


def test_a_failure_is_said_with_its_cause():
    lines = []
    follow_job(Jobs(job("Failed", "FAILED", LOGS.format(2))), "mine", lines.append, sleep=lambda seconds: None)
    assert lines[0].startswith("RayJob mine failed: Job entrypoint command failed with exit code 2")


def test_a_cluster_that_is_out_of_reach_for_a_while_is_waited_for():
    pauses = []
    away = [UnreachableError("away")] * 20
    jobs = Jobs(job("Running"), *away, job("Running"), *away, job("Complete", "SUCCEEDED"))
    assert follow_job(jobs, "mine", lambda line: None, sleep=pauses.append) == 0
    assert sum(pauses) == 42 * 5


def test_a_cluster_that_stays_out_of_reach_is_given_up():
    pauses = []
    with pytest.raises(UnreachableError, match="away"):
        follow_job(Jobs(UnreachableError("away")), "mine", lambda line: None, sleep=pauses.append)
    assert sum(pauses) == 300


def test_a_job_that_somebody_deletes_is_said_with_the_way_out():
    lines = []
    assert follow_job(Jobs(job("Running"), None), "mine", lines.append, sleep=lambda seconds: None) == 75
    assert lines[-1] == "RayJob mine was deleted; run the same command again to resume the study."


def test_a_job_that_the_operator_has_not_seen_has_an_empty_status():
    assert read_status({"metadata": {}}) == JobStatus("", "", "", "")
    assert not read_status({}).is_over
