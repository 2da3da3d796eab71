"""Fixtures that the tests of several folders share."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("paretoseg", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("paretoseg")


@pytest.fixture(scope="session")
def s3_storage() -> Iterator[str]:
    """The URI of an empty place on an S3 server on this machine."""
    boto3 = pytest.importorskip("boto3")
    server_module = pytest.importorskip("moto.server")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "KEY", "aws_secret_access_key": "SECRET", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys)
    client.create_bucket(Bucket="bucket")
    yield f"s3://KEY:SECRET@bucket/studies?endpoint_override={host}%3A{port}&scheme=http&region=us-east-1"
    client.close()
    server.stop()
