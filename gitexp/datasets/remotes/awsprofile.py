"""The name of an AWS profile to its credentials and region, from the files that the AWS command line writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gitexp.errors import GitexpError


class Profile(NamedTuple):
    """Never printed, never recorded."""

    access_key_id: str
    secret_access_key: str
    token: str | None = None
    region: str | None = None


def read_profile(name: str) -> Profile:
    """The profile. Raises GitexpError, naming the file, where it is not there or is of a kind that needs a program."""
    found = find_profile(name)
    if found is None:
        raise GitexpError(
            f"The AWS profile {name} has no access key",
            why=f"Looked for [{name}] with aws_access_key_id and aws_secret_access_key in {_credentials()}",
            fix=f"aws configure --profile {name}    (of single sign-on or a role: "
            f'eval "$(aws configure export-credentials --profile {name} --format env)")',
        )
    return found


def find_profile(name: str) -> Profile | None:
    """The profile; None where no file has its keys. Raises GitexpError for a file that cannot be parsed."""
    credentials = _section(_credentials(), name)
    config = _section(_config(), name if name == "default" else f"profile {name}")
    both = {**config, **credentials}
    access, secret = both.get("aws_access_key_id"), both.get("aws_secret_access_key")
    if not access or not secret:
        return None
    return Profile(access, secret, both.get("aws_session_token"), both.get("region"))


def _credentials() -> Path:
    return Path(os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()


def _config() -> Path:
    return Path(os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()


def _section(path: Path, name: str) -> Mapping[str, str]:
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise GitexpError(f"{path} cannot be read") from error
    except configparser.Error as error:  # its words may hold a line of the file, and so a secret
        raise GitexpError(f"{path} is not what the AWS command line writes") from error.with_traceback(None)
    return dict(parser[name]) if parser.has_section(name) else {}
