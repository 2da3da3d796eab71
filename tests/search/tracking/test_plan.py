"""The decisions before anything is sent: mode, place, ids."""

import dataclasses
import os
from pathlib import Path

import pytest

from paretoseg.search.store.folder import Folder
from paretoseg.search.tracking.plan import Mode, TrackingConfig, TrackingPlan, choose_folder, settle_mode
from tests.builders import created


@pytest.fixture(autouse=True)
def bare_machine(tmp_path, monkeypatch):
    """A home and a working folder in which W&B was never used."""
    for name in [name for name in os.environ if name.startswith("WANDB_")] + ["NETRC", "XDG_STATE_HOME"]:
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return home


def write_netrc(home, host):
    (home / ".netrc").write_text(f"machine {host}\n  login user\n  password {'a' * 40}\n")
    (home / ".netrc").chmod(0o600)


def settle(mode="auto"):
    return settle_mode(TrackingConfig(mode=Mode(mode)))[0]


def test_without_a_key_runs_stay_on_this_machine_and_it_says_why():
    mode, why = settle_mode(TrackingConfig())
    assert mode is Mode.offline
    assert why == "no W&B key is configured (`wandb login` adds one)"


def test_a_key_in_the_environment_means_online(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    assert settle() is Mode.online
    assert settle("offline") is Mode.offline


def test_a_key_of_wandb_login_counts_for_its_own_server_only(bare_machine, monkeypatch):
    write_netrc(bare_machine, "api.wandb.ai")
    assert settle() is Mode.online
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.clinic.example")
    assert settle() is Mode.offline
    write_netrc(bare_machine, "wandb.clinic.example")
    assert settle() is Mode.online


def test_a_netrc_file_in_another_place_counts(tmp_path, monkeypatch):
    write_netrc(tmp_path, "api.wandb.ai")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    assert settle() is Mode.online


@pytest.mark.parametrize("content", [b"machine", b"\xff\xfe\x00", b"machine api.wandb.ai login user password"])
def test_a_damaged_netrc_file_is_no_key(bare_machine, content):
    (bare_machine / ".netrc").write_bytes(content)
    assert settle() is Mode.offline


def test_online_without_a_key_is_refused_in_one_line_with_the_way_out():
    with pytest.raises(
        ValueError, match=r"tracking\.mode=online needs a W&B key.*`wandb login`.*tracking\.mode=offline"
    ):
        settle("online")


@pytest.mark.parametrize("mode", ["auto", "online", "offline"])
def test_disabling_wandb_on_the_machine_wins_over_everything(monkeypatch, mode):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert settle(mode) is Mode.disabled


@pytest.mark.parametrize(("switch", "expected"), [("offline", Mode.offline), ("dryrun", Mode.offline)])
def test_the_switch_of_wandb_stands_in_for_auto_only(monkeypatch, switch, expected):
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_MODE", switch)
    assert settle() is expected
    assert settle("online") is Mode.online
    assert settle("disabled") is Mode.disabled


def test_the_settings_that_wandb_keeps_in_the_working_folder_count():
    Path("wandb").mkdir()
    Path("wandb/settings").write_text("[default]\nmode = disabled\n")
    assert settle() is Mode.disabled
    Path("wandb/settings").write_text("[default]\nmode = offline\napi_key = 1%23\n")
    assert settle() is Mode.offline
    Path("wandb/settings").write_text("not an ini file")
    assert settle() is Mode.offline


def test_files_of_a_local_study_lie_in_its_folder(tmp_path):
    study = tmp_path / "studies" / "mine"
    study.mkdir(parents=True)
    assert choose_folder(TrackingConfig(), Folder(str(study))) == study
    assert (study / "wandb").is_dir()


def test_a_folder_of_its_own_can_be_given(tmp_path):
    assert choose_folder(TrackingConfig(folder="elsewhere"), Folder("mine")) == tmp_path / "elsewhere"
    assert choose_folder(TrackingConfig(folder="~/elsewhere"), Folder("mine")) == tmp_path / "home" / "elsewhere"


def test_files_of_a_remote_study_lie_in_the_home_under_a_name_without_secrets(bare_machine):
    study = Folder("s3://KEY:SECRET@bucket/studies/mine?region=us-east-1")
    chosen = choose_folder(TrackingConfig(), study)
    assert chosen.parent == bare_machine / ".local" / "state" / "paretoseg"
    assert chosen.name.startswith("mine-")
    assert "SECRET" not in str(chosen)
    other = choose_folder(TrackingConfig(), Folder("s3://bucket/others/mine?region=us-east-1"))
    assert other != chosen


def test_a_home_that_cannot_be_written_is_left_for_the_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    chosen = choose_folder(TrackingConfig(), Folder("s3://bucket/studies/mine?region=us-east-1"))
    assert chosen.is_relative_to(tmp_path / "temporary")
    assert (chosen / "wandb").is_dir()


def test_run_ids_are_the_same_in_every_session_and_fit_wandb():
    first = TrackingPlan(Mode.online, Path("/a"), "p", None, dataclasses.replace(created(), study="x" * 100))
    second = dataclasses.replace(first, mode=Mode.offline, folder=Path("/b"))
    assert first.trial_run_id(7) == second.trial_run_id(7) != first.trial_run_id(8)
    assert first.search_id == second.search_id
    assert len(first.trial_run_id(99999)) <= 128


def test_a_study_started_again_under_its_old_name_has_other_run_ids():
    first = TrackingPlan(Mode.online, Path("/a"), "p", None, created())
    second = dataclasses.replace(first, created=dataclasses.replace(created(), time=created().time + 1))
    assert first.trial_run_id(0) != second.trial_run_id(0)


@pytest.mark.parametrize("project", ["", "a/b", "a#b", "a\nb", "x" * 129])
def test_a_project_that_wandb_would_refuse_is_refused_at_once(project):
    with pytest.raises(ValueError, match=r"tracking\.project must be"):
        TrackingConfig(project=project)


def test_a_negative_wait_is_refused():
    with pytest.raises(ValueError, match=r"tracking\.wait_seconds must be finite and not negative, got -1"):
        TrackingConfig(wait_seconds=-1)
