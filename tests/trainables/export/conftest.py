"""MONAI's own command, for exports that are run in fresh processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.trainables.bundle_runs import Monai


@pytest.fixture(scope="package")
def monai_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monai]:
    """The process whose forks are the fresh ones."""
    server = Monai(tmp_path_factory.mktemp("monai"))
    yield server
    server.close()


@pytest.fixture
def monai(monai_server: Monai, monkeypatch: pytest.MonkeyPatch) -> Monai:
    """Runs MONAI's command wherever a test or a proof asks for it."""
    monkeypatch.setattr("subprocess.run", monai_server.answer)
    return monai_server
