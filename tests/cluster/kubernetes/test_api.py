import builtins
import logging

import pytest
import yaml

from paretoseg.cluster.kubernetes.api import RayJobs, UnreachableError
from tests.cluster.api_server import TOKEN, serve, status

MANIFEST = {
    "apiVersion": "ray.io/v1",
    "kind": "RayJob",
    "metadata": {"name": "mine", "namespace": "lab"},
    "spec": {"entrypoint": "true"},
}
PATH = "/apis/ray.io/v1/namespaces/lab/rayjobs/mine"


@pytest.fixture
def server(tmp_path, monkeypatch):
    with serve() as state:
        monkeypatch.setenv("KUBECONFIG", str(state.write_kubeconfig(tmp_path)))
        yield state


@pytest.fixture
def jobs(server):
    return RayJobs("lab", sleep=lambda seconds: None)


def test_a_job_is_created_by_server_side_apply_under_strict_validation(server, jobs):
    jobs.apply(MANIFEST)
    (request,) = server.requests
    assert (request.verb, request.path) == ("PATCH", PATH)
    assert request.content_type == "application/apply-patch+yaml"
    assert request.query == {"fieldManager": "paretoseg", "fieldValidation": "Strict"}
    assert request.authorization == f"Bearer {TOKEN}"
    assert request.body == MANIFEST


def test_a_job_is_rehearsed_without_being_stored_under_a_name_that_no_job_has(server, jobs):
    jobs.rehearse(MANIFEST)
    (request,) = server.requests
    assert (request.verb, request.path) == ("POST", PATH.removesuffix("/mine"))
    assert request.query == {"dryRun": "All", "fieldManager": "paretoseg", "fieldValidation": "Strict"}
    assert request.body is not None
    assert request.body["metadata"] == {"namespace": "lab", "generateName": "paretoseg-check-"}
    assert request.body["spec"] == MANIFEST["spec"]
    assert MANIFEST["metadata"]["name"] == "mine"
    assert server.jobs == {}


def test_a_job_is_found_as_the_server_has_it_or_not_at_all(server, jobs):
    assert jobs.find("mine") is None
    server.jobs["mine"] = MANIFEST | {"status": {"jobStatus": "RUNNING"}}
    assert jobs.find("mine") == server.jobs["mine"]
    assert {(request.verb, request.path) for request in server.requests} == {("GET", PATH)}


def test_a_job_is_deleted_and_waited_for(server, jobs):
    server.jobs["mine"] = dict(MANIFEST)
    jobs.delete("mine")
    assert [request.verb for request in server.requests] == ["DELETE", "GET"]
    jobs.delete("mine")


def test_a_job_that_does_not_go_away_is_named(server, jobs):
    server.jobs["mine"] = dict(MANIFEST)
    server.answers = [(200, "{}")]
    with pytest.raises(ValueError, match="RayJob mine is still there two minutes after it was deleted; see kubectl"):
        jobs.delete("mine")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (status(401, "Unauthorized"), "does not know you: Unauthorized; log in again"),
        (
            status(403, 'rayjobs.ray.io "mine" is forbidden: User "me" cannot patch'),
            "forbids it: .*cannot patch; ask its administrator for the verbs get, create, patch and delete on rayjobs",
        ),
        (status(404, 'namespaces "lab" not found'), "there is no namespace 'lab'; create it, or set cluster.namespace"),
        (
            (404, "404 page not found\n"),
            "does not know RayJobs: 404 page not found; .* install the KubeRay operator",
        ),
        (status(409, 'conflict with "kubectl": .spec'), 'another client changed the job .*conflict with "kubectl"'),
        (status(422, 'RayJob.ray.io "mine" is invalid: spec.x: bad'), "refuses the job: .*spec.x: bad"),
        (status(400, 'strict decoding error: unknown field "spec.y"'), 'refuses the job: .*unknown field "spec.y"'),
        (status(418, "odd"), "answers 418: odd"),
        ((500, ""), "answers 500: Internal Server Error; run the same command again later"),
        ((500, "<html>\nsorry</html>"), "answers 500: <html>; run the same command again later"),
    ],
)
def test_every_refusal_is_one_line_with_the_way_out(server, jobs, answer, sentence):
    server.answers = [answer]
    with pytest.raises(ValueError, match=sentence) as refusal:
        jobs.apply(MANIFEST)
    assert "\n" not in str(refusal.value)
    assert len(server.requests) == 1


