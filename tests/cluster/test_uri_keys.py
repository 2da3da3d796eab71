import pytest

from paretoseg.cluster.uri_keys import holds_key, is_secret


@pytest.mark.parametrize(
    "location",
    [
        "s3://KEY:SECRET@bucket/x",
        "s3://KEY:SEC/RET@bucket/x",
        "s3://KEY@bucket/x",
        "s3://bucket/x?secret_key=1",
        "abfs://account.dfs.core.windows.net/x?sas_token=1",
        "abfs://account.dfs.core.windows.net/x?sp=rl&sig=1",
        "abfs://container:SECRET@account.dfs.core.windows.net/x",
    ],
)
def test_a_key_in_a_uri_is_found(location):
    assert holds_key(location)


@pytest.mark.parametrize(
    "location",
    [
        "/disk/a:b@c/x",
        "s3://bucket/x?region=eu-west-1",
        "s3://bucket/a@b",
        "abfs://container@account.dfs.core.windows.net/x",
        "hdfs://user@host:8020/x",
        "gs://anonymous@bucket/x",
    ],
)
def test_a_location_without_a_key_is_left_alone(location):
    assert not holds_key(location)


def test_what_a_secret_is_called_in_a_query_does_not_depend_on_case_or_escapes():
    assert is_secret("Secret_Key")
    assert is_secret("sas%5Ftoken")
    assert not is_secret("region")
