"""A remote's settings to a bucket opened by obstore. Nothing is sent; credentials are looked up, and never shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gitexp.datasets.remotes.awsprofile import Profile, find_profile, read_profile
from gitexp.datasets.remotes.protocol import Patience, shown_url
from gitexp.errors import GitexpError
from gitexp.spec.config import RemoteSettings

if TYPE_CHECKING:
    from obstore.store import AzureStore, ClientConfig, GCSStore, HTTPStore, RetryConfig, S3Credential, S3Store

    Bucket = S3Store | GCSStore | AzureStore | HTTPStore

_PROFILE = "aws-profile "
# Any of these lets obstore find credentials that are neither in AWS_ACCESS_KEY_ID nor in a file.
_ELSEWHERE = (
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)


def require_obstore() -> None:
    """Raises GitexpError where it is not installed."""
    try:
        import obstore  # noqa: F401
    except ImportError as error:
        what = "s3://, gs://, az:// and remotes on https:// need obstore, which is not installed"
        raise GitexpError(what, fix="pip install obstore") from error


def open_bucket(settings: RemoteSettings, patience: Patience | None = None) -> S3Store:
    """The S3 bucket `s3://bucket[/prefix]`. Raises GitexpError: no obstore, no profile, no such method."""
    require_obstore()
    from obstore.store import S3Store

    patience = patience or Patience()
    bucket, prefix = bucket_and_prefix(settings)
    profile = _profile(settings)
    options: dict[str, Any] = {"region": _region(settings, profile)}
    if settings.endpoint:
        options["endpoint"] = settings.endpoint
    if settings.anonymous:
        options["skip_signature"] = True
    if profile is not None:
        options["credential_provider"] = _provider(profile)
    endpoint = settings.endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    return S3Store(
        bucket,
        prefix=prefix or None,
        client_options=client_options(patience, plain=endpoint.startswith("http://")),
        retry_config=retry_config(patience),
        **options,
    )


def open_any(settings: RemoteSettings, patience: Patience) -> Bucket:
    """The bucket of any scheme that obstore knows. Raises GitexpError as open_bucket does, or in obstore's words."""
    require_obstore()
    from obstore.exceptions import BaseError

    try:
        return _open_any(settings, patience)
    except (BaseError, ValueError, OSError) as error:
        said = str(error).partition("\n")[0]
        raise GitexpError(f"Remote {settings.name}: {shown_url(settings.url)} cannot be opened: {said}") from error


def _open_any(settings: RemoteSettings, patience: Patience) -> Bucket:
    from obstore import store as stores

    scheme = settings.scheme
    if scheme == "s3":
        return open_bucket(settings, patience)
    if settings.auth is not None:
        raise _unknown_method(settings)
    retry = retry_config(patience)
    if scheme in ("https", "http"):
        client = client_options(patience, plain=scheme == "http")
        return stores.HTTPStore(settings.url.rstrip("/"), client_options=client, retry_config=retry)
    bucket, prefix = bucket_and_prefix(settings)
    client = client_options(patience, plain=(settings.endpoint or "").startswith("http://"))
    options: dict[str, Any] = {"prefix": prefix or None, "client_options": client, "retry_config": retry}
    if settings.anonymous:
        options["skip_signature"] = True
    if scheme == "az":
        if settings.endpoint:
            options["endpoint"] = settings.endpoint
        return stores.AzureStore(bucket, **options)
    return stores.GCSStore(bucket, **options)


def bucket_and_prefix(settings: RemoteSettings) -> tuple[str, str]:
    """Of `s3://bucket/a/b/`: `bucket` and `a/b`. Raises GitexpError where there is no bucket."""
    parts = urlsplit(settings.url)
    if not parts.netloc:
        raise GitexpError(f"Remote {settings.name}: {shown_url(settings.url)!r} names no bucket")
    return parts.netloc, parts.path.strip("/")


def client_options(patience: Patience, *, plain: bool) -> ClientConfig:
    """The limits of a request; `plain`: http:// was asked for. A transfer may take long: only silence ends it."""
    return {
        "allow_http": plain,
        "connect_timeout": _span(patience.connect_s),
        "read_timeout": _span(patience.silence_s),
        "timeout": "7 days",
    }


def retry_config(patience: Patience) -> RetryConfig:
    from datetime import timedelta

    return {
        "max_retries": patience.retries,
        "retry_timeout": timedelta(seconds=patience.retry_s),
        "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=3), "base": 2},
    }


def _span(seconds: float) -> str:
    return f"{int(seconds * 1000)}ms"


def _profile(settings: RemoteSettings) -> Profile | None:
    """None: obstore finds credentials itself, in the environment or in the machine's own, or needs none."""
    if settings.anonymous:
        return None
    if settings.auth is not None:
        if not settings.auth.startswith(_PROFILE):
            raise _unknown_method(settings)
        return read_profile(settings.auth.removeprefix(_PROFILE).strip())
    if os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY"):
        return None
    if os.environ.get("AWS_PROFILE"):
        return read_profile(os.environ["AWS_PROFILE"])
    found = find_profile("default")
    halves = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if os.environ.get(name)]
    if found is None and halves:  # obstore would not look further
        raise no_credentials(settings)
    if found is None and not any(map(os.environ.get, _ELSEWHERE)) and not _is_on_a_cloud_machine():
        raise no_credentials(settings)
    return found


def no_credentials(settings: RemoteSettings) -> GitexpError:
    return GitexpError(
        f"No credentials for {shown_url(settings.url)}",
        why="Looked for AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, [default] in ~/.aws/credentials.",
        fix="export AWS_PROFILE=NAME    (a public bucket: anonymous = true in "
        f"[remotes.{settings.name}] of gitexp.toml)",
    )


def _is_on_a_cloud_machine() -> bool:
    """Whether there may be a service that hands out this machine's own credentials: elsewhere its address is silent."""
    import socket

    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return False
    parts = urlsplit(os.environ.get("AWS_METADATA_ENDPOINT") or "http://169.254.169.254")
    try:
        socket.create_connection((parts.hostname, parts.port or 80), timeout=1).close()
    except OSError:
        return False
    return True


def _provider(profile: Profile) -> Callable[[], S3Credential]:
    # Given as a provider, no AWS_SESSION_TOKEN of the environment gets mixed in.
    def provide() -> S3Credential:
        return {
            "access_key_id": profile.access_key_id,
            "secret_access_key": profile.secret_access_key,
            "token": profile.token,
            "expires_at": None,
        }

    return provide


def _region(settings: RemoteSettings, profile: Profile | None) -> str:
    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return settings.region or named or (profile.region if profile else None) or "us-east-1"


def _unknown_method(settings: RemoteSettings) -> GitexpError:
    return GitexpError(
        f"Remote {settings.name}: gitexp does not know the authentication method {settings.auth!r}",
        fix='auth = "aws-profile NAME"    (or leave it out, and use the environment)',
    )
