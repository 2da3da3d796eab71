import dataclasses
import os

import pytest

from paretoseg.search.tracking.ledger import Ledger
from paretoseg.search.tracking.plan import Mode, TrackingPlan
from tests.builders import created


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """A plan on a machine where W&B was never used."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wandb").mkdir()
    return TrackingPlan(Mode.online, tmp_path, "p", None, created())


def test_what_was_sent_is_known_to_the_next_session(plan):
    Ledger(plan).record("run", "mark", 3)
    assert Ledger(plan).is_sent("run", "mark")
    assert not Ledger(plan).is_sent("run", "other mark")
    assert Ledger(plan).next_step("run") == 3


@pytest.mark.parametrize(
    ("name", "value"), [("WANDB_BASE_URL", "https://wandb.clinic.example"), ("WANDB_ENTITY", "other-team")]
)
def test_another_server_or_team_starts_empty(plan, monkeypatch, name, value):
    Ledger(plan).record("run", "mark", 3)
    monkeypatch.setenv(name, value)
    assert not Ledger(plan).is_sent("run", "mark")
    assert Ledger(plan).next_step("run") == 0


def test_the_server_of_wandb_login_counts_as_well(plan, tmp_path):
    Ledger(plan).record("run", "mark", 3)
    (tmp_path / "wandb" / "settings").write_text("[default]\nbase_url = https://wandb.clinic.example/\n")
    assert not Ledger(plan).is_sent("run", "mark")


def test_a_team_is_the_same_however_it_is_named(plan, monkeypatch):
    Ledger(dataclasses.replace(plan, entity="lab")).record("run", "mark", 3)
    monkeypatch.setenv("WANDB_ENTITY", "lab")
    assert Ledger(plan).is_sent("run", "mark")


def test_another_project_starts_empty(plan):
    Ledger(plan).record("run", "mark", 3)
    assert not Ledger(dataclasses.replace(plan, project="q")).is_sent("run", "mark")


def test_what_a_fallback_kept_in_files_counts_as_sent_online(plan):
    Ledger(dataclasses.replace(plan, mode=Mode.offline, is_fallback=True)).record("run", "mark", 3)
    assert Ledger(plan).is_sent("run", "mark")
