"""Fixtures that the tests of several folders share."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests import shares

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

settings.register_profile("paretoseg", deadline=None, derandomize=True, database=None, max_examples=60)
settings.load_profile("paretoseg")

# No test tracks anything unless it says so; processes that tests start inherit this.
os.environ["WANDB_MODE"] = "disabled"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests that take long first."""
    shares.put_long_ones_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> shares.ByFile | None:
    """Shares the tests out file by file for `--dist loadfile`."""
    return shares.ByFile(config, log) if config.getoption("dist") == "loadfile" else None


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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real Chromium without a window."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs Chromium on the PATH, as of `apt-get install chromium`")
    playwright_api = pytest.importorskip(
        "playwright.sync_api", reason="needs Playwright, as of `pip install playwright`"
    )
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*options, "--disable-component-update", "--disable-sync"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[[Path], Page]]:
    """Opens a file in Chromium; at the end, nothing may have been fetched, refused or gone wrong on any page."""
    troubles: list[str] = []
    pages: list[Page] = []

    def open_file(path: Path, **options: Any) -> Page:
        page = chromium.new_page(**options)
        pages.append(page)
        page.on("console", lambda message: troubles.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (troubles.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: troubles.append(f"request: {request.url}"))
        page.goto(path.as_uri())
        # The page itself is the one request that there must be; pictures that stand in it are no requests.
        troubles.remove(f"request: {path.as_uri()}")
        return page

    yield open_file
    for page in pages:
        page.close()
    assert [trouble for trouble in troubles if not trouble.startswith("request: data:")] == []
