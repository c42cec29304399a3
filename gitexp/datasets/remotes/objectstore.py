"""s3://, gs://, az:// and https:// as remotes, through obstore, whose calls let other threads run.

An object is created on the condition that it is not there. Above SINGLE bytes it goes in parts, for which obstore has
no condition: it is looked for once more before the last part, and what could be overwritten then are the same bytes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.datasets.objects.copies import write_all
from gitexp.datasets.objects.objectname import digest_at
from gitexp.datasets.remotes.answers import is_about_the_range, trouble_of
from gitexp.datasets.remotes.buckets import open_any
from gitexp.datasets.remotes.protocol import (
    WHOLE,
    Failed,
    Listed,
    Parcel,
    Patience,
    Present,
    Sent,
    Told,
    Trouble,
    Wanted,
    local_trouble,
    shown_url,
)
from gitexp.datasets.remotes.threads import Work
from gitexp.record.manifest import ALGORITHM
from gitexp.spec.config import RemoteSettings

SINGLE = 8 << 20  # bytes: up to here an object is sent at once, from memory
MOST_PARTS = 9000  # S3 takes 10,000
LARGE_AT_ONCE = 4
PIECE = 1 << 16
TRIES = 4
PAGE = 1000
_NAMELESS = Trouble("bucket", "there is no such bucket: create it, or correct url in [remotes.NAME]")
KEYS_FOR_A_PAGE = 20  # a page of a listing costs less than so many questions


class _AlreadyThere(Exception):
    """Somebody else was first."""


class _WrongSource(Exception):
    """The file that was to be sent cannot be read, or has other bytes."""


class _Known(NamedTuple):
    there: Mapping[str, int]  # to their sizes
    absent: frozenset[str]


class ObjectStoreRemote:
    """See protocol.py."""

    at_once = 32
    together = 1

    def __init__(self, settings: RemoteSettings, patience: Patience) -> None:
        self.name = settings.name
        self.shown = shown_url(settings.url)
        self.writable = settings.scheme not in ("http", "https")
        self._settings = settings
        self._bucket = open_any(settings, patience)
        self._sending = open_any(settings, patience._replace(silence_s=patience.sent_silence_s))
        self._large = threading.Semaphore(LARGE_AT_ONCE)

    def present(self, keys: Sequence[str]) -> Present:
        unsure: dict[str, Trouble] = {}
        listed = self._listed(keys)
        if isinstance(listed, Trouble):
            return Present(frozenset(), dict.fromkeys(keys, listed))
        there = dict(listed.there)
        unknown = [key for key in keys if key not in there and key not in listed.absent]
        for key, answer in Work().each(self._head, unknown, threads=self.at_once):
            if isinstance(answer, Trouble):
                unsure[key] = answer
            elif answer is not None:
                there[key] = answer
        return Present(frozenset(there), unsure, there)

    def _head(self, key: str) -> tuple[str, int | Trouble | None]:
        """The object's size; None: it is not there."""
        try:
            return key, self._bucket.head(key)["size"]
        except _errors() as error:
            trouble = trouble_of(error)
            return key, None if trouble.kind == "missing" else trouble

    def fetch(self, wanted: Sequence[Wanted], told: Told) -> list[Trouble | None]:
        return [self._fetch(one, told) for one in wanted]

    def _fetch(self, one: Wanted, told: Told) -> Trouble | None:
        trouble: Trouble | None = None
        for _ in range(TRIES):
            before = one.path.stat().st_size
            try:
                self._append(one, before, told)
                return None
            except _errors() as error:
                if before and is_about_the_range(error):
                    os.truncate(one.path, 0)
                    continue
                trouble = trouble_of(error)
                if one.path.stat().st_size == before:  # nothing came: obstore has had its retries
                    return trouble
        return trouble

    def _append(self, one: Wanted, offset: int, told: Told) -> None:
        result = self._bucket.get(one.key, options={"range": {"offset": offset}} if offset else {})
        pieces = iter([result.bytes()]) if result.meta["size"] <= PIECE else result.stream(min_chunk_size=PIECE)
        with one.path.open("ab", buffering=0) as file:
            for piece in pieces:
                write_all(file.fileno(), memoryview(piece))
                told(len(piece))

    def send(self, parcels: Sequence[Parcel], told: Told) -> list[Trouble | Sent]:
        return [self._send(parcel, told) for parcel in parcels]

    def _send(self, parcel: Parcel, told: Told) -> Trouble | Sent:
        from obstore.exceptions import AlreadyExistsError

        try:
            size_bytes = parcel.path.stat().st_size
        except OSError as error:
            return local_trouble(error)
        try:
            if size_bytes <= SINGLE:
                self._send_small(parcel, told)
            else:
                with self._large:
                    self._send_large(parcel, size_bytes, told)
        except (AlreadyExistsError, _AlreadyThere):
            return "there"
        except _WrongSource as error:
            return Trouble("local", str(error))
        except _errors() as error:
            trouble = trouble_of(error)
            # Of a key that does not exist only reading can say that it is missing.
            return _NAMELESS if trouble.kind == "missing" else trouble
        return "sent"

    def _send_small(self, parcel: Parcel, told: Told) -> None:
        from xxhash import xxh3_128_hexdigest

        content = b"".join(_blocks(parcel.path))
        if not parcel.name.fits(xxh3_128_hexdigest(content)):
            raise _other_bytes(parcel)
        self._sending.put(parcel.name.key, content, mode="create", use_multipart=False)
        told(len(content))

    def _send_large(self, parcel: Parcel, size_bytes: int, told: Told) -> None:
        part = max(SINGLE, -(-size_bytes // MOST_PARTS))
        self._sending.put(
            parcel.name.key,
            self._verified(parcel, told),
            use_multipart=True,
            chunk_size=part,
            max_concurrency=4,
        )

    def _verified(self, parcel: Parcel, told: Told) -> Iterator[bytes]:
        """The file's bytes; what is raised at the end makes obstore withdraw all parts."""
        from xxhash import xxh3_128

        state = xxh3_128()
        for block in _blocks(parcel.path):
            state.update(block)
            yield block
            told(len(block))
        if not parcel.name.fits(state.hexdigest()):
            raise _other_bytes(parcel)
        if self._is_there(parcel.name.key):
            raise _AlreadyThere

    def _is_there(self, key: str) -> bool:
        """Asked from a thread of its own: one that obstore is using already may not call it."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            return isinstance(pool.submit(self._head, key).result()[1], int)

    def _listed(self, keys: Sequence[str]) -> _Known | Trouble:
        """What a listing that costs less than asking for each key tells: all, where it comes to its end."""
        pages = len(keys) // KEYS_FOR_A_PAGE if self.writable else 0
        asked, there = set(keys), dict[str, int]()
        if not pages:
            return _Known({}, frozenset())
        try:
            for number, page in enumerate(self._bucket.list(f"{ALGORITHM}/", chunk_size=PAGE), 1):
                there |= {meta["path"]: meta["size"] for meta in page if meta["path"] in asked}
                if number == pages and len(page) == PAGE:
                    return _Known(there, frozenset())
        except _errors() as error:
            trouble = trouble_of(error)
            # Who may read objects may not always list them.
            return trouble if trouble.kind in WHOLE else _Known(there, frozenset())
        return _Known(there, frozenset(key for key in asked - there.keys() if key.startswith(f"{ALGORITHM}/")))

    def listing(self) -> Iterator[Listed]:
        try:
            for page in self._bucket.list(chunk_size=PAGE):
                yield from (Listed(meta["path"], meta["size"]) for meta in page if digest_at(meta["path"]))
        except _errors() as error:
            raise Failed(trouble_of(error)) from error

    def close(self) -> None:
        pass


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(SINGLE // 2):
                yield block
    except OSError as error:
        raise _WrongSource(local_trouble(error).words) from error


def _other_bytes(parcel: Parcel) -> _WrongSource:
    return _WrongSource(f"{parcel.path} has other bytes by now")


def _errors() -> tuple[type[Exception], ...]:
    from obstore.exceptions import BaseError

    return (BaseError, FileNotFoundError, ValueError, NotImplementedError)
