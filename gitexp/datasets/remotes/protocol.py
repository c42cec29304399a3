"""What a remote can do, in batches, and how it fails. A failure is a value: that of one object stops no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from gitexp.datasets.objects.objectname import Name

Kind = Literal[
    "missing",  # the object is not there
    "bucket",  # the bucket or folder is not there
    "credentials",  # we have none
    "forbidden",
    "unreachable",
    "timeout",
    "server",  # it answered that it is broken
    "cut",  # fewer bytes than it announced
    "wrong",  # other bytes than the digest's
    "local",  # our own side: nothing to send, no space, no key
    "other",
]
WHOLE: frozenset[Kind] = frozenset({"bucket", "credentials", "unreachable"})  # one object's trouble is that of all


class Trouble(NamedTuple):
    """Why something did not work; `words` are a clause that names no object."""

    kind: Kind
    words: str


class Failed(Exception):
    """A call that concerns the remote as a whole did not work."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.words)
        self.trouble = trouble


class Patience(NamedTuple):
    """How long to wait before a remote is given up, in seconds: somebody sits before the terminal."""

    connect_s: float = 5.0
    silence_s: float = 20.0  # between two signs of life while receiving
    sent_silence_s: float = 300.0  # while sending: the last answer before may be a slow uplink's megabytes ago
    retries: int = 3
    retry_s: float = 20.0  # no retry is begun after so long


class Wanted(NamedTuple):
    """An object to fetch. `path` exists, and may hold its beginning, which is continued."""

    key: str
    path: Path


class Parcel(NamedTuple):
    """An object to send, and a file that should hold it."""

    name: Name
    path: Path


class Present(NamedTuple):
    """Which objects are there. In neither: it is not. `unsure`: it could not be found out."""

    there: frozenset[str]
    unsure: Mapping[str, Trouble]
    size_bytes: Mapping[str, int] = {}  # of those that are there, where that is known


class Listed(NamedTuple):
    """An object of a remote. `size_bytes` is None where a listing does not tell."""

    key: str
    size_bytes: int | None


Told = Callable[[int], None]  # called with each piece's bytes; what it raises ends the transfer
Sent = Literal["sent", "there"]


class Remote(Protocol):
    """Keys are `xxh128/ab/cdef…`. All may be called from several threads."""

    @property
    def name(self) -> str: ...
    @property
    def shown(self) -> str:
        """Its URL without secrets, for people."""

    @property
    def writable(self) -> bool: ...
    @property
    def at_once(self) -> int:
        """How many calls of `fetch` or `send` are worth running beside each other."""

    @property
    def together(self) -> int:
        """How many objects to give to one call."""

    def present(self, keys: Sequence[str]) -> Present: ...
    def fetch(self, wanted: Sequence[Wanted], told: Told) -> list[Trouble | None]:
        """Complete each file; nothing is verified. An answer for each, in order."""

    def send(self, parcels: Sequence[Parcel], told: Told) -> list[Trouble | Sent]:
        """Verify and send each, never over what is there. An answer for each, in order."""

    def listing(self) -> Iterator[Listed]:
        """Every object. Raises Failed."""

    def close(self) -> None:
        """End connections; the next call opens them again."""


def shown_url(url: str) -> str:
    """A URL without its user's password, nor anything after a `?`."""
    scheme, there, rest = url.partition("://")
    if not there:
        return url
    host, slash, path = rest.partition("/")
    user, at, host = host.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{at}{host}{slash}{path.partition('?')[0]}"


def local_trouble(error: OSError) -> Trouble:
    """Our own disk's."""
    return Trouble("local", f"a file here could not be read or written: {error.strerror or error}")
