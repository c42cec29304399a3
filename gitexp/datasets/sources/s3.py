"""`s3://bucket/key` (one object) and `s3://bucket/prefix/` (all objects below it), of one version.

One object in a versioned bucket is named by its version id, `s3://bucket/key?versionId=ID`, and read by it. A prefix
has no version of its own: what stands for it is a digest of its listing, and each object is read only while its ETag
is the listed one.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from gitexp.datasets.remotes.answers import trouble_of
from gitexp.datasets.remotes.buckets import open_bucket, require_obstore
from gitexp.datasets.remotes.protocol import Patience
from gitexp.datasets.sources.https import Reading
from gitexp.datasets.sources.refusals import changed, missing, no_access, unreachable, unusable
from gitexp.datasets.sources.resolution import Resolution, SourceFile, SourceSettings
from gitexp.datasets.sources.web import ask
from gitexp.errors import GitexpError, Refused
from gitexp.spec.config import RemoteSettings
from gitexp.spec.trust import credential_entry, require_trusted

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import S3Store as Bucket

BLOCK = 1 << 20
_MD5_DIGITS = 32
_VERSION = "?versionId="
# One that a listing makes, so that nobody takes it for a version id.
_LISTING = "listing-sha256:"


class _Address(NamedTuple):
    bucket: str
    key: str  # ends with "/", or is empty, where all below it is meant
    version: str | None


class S3:
    """The source. A bucket is opened once, for all threads."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def _bucket(self, address: _Address, settings: SourceSettings) -> Bucket:
        with self._lock:
            if address.bucket not in self._buckets:
                self._buckets[address.bucket] = _open(address, settings)
            return self._buckets[address.bucket]

    def resolve(self, url: str, settings: SourceSettings) -> Resolution:
        """Ask for the object's version, or list what is below."""
        address = _parse(url, settings)
        bucket = self._bucket(address, settings)
        if address.key.endswith("/") or not address.key:
            return self._prefix(url, address, bucket, settings)
        try:
            # Only a GET takes a version; with head no bytes come.
            meta = bucket.get(address.key, options=_options(address.version, head=True)).meta
        except _errors() as error:
            raise _refusal(error, url, settings) from error
        version, etag = meta["version"] if meta["version"] != "null" else None, meta["e_tag"]
        resolved = f"s3://{address.bucket}/{address.key}{_VERSION}{version}" if version else url
        name = os.fsencode(address.key.rpartition("/")[2])
        file = SourceFile(name, resolved, meta["size"], etag, md5=_md5(etag, address.bucket))
        return Resolution(url, resolved, version or (etag or "").strip('"') or None, (file,))

    def _prefix(self, url: str, address: _Address, bucket: Bucket, settings: SourceSettings) -> Resolution:
        prefix = address.key
        try:
            metas = [meta for chunk in bucket.list(prefix or None) for meta in chunk]
        except _errors() as error:
            raise _refusal(error, url, settings) from error
        metas = _without_folders(metas, bucket)
        if not metas:
            raise missing(settings, url, "no object is below it")
        listing = hashlib.sha256()
        files = []
        for meta in sorted(metas, key=lambda meta: meta["path"]):
            key, etag = meta["path"], meta["e_tag"]
            listing.update(f"{key}\0{etag}\0{meta['size']}\n".encode("utf-8", "surrogateescape"))
            path = os.fsencode(key.removeprefix(prefix))
            files.append(
                SourceFile(path, f"s3://{address.bucket}/{key}", meta["size"], etag, md5=_md5(etag, address.bucket))
            )
        return Resolution(url, url, f"{_LISTING}{listing.hexdigest()}", tuple(files))

    def read(self, file: SourceFile, offset: int, settings: SourceSettings) -> Reading:
        """The object's bytes from `offset`, of exactly the version that was resolved."""
        address = _parse(file.url, settings)
        options = _options(address.version, if_match=None if address.version else file.etag, offset=offset)
        try:
            result = self._bucket(address, settings).get(address.key, options=options)
            return Reading(result.range[0], _blocks(result, file, settings))
        except _errors() as error:
            raise _refusal(error, file.url, settings) from error

    def is_no_md5(self, file: SourceFile, settings: SourceSettings) -> bool:
        """Whether the object is encrypted with a key of its own: then its ETag looks like an md5 and is none.

        obstore does not show that header; a signed address and a plain request do.
        """
        from datetime import timedelta

        import obstore

        address = _parse(file.url, settings)
        bucket = self._bucket(address, settings)
        try:
            signed = obstore.sign(bucket, "HEAD", address.key, timedelta(minutes=1))
            answer = ask(signed, settings._replace(auth=None, plain_http=True), method="HEAD")
        except _errors():
            return False
        except Refused:
            return False
        answer.body.close()
        encryption = answer.headers.get("x-amz-server-side-encryption", "")
        return encryption.startswith("aws:kms") or "x-amz-server-side-encryption-customer-algorithm" in answer.headers


