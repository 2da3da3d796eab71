"""URIs of object stores as `pyarrow.fs` reads them, and the obstore stores for them."""

import os
import sys

import pytest

from paretoseg.search.store.folder import Folder
from paretoseg.search.store.object_uris import open_store

AZURE_KEY = "a2V5"


@pytest.fixture(autouse=True)
def bare_environment(tmp_path, monkeypatch):
    """Neither the environment nor the home directory holds keys; no store of another test is at hand."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    open_store.cache_clear()
    yield
    open_store.cache_clear()


def open_folder(uri):
    folder = Folder(uri)
    return folder._files._store, str(folder._path)


def configured(uri):
    """What the store of a URI was configured with, and its client."""
    store, _ = open_folder(uri)
    return dict(store.config), dict(store.client_options)


def write_profile(tmp_path, text, name="credentials"):
    (tmp_path / ".aws").mkdir(exist_ok=True)
    (tmp_path / ".aws" / name).write_text(text)


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("s3://KEY:SECRET@bucket/a/b?region=eu-west-1", "a/b"),
        ("s3://KEY:SEC%2FRET@bucket/a%20b/?region=eu-west-1", "a b"),
        ("s3://KEY:SECRET@bucket?region=eu-west-1", "."),
        ("gs://bucket/a/b", "a/b"),
        ("gcs://anonymous@bucket/a", "a"),
        (f"abfs://container:{AZURE_KEY}@account.dfs.core.windows.net/a/b", "a/b"),
        (f"abfss://:{AZURE_KEY}@account.blob.core.windows.net/container/a", "a"),
        (f"abfs://account:{AZURE_KEY}@container/a", "a"),
        (f"abfs://account:{AZURE_KEY}@127.0.0.1:10000/container/a?enable_tls=false", "a"),
    ],
)
def test_the_path_behind_the_bucket_is_that_of_the_folder(uri, path):
    assert open_folder(uri)[1] == path


def test_the_keys_in_an_s3_uri_are_used_and_none_of_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of other keys")
    store, _ = open_folder("s3://KEY:SEC%2FRET@bucket/x?region=eu-west-1")
    keys = store.credential_provider()
    assert (keys["access_key_id"], keys["secret_access_key"], keys["token"]) == ("KEY", "SEC/RET", None)
    assert store.config["region"] == "eu-west-1"


def test_an_endpoint_of_s3_may_be_named(tmp_path):
    config, client = configured("s3://K:S@bucket/x?endpoint_override=127.0.0.1%3A9000&scheme=http&region=here")
    assert (config["endpoint"], client["allow_http"]) == ("http://127.0.0.1:9000", "true")
    config, client = configured("s3://K:S@bucket/x?endpoint_override=minio.example&region=here")
    assert (config["endpoint"], client["allow_http"]) == ("https://minio.example", "false")


def test_the_region_of_a_bucket_is_asked_for_as_pyarrow_does(monkeypatch):
    """Without a region in the URI pyarrow asks AWS; here there is an endpoint, so it takes its default."""
    config, _ = configured("s3://K:S@bucket/x?endpoint_override=127.0.0.1%3A9000&scheme=http")
    assert config["region"] == "us-east-1"


def test_keys_of_an_aws_profile_are_read_again_after_a_while(tmp_path, monkeypatch):
    text = "[default]\naws_access_key_id = A\naws_secret_access_key = %s\n[other]\naws_access_key_id = B\n"
    write_profile(tmp_path, text % "one" + "aws_secret_access_key = two\naws_session_token = three\n")
    store, _ = open_folder("s3://bucket/x?region=here")
    keys = store.credential_provider()
    assert (keys["access_key_id"], keys["secret_access_key"], keys["token"]) == ("A", "one", None)
    assert keys["expires_at"] is not None
    write_profile(tmp_path, text % "refreshed")
    assert store.credential_provider()["secret_access_key"] == "refreshed"


def test_a_profile_may_be_named(tmp_path, monkeypatch):
    write_profile(tmp_path, "[profile other]\naws_access_key_id = B\naws_secret_access_key = two\n", "config")
    write_profile(tmp_path, "[other]\naws_session_token = three\n")
    monkeypatch.setenv("AWS_PROFILE", "other")
    keys = open_folder("s3://bucket/x?region=here")[0].credential_provider()
    assert (keys["access_key_id"], keys["secret_access_key"], keys["token"]) == ("B", "two", "three")


def test_the_environment_comes_before_a_profile(tmp_path, monkeypatch):
    write_profile(tmp_path, "[default]\naws_access_key_id = A\naws_secret_access_key = one\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "E")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nvironment")
    assert open_folder("s3://bucket/x?region=here")[0].credential_provider is None


def test_a_profile_without_keys_of_its_own_needs_boto3(tmp_path, monkeypatch):
    write_profile(tmp_path, "[default]\nrole_arn = arn:aws:iam::1:role/x\ncredential_source = Environment\n", "config")
    monkeypatch.setitem(sys.modules, "obstore.auth.boto3", None)
    with pytest.raises(
        ValueError, match=r"cannot be opened: the AWS profile holds no keys of its own, .*; `pip install"
    ):
        Folder("s3://bucket/x?region=here")


def test_gcs_may_be_anonymous_and_have_another_endpoint():
    config, client = configured("gs://anonymous@bucket/x?endpoint_override=127.0.0.1%3A4443&scheme=http")
    assert (config["base_url"], config["skip_signature"]) == ("http://127.0.0.1:4443", "true")
    assert client["allow_http"] == "true"


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (
            f"abfs://container:{AZURE_KEY}@account.dfs.core.windows.net/a",
            {"account_name": "account", "account_key": AZURE_KEY},
        ),
        (
            f"abfs://account:{AZURE_KEY}@127.0.0.1:10000/container/a?enable_tls=false",
            {"account_name": "account", "endpoint": "http://127.0.0.1:10000/account"},
        ),
        (
            "abfs://c@account.dfs.core.windows.net/a?tenant_id=t&client_id=i&client_secret=s",
            {"tenant_id": "t", "client_id": "i", "client_secret": "s"},
        ),
        ("abfs://c@account.dfs.core.windows.net/a?credential_kind=anonymous", {"skip_signature": "true"}),
        ("abfs://c@account.dfs.core.windows.net/a?credential_kind=cli", {"use_azure_cli": "true"}),
    ],
)
def test_accounts_and_keys_of_azure_are_those_of_the_uri(uri, expected):
    config, _ = configured(uri)
    assert {name: config.get(name) for name in expected} == expected


def test_a_login_with_azures_command_line_is_used_unless_the_environment_has_keys(tmp_path, monkeypatch):
    uri = "abfs://c@account.dfs.core.windows.net/a"
    assert "use_azure_cli" not in configured(uri)[0]
    (tmp_path / ".azure").mkdir()
    (tmp_path / ".azure" / "azureProfile.json").write_text("{}")
    open_store.cache_clear()
    assert configured(uri)[0]["use_azure_cli"] == "true"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY)
    open_store.cache_clear()
    assert "use_azure_cli" not in configured(uri)[0]


def test_a_signature_in_an_azure_uri_is_used():
    config, _ = configured("abfs://c@account.dfs.core.windows.net/a?sv=2024&sp=rw&sig=a%2Bb%3D")
    assert config["sas_key"] == "sv=2024&sp=rw&sig=a%2Bb%3D"


def test_a_container_may_be_named_alone_if_the_environment_names_the_account(monkeypatch):
    with pytest.raises(ValueError, match="names a container without its account; set AZURE_STORAGE_ACCOUNT_NAME"):
        Folder("az://container/a")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    folder = Folder("az://container/a")
    assert folder.child("b").location == "az://container/a/b"
    assert folder._files._store.config["account_name"] == "account"


def test_an_option_that_pyarrow_does_not_know_is_refused():
    with pytest.raises(ValueError, match="Unexpected query parameter in S3 URI: 'foo'"):
        Folder("s3://bucket/x?region=here&foo=1")