def test_a_cluster_without_kuberay_is_distinguished_from_a_job_that_is_not_there(server, jobs):
    server.answers = [(404, "404 page not found\n")]
    with pytest.raises(ValueError, match="must install the KubeRay operator"):
        jobs.find("mine")


def test_a_cluster_that_does_not_answer_is_named_with_its_address(server, capfd):
    with pytest.raises(UnreachableError, match=r"cluster at http://127\.0\.0\.1:9 does not answer") as refusal:
        RayJobs("lab", context="nowhere").find("mine")
    assert "Connection refused" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert capfd.readouterr().err == ""


def test_a_handshake_that_fails_is_no_answer_and_its_cause_is_said(server, tmp_path, monkeypatch):
    path = tmp_path / "tls"
    path.write_text(server.write_kubeconfig(tmp_path).read_text().replace("http://", "https://"))
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(
        UnreachableError, match=r"cluster at https://.* does not answer \(.*SSL.*\); check with `kubectl"
    ) as refusal:
        RayJobs("lab").find("mine")
    assert "\n" not in str(refusal.value)
    assert "0" not in str(refusal.value).partition("answers")[2]


def write_user(server, tmp_path, monkeypatch, user):
    content = yaml.safe_load(server.write_kubeconfig(tmp_path).read_text())
    content["users"] = [{"name": "me", "user": user}]
    content["clusters"][0]["cluster"]["server"] = server.url.replace("http:", "https:")
    path = tmp_path / "other"
    path.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("KUBECONFIG", str(path))


def test_a_kubeconfig_with_a_damaged_certificate_is_named_with_the_way_out(server, tmp_path, monkeypatch):
    write_user(server, tmp_path, monkeypatch, {"client-certificate-data": "a", "client-key-data": "a"})
    with pytest.raises(
        ValueError, match=r"the kubeconfig '.*other' is damaged \(.*base64.*\); get a new one"
    ) as refusal:
        RayJobs("lab")
    assert "\n" not in str(refusal.value)


def test_a_login_that_fails_is_a_refusal_and_no_line_of_a_log(server, tmp_path, monkeypatch, capfd):
    login = {"apiVersion": "client.authentication.k8s.io/v1", "command": "false", "interactiveMode": "Never"}
    write_user(server, tmp_path, monkeypatch, {"exec": login})
    before = logging.getLogger().handlers
    with pytest.raises(ValueError, match=r"the login that the kubeconfig '.*other' asks for failed \(.*\); log in"):
        RayJobs("lab")
    assert capfd.readouterr().err == ""
    assert logging.getLogger().handlers is before


def test_an_unknown_context_is_refused(server):
    with pytest.raises(ValueError, match=r"no Kubernetes cluster is configured .*elsewhere.*cluster\.context=<name>"):
        RayJobs("lab", context="elsewhere")


@pytest.mark.parametrize("content", [None, "", "just words", "apiVersion: v1\n", "[: broken", "\x00\x01"])
def test_a_missing_or_broken_kubeconfig_is_refused_in_one_line(tmp_path, monkeypatch, content):
    path = tmp_path / "config"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ValueError, match=r"no Kubernetes cluster is configured .*set KUBECONFIG") as refusal:
        RayJobs("lab")
    assert "\n" not in str(refusal.value)


def test_a_missing_client_is_refused_with_what_to_install(monkeypatch):
    real_import = builtins.__import__

    def import_without(name, *arguments):
        if name.split(".")[0] == "kubernetes":
            raise ImportError(name)
        return real_import(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", import_without)
    with pytest.raises(ValueError, match=r"pip install 'paretoseg\[kubernetes\]', or print the job with --dry-run"):
        RayJobs("lab")