def _without_folders(metas: Iterable[Any], bucket: Bucket) -> list[Any]:
    """Without the empty objects `folder/` that consoles make: obstore lists them as `folder`."""
    from concurrent.futures import ThreadPoolExecutor

    every = list(metas)
    empty = [meta for meta in every if meta["size"] == 0]
    if not empty:
        return every
    with ThreadPoolExecutor(16) as pool:
        there = list(pool.map(lambda meta: _is_there(meta["path"], bucket), empty))
    folders = {meta["path"] for meta, is_there in zip(empty, there, strict=True) if not is_there}
    return [meta for meta in every if meta["size"] or meta["path"] not in folders]


def _is_there(key: str, bucket: Bucket) -> bool:
    try:
        bucket.head(key)
    except FileNotFoundError:
        return False
    return True


def _blocks(result: Any, file: SourceFile, settings: SourceSettings) -> Generator[bytes]:
    stream = result.stream(min_chunk_size=BLOCK)
    while True:
        try:
            block = next(stream, None)
        except _errors() as error:
            raise _refusal(error, file.url, settings) from error
        if block is None:
            return
        yield bytes(block)


def _options(version: str | None, *, if_match: str | None = None, offset: int = 0, head: bool = False) -> GetOptions:
    options: GetOptions = {}
    if version:
        options["version"] = version
    if if_match:
        options["if_match"] = if_match
    if offset:
        options["range"] = {"offset": offset}
    if head:
        options["head"] = True
    return options


def _md5(etag: str | None, bucket: str) -> str | None:
    """The md5 that an ETag is: not that of an object in parts, nor in a directory bucket."""
    digits = (etag or "").strip('"')
    right = len(digits) == _MD5_DIGITS and not digits.strip("0123456789abcdef") and not bucket.endswith("--x-s3")
    return digits if right else None


def _parse(url: str, settings: SourceSettings) -> _Address:
    bucket, _, rest = url.removeprefix("s3://").partition("/")
    key, versioned, version = rest.rpartition(_VERSION)
    address = _Address(bucket, key, version) if versioned else _Address(bucket, rest, None)
    if not bucket or (address.version is not None and (not address.version or address.key.endswith("/"))):
        raise unusable(settings, f"{url} is no address in S3", fix='url = "s3://bucket/key" or "s3://bucket/folder/"')
    return address


def _open(address: _Address, settings: SourceSettings) -> Bucket:
    require_obstore()
    auth = settings.auth if (settings.auth or "").startswith("aws-profile ") else None  # other words are for people
    bucket = f"s3://{address.bucket}"
    if settings.endpoint and not settings.anonymous:  # a session's token is sent along with each signature
        require_trusted([credential_entry(auth or "aws", settings.endpoint)], settings.trusted)
    remote = RemoteSettings(settings.name, bucket, settings.endpoint, settings.region, settings.anonymous, auth)
    try:
        return open_bucket(remote, Patience(silence_s=settings.timeout_s, retries=1))
    except GitexpError as error:
        raise no_access(
            settings, bucket, "nothing, for want of credentials", hint=f"{error.what}. {error.why}"
        ) from error


def _errors() -> tuple[type[Exception], ...]:
    from obstore.exceptions import BaseError

    return (BaseError, OSError, ValueError)  # some of obstore's errors are Python's own


def _refusal(error: Exception, url: str, settings: SourceSettings) -> Refused:
    from obstore.exceptions import PreconditionError

    if isinstance(error, PreconditionError):
        return changed(settings, url, "its ETag is another by now")
    said = str(error).partition("\n")[0]
    if "invalid path" in said or isinstance(error, ValueError):
        return unusable(settings, f"a key that cannot be a path: {said.rpartition(': ')[2]}")
    trouble = trouble_of(error)
    if trouble.kind in ("credentials", "forbidden"):
        return no_access(settings, url, f"that {trouble.words}")
    if trouble.kind in ("missing", "bucket"):
        return missing(settings, url, trouble.words)
    if trouble.kind == "other":
        return unusable(settings, f"{url}: {trouble.words}")
    return unreachable(settings, url, f"{settings.endpoint or 'S3'}: {trouble.words}")
