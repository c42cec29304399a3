"""Where tokens and bytes may go: what a person has approved in git config, whatever a tracked file says by now.

gitexp.toml comes with the code, so whoever may change that chooses a URL, and the variable whose token goes there. Each
such pair is therefore approved once, as git does it with safe.directory: `gitexp.trusted`, which may stand there often.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from gitexp.errors import Refused

if TYPE_CHECKING:
    from gitexp.spec.config import RemoteSettings

TRUSTED = "gitexp.trusted"


class Unapproved(Refused):
    """A tracked file would send a token, or bytes, to where nobody here has approved it. `entries` are what to add."""

    def __init__(self, entries: Sequence[str]) -> None:
        import shlex

        super().__init__(
            "This clone has not approved where a tracked file says that tokens or bytes go",
            details=[f"  {entry.replace(' ', '  →  ', 1)}" for entry in entries],
            why="Whoever may change that file would choose. Nothing was sent; approve what is right, once in a clone.",
            fix="\n".join(shlex.join(["git", "config", "--add", TRUSTED, entry]) for entry in entries),
        )
        self.entries = tuple(entries)


def trusted(settings: Mapping[str, str]) -> frozenset[str]:
    """What is approved. `settings` is git's configuration, in which this name holds a line for each of its values."""
    return frozenset(settings.get(TRUSTED, "").split("\n"))


def require_trusted(entries: Sequence[str], approved: Collection[str]) -> None:
    """Raises Unapproved for those that are not."""
    missing = [entry for entry in dict.fromkeys(entries) if entry not in approved]
    if missing:
        raise Unapproved(missing)


def credential_entry(method: str, url: str) -> str:
    """`env:TOKEN https://host`: a way to log in, and the server that is logged in to."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return f"{method} {parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


def remote_entry(remote: RemoteSettings) -> str:
    """`remotes.lab s3://bucket/lab`, with all that decides on where bytes go and as whom."""
    more = {"endpoint": remote.endpoint, "region": remote.region, "auth": remote.auth}
    words = [f"{name}={value}" for name, value in more.items() if value is not None]
    return " ".join([f"remotes.{remote.name}", remote.url, *words, *(["anonymous"] if remote.anonymous else [])])


def require_remotes(remotes: Sequence[RemoteSettings], *, sending: bool = False) -> None:
    """Raises Unapproved. A folder may be read without: what comes from there is verified, and nothing goes there."""
    asked = [one for one in remotes if not one.approved and (sending or not one.is_folder)]
    if asked:
        raise Unapproved([remote_entry(one) for one in asked])
