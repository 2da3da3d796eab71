"""Opens an obstore store for a storage URI that `pyarrow.fs` reads: the same bucket, with the same keys and options.

Options for how pyarrow creates and deletes buckets are ignored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from paretoseg.cluster.uri_keys import is_secret

if TYPE_CHECKING:
    from obstore.store import ClientConfig, GCSCredential, ObjectStore, S3Credential

OBJECT_SCHEMES = frozenset({"s3", "gs", "gcs", "abfs", "abfss"})

_AZURE_OPTIONS = frozenset(
    {"blob_storage_authority", "dfs_storage_authority", "enable_tls", "credential_kind", "tenant_id", "client_id"}
    | {"client_secret"}
)
"""Options of an Azure URI; all others are parts of its SAS token."""

_AZURE_HOSTS = (".blob.core.windows.net", ".dfs.core.windows.net")
_PROFILE_MINUTES = 5
"""After how many minutes keys in a profile are read again: another program may refresh short-lived ones."""


def spell_for_pyarrow(location: str) -> str:
    """The URI, with `az://container/path`, which pyarrow cannot read, as `abfs://account@container/path`.

    Raises:
        ValueError: if the account is not in the environment.
    """
    parts = urlsplit(location)
    if parts.scheme not in ("az", "azure"):
        return location
    account = os.environ.get("AZURE_STORAGE_ACCOUNT_NAME", "")
    if not account:
        raise ValueError(
            f"{parts.scheme}:// names a container without its account; set AZURE_STORAGE_ACCOUNT_NAME, or use "
            "abfs://<container>@<account>.dfs.core.windows.net/<path>"
        )
    return urlunsplit(parts._replace(scheme="abfs", netloc=f"{account}@{parts.netloc}"))


@lru_cache(maxsize=8)
def open_store(location: str, bucket: str, region: str) -> ObjectStore:
    """The bucket or container of a URI that `pyarrow.fs` has accepted.

    Args:
        location: The URI; its path does not matter.
        bucket: Name of the bucket or container.
        region: Of an S3 bucket.

    Raises:
        ValueError: if its keys cannot be found.
    """
    parts = urlsplit(location)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme == "s3":
        return _open_s3(parts, options, bucket, region)
    return _open_gcs(parts, options, bucket) if parts.scheme.startswith("g") else _open_azure(parts, options, bucket)


def _open_s3(parts: SplitResult, options: Mapping[str, str], bucket: str, region: str) -> ObjectStore:
    from obstore.store import S3Store

    client = _client_options()
    config: dict[str, Any] = {"region": region}
    host = options.get("endpoint_override", "")
    if host:
        scheme = options.get("scheme", "https")
        config["endpoint"] = host if "://" in host else f"{scheme}://{host}"
    endpoint = config.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")
    client["allow_http"] = endpoint.startswith("http:")
    if path := options.get("tls_ca_file_path"):
        client["root_certificate"] = Path(path).read_bytes()
    client["allow_invalid_certificates"] = options.get("tls_verify_certificates", "true").lower() in ("false", "0")
    provider: Callable[[], S3Credential] | None = _find_profile()
    if parts.username:
        keys = _named_keys(unquote(parts.username), unquote(parts.password or ""))
        provider = lambda: keys  # noqa: E731
    return S3Store(bucket, config=config, client_options=client, credential_provider=provider)  # type: ignore[arg-type]


def _named_keys(key: str, secret: str, token: str | None = None, expires_at: datetime | None = None) -> S3Credential:
    return {"access_key_id": key, "secret_access_key": secret, "token": token, "expires_at": expires_at}


def _find_profile() -> Callable[[], S3Credential] | None:
    """The keys of the AWS profile, which obstore does not read; None if there is none or the environment has keys.

    Raises:
        ValueError: if the profile gets its keys from elsewhere, such as a role, and boto3, which can do that, is
            missing.
    """
    profile = {} if os.environ.get("AWS_ACCESS_KEY_ID") else _read_profile()
    if "aws_access_key_id" in profile:
        return _keys_of_profile
    if not any(name in profile for name in ("role_arn", "credential_process", "sso_session", "sso_start_url")):
        return None
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        raise ValueError(
            "the AWS profile holds no keys of its own, and only boto3 can fetch them; `pip install boto3`, or set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from None
    return Boto3CredentialProvider()


def _keys_of_profile() -> S3Credential:
    profile = _read_profile()
    return _named_keys(
        profile["aws_access_key_id"],
        profile["aws_secret_access_key"],
        profile.get("aws_session_token"),
        datetime.now(UTC) + timedelta(minutes=_PROFILE_MINUTES),
    )


def _read_profile() -> Mapping[str, str]:
    """The settings of the AWS profile in use; empty if there are no AWS files."""
    files = ConfigParser(interpolation=None)
    home = Path("~/.aws").expanduser()
    config = os.environ.get("AWS_CONFIG_FILE", home / "config")
    files.read([config, os.environ.get("AWS_SHARED_CREDENTIALS_FILE", home / "credentials")])
    name = os.environ.get("AWS_PROFILE", "default")
    sections = [files[section] for section in (f"profile {name}", name) if files.has_section(section)]
    return {key: value for section in sections for key, value in section.items()}


def _open_gcs(parts: SplitResult, options: Mapping[str, str], bucket: str) -> ObjectStore:
    from obstore.store import GCSStore

    client, config = _client_options(), {}
    provider: Callable[[], GCSCredential] | None = None
    if parts.username == "anonymous":
        config["skip_signature"] = "true"
    if host := options.get("endpoint_override"):
        scheme = options.get("scheme", "https")
        client["allow_http"] = scheme == "http"
        config["base_url"] = f"{scheme}://{host}"
        if scheme == "http":  # as in pyarrow, no key is sent unencrypted; only emulators use http
            provider = lambda: {"token": "none", "expires_at": None}  # noqa: E731
    return GCSStore(bucket, config=config, client_options=client, credential_provider=provider)  # type: ignore[arg-type]


def _open_azure(parts: SplitResult, options: Mapping[str, str], container: str) -> ObjectStore:
    from obstore.store import AzureStore

    client = _client_options()
    host = parts.hostname or ""
    is_named_by_host = host.endswith(_AZURE_HOSTS)
    account = host.partition(".")[0] if is_named_by_host else unquote(parts.username or "")
    config: dict[str, str] = {"account_name": account}
    is_secure = options.get("enable_tls", "true").lower() not in ("false", "0")
    authority = options.get("blob_storage_authority", "")
    if not is_named_by_host and ("." in host or parts.port):
        authority = authority or parts.netloc.rpartition("@")[2]
    if authority.startswith("."):
        config["endpoint"] = f"https://{account}{authority}"
    elif authority:
        config["endpoint"] = f"{'https' if is_secure else 'http'}://{authority}/{account}"
    client["allow_http"] = not is_secure
    return AzureStore(container, config=config | _azure_keys(parts, options), client_options=client)  # type: ignore[arg-type]


def _azure_keys(parts: SplitResult, options: Mapping[str, str]) -> dict[str, str]:
    """The keys in the URI; if it has none, those of the environment, of `az login`, or of the machine's identity."""
    keys = {name: options[name] for name in ("tenant_id", "client_id", "client_secret") if name in options}
    if parts.password:
        keys["account_key"] = unquote(parts.password)
    if signature := {name: value for name, value in options.items() if name not in _AZURE_OPTIONS}:
        keys["sas_key"] = urlencode(signature)
    kind = options.get("credential_kind", "default")
    if kind == "anonymous":
        keys["skip_signature"] = "true"
    elif kind == "cli" or (kind == "default" and not keys and _has_azure_login()):
        keys["use_azure_cli"] = "true"
    return keys


def _has_azure_login() -> bool:
    """True if the user has logged in with Azure's command line, and the environment holds no keys."""
    is_in_environment = any(name.startswith("AZURE_") and is_secret(name) for name in os.environ)
    return not is_in_environment and Path("~/.azure/azureProfile.json").expanduser().exists()


def _client_options() -> ClientConfig:
    """Timeouts that allow for a large part on a slow connection, and still give up if no answer comes."""
    return {"connect_timeout": timedelta(seconds=10), "timeout": timedelta(minutes=5)}
