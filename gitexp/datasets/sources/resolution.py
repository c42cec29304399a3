"""What was asked for, what it stood for at that moment, and what was brought here. Nothing in it is a secret."""

from __future__ import annotations

from typing import NamedTuple


class SourceSettings(NamedTuple):
    """What the catalogue says of a dataset's source. The words are for people, except `auth`:

    "env:NAME" is a bearer token in that environment variable, "netrc" is ~/.netrc, "aws-profile NAME" a profile of
    ~/.aws; anything else only tells whom to ask for what.
    """

    name: str  # the dataset's
    source: str | None = None  # the system it comes from
    auth: str | None = None
    access: str = "open"  # or "restricted"
    owner: str | None = None
    endpoint: str | None = None  # of an S3 API elsewhere than at Amazon, or of another hub
    region: str | None = None
    anonymous: bool = False
    plain_http: bool = False  # http:// to other machines is allowed
    trusted: frozenset[str] = frozenset()  # which credentials may go where (spec/trust.py)
    public_only: bool = False  # the address is a stranger's: nothing on this machine's own network is asked
    timeout_s: float = 20.0  # for a connection, and for each silence on it


class SourceFile(NamedTuple):
    """A file of a resolved source. What the source does not state is None."""

    path: bytes  # in the manifest
    url: str  # where its bytes are: the address of this file, at this version
    size: int | None = None
    etag: str | None = None
    sha256: str | None = None
    md5: str | None = None
    blob: str | None = None  # its id as a git blob (SHA-1)
    modified: str | None = None  # as HTTP states it


class Resolution(NamedTuple):
    """An address, and the exact version that it stood for."""

    url: str
    resolved: str  # the address of that version, where it has one of its own
    version: str | None  # an S3 version id, an ETag, a commit, a date; None: the source names no versions
    files: tuple[SourceFile, ...] | None = None  # None: not listed yet
    mirror: str | None = None  # who really answered, after redirects, without its query


class Fetched(NamedTuple):
    """A dataset whose manifest and files are in the store."""

    manifest: bytes
    digest: str  # "xxh128:…" of the manifest
    files: int
    size_bytes: int
    bytes_fetched: int  # over the network, this time
    cached: bool  # nothing had to be fetched
    resolution: Resolution | None = None  # None: it came from a pointer, not from an address
