"""What a search sends to Weights & Biases, and where: the config, the account on this machine, the run ids.

Does not import wandb: the search settles everything here, in microseconds, before another process imports wandb.
"""

from __future__ import annotations

import configparser
import hashlib
import netrc
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from pathlib import Path
from urllib.parse import urlsplit

from paretoseg.search.store.folder import Folder
from paretoseg.search.trials.events import Created

_CLOUD = "https://api.wandb.ai"
_WITHOUT_KEY = "no W&B key is configured (`wandb login` adds one)"


class Mode(StrEnum):
    """Whether runs go to a W&B server."""

    auto = "auto"
    online = "online"
    offline = "offline"
    disabled = "disabled"


@dataclass(unsafe_hash=True)
class TrackingConfig:
    """How the search is tracked in Weights & Biases. Not frozen, as the config composes it."""

    mode: Mode = Mode.auto
    """Online, offline (files for `wandb sync`), disabled, or auto: online if a key is configured, else offline."""

    project: str = "paretoseg"
    """The W&B project of all runs."""

    entity: str | None = None
    """The W&B user or team; None for the key's own."""

    folder: str | None = None
    """Where W&B's files lie; None for the study's folder, or one in the home directory if the study is remote."""

    wait_seconds: float = 30.0
    """How long the end of a search waits for W&B at most, in seconds."""

    def __post_init__(self) -> None:
        if not self.project or len(self.project) > 128 or re.search(r"[/\\#?%:\x00-\x1f]", self.project):
            raise ValueError(
                f"tracking.project must be 1 to 128 characters, none of them / \\ # ? % :, got {self.project!r}"
            )
        if not 0 <= self.wait_seconds < inf:
            raise ValueError(f"tracking.wait_seconds must be finite and not negative, got {self.wait_seconds:g}")


@dataclass(frozen=True)
class TrackingPlan:
    """Everything that the tracking process needs at its start."""

    mode: Mode
    """Online or offline."""

    folder: Path
    """Where W&B's files lie, in a folder `wandb` of their own."""

    project: str
    entity: str | None
    created: Created
    """Name, objectives, costs and overrides of the study."""

    is_fallback: bool = False
    """True if it was meant to be online: then the files hold only what the server lacks."""

    @property
    def prefix(self) -> str:
        """What the ids of all runs of this study start with.

        It depends on the time of the study's creation: a study that was deleted and started again under its old name
        must not continue the old runs.
        """
        digest = hashlib.sha256(f"{self.created.study} {self.created.time!r}".encode()).hexdigest()[:8]
        return f"{self.created.study}-{digest}"

    @property
    def search_id(self) -> str:
        """Id of the run of the search itself."""
        return f"{self.prefix}-search"

    def trial_run_id(self, trial_id: int) -> str:
        """Id of a trial's run, the same in every session."""
        return f"{self.prefix}-{trial_id:05d}"


def settle_mode(config: TrackingConfig) -> tuple[Mode, str]:
    """The mode on this machine, never auto, and the reason in a few words.

    wandb's own switch counts: WANDB_MODE=disabled wins over everything, its other values stand in for auto.

    Raises:
        ValueError: if the mode is online but no key is configured.
    """
    settings = _read_settings()
    wanted = os.environ.get("WANDB_MODE") or settings.get("mode", "")
    if wanted == "disabled" or os.environ.get("WANDB_DISABLED", "").lower() in {"true", "1"}:
        return Mode.disabled, "W&B is disabled on this machine"
    by_switch = {"online": Mode.online, "offline": Mode.offline, "dryrun": Mode.offline}.get(wanted)
    has_key = _has_key(_find_server(settings), settings)
    mode, why = config.mode, f"tracking.mode={config.mode}"
    if mode is Mode.auto:
        mode = by_switch or (Mode.online if has_key else Mode.offline)
        why = f"WANDB_MODE is {wanted}" if by_switch else "a W&B key is configured" if has_key else _WITHOUT_KEY
    if mode is Mode.online and not has_key:
        raise ValueError(
            f"{why} needs a W&B key, and none is configured; run `wandb login`, set WANDB_API_KEY, or set "
            "tracking.mode=offline"
        )
    return mode, why


def find_account(entity: str | None) -> tuple[str, str]:
    """The server that wandb would use, and the user or team; '' for the key's own.

    Args:
        entity: The entity of the config.
    """
    settings = _read_settings()
    return _find_server(settings), entity or os.environ.get("WANDB_ENTITY") or settings.get("entity", "")


def _find_server(settings: Mapping[str, str]) -> str:
    return (os.environ.get("WANDB_BASE_URL") or settings.get("base_url") or _CLOUD).rstrip("/")


def choose_folder(config: TrackingConfig, study: Folder) -> Path:
    """Where W&B's files of a study lie; the folder is created if it is missing.

    Raises:
        OSError: if it cannot be created.
    """
    if config.folder:
        chosen = Path(config.folder).expanduser().absolute()
    elif study.local_path:
        chosen = study.local_path
    else:
        # The address may hold keys, so only its digest shows.
        name = f"{study.address.partition('?')[0].rpartition('/')[2]}-{_digest(study.address)}"
        chosen = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "paretoseg" / name
        if not _can_be_made(chosen):
            chosen = Path(tempfile.gettempdir()) / f"paretoseg-{os.getuid()}" / name
    (chosen / "wandb").mkdir(parents=True, exist_ok=True)
    return chosen


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _can_be_made(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _has_key(base_url: str, settings: Mapping[str, str]) -> bool:
    """True if wandb would find a key for this server: in the environment, its settings or the netrc file."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE") or settings.get("api_key"):
        return True
    candidates = [os.environ.get("NETRC") or "", "~/.netrc", "~/_netrc"]
    path = next((Path(name).expanduser() for name in candidates if name and Path(name).expanduser().exists()), None)
    if path is None:
        return False
    try:
        found = netrc.netrc(path).authenticators(urlsplit(base_url).netloc)
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
        return False
    return bool(found and found[2])


def _read_settings() -> dict[str, str]:
    """What `wandb login`, `wandb offline` and the like keep, in the home directory and in the working one."""
    settings: dict[str, str] = {}
    home = Path(os.environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb").expanduser()
    for path in (home / "settings", Path("wandb") / "settings"):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(path)
            settings |= dict(parser["default"]) if parser.has_section("default") else {}
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
    return settings
