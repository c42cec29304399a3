"""Versions that were fetched before: address and version to the dataset's digest. Only a cache; it may be deleted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gitexp.datasets.sources.resolution import Resolution
from gitexp.record.manifest import ALGORITHM, HEX_DIGITS
from gitexp.wholefile import write_note

FORGET_FROM = 8  # times as many files as the last fetch had
_LARGEST = 1 << 16


def known_digest(workspace: Path, *key: str) -> str | None:
    """The digest that was noted under these words; None where none was, or the note is damaged."""
    try:
        with _note(workspace, key).open("rb") as file:
            table = json.loads(file.read(_LARGEST))
        digest = table["digest"] if table["key"] == list(key) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return digest if isinstance(digest, str) else None


def note_known(workspace: Path, digest: str, *key: str) -> None:
    """Note what these words stood for. A note that cannot be written is no error."""
    write_note(_note(workspace, key), json.dumps({"key": list(key), "digest": digest}).encode())


def known_origin(workspace: Path, url: str, digest: str) -> Resolution | None:
    """The version that `url` stood for when these bytes came from there; None where they did not, as far as we know."""
    try:
        with _note(workspace, ("origin", url, digest)).open("rb") as file:
            table = json.loads(file.read(_LARGEST))
        words = [table[name] for name in ("url", "resolved", "version", "mirror")]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if words[0] != url or not isinstance(words[1], str) or not all(isinstance(word, str | None) for word in words[2:]):
        return None
    return Resolution(url, words[1], words[2], mirror=words[3])


def note_origin(workspace: Path, digest: str, origin: Resolution) -> None:
    """Note where bytes came from."""
    table = {name: getattr(origin, name) for name in ("url", "resolved", "version", "mirror")}
    write_note(_note(workspace, ("origin", origin.url, digest)), json.dumps(table).encode())


class Noted:
    """What each file of a family of addresses turned out to be: lines of a digest and the sha256 of the file's key.

    Appended to as files are stored, from any thread, and cut down once most of it is of other versions.
    """

    def __init__(self, workspace: Path, address: str) -> None:
        self._path = workspace / "files" / _hash(address)
        self._known: dict[str, str] = {}
        self._fd: int | None = None
        with suppress(OSError):  # only a cache
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lines = self._path.read_bytes().split(b"\n")[:-1] if self._path.exists() else []
            # A kill may have left half a line; what is not of the form is skipped.
            self._known = {key: digest for digest, key in filter(None, map(_parsed, lines))}
            self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def digest(self, key: str) -> str | None:
        return self._known.get(_hash(key))

    def note(self, key: str, digest: str) -> None:
        digits = digest.removeprefix(f"{ALGORITHM}:")
        self._known[_hash(key)] = digits
        if self._fd is not None:
            with suppress(OSError):
                # The line feed before it ends what a kill may have torn.
                os.write(self._fd, f"\n{digits} {_hash(key)}\n".encode())

    def keep_only(self, keys: Iterable[str]) -> None:
        """Forget other files, once there are many of them."""
        kept = {name: self._known[name] for name in map(_hash, keys) if name in self._known}
        if len(self._known) <= FORGET_FROM * len(kept) + FORGET_FROM * 1000:
            return
        text = "".join(f"{digest} {name}\n" for name, digest in kept.items())
        write_note(self._path, text.encode())

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _parsed(line: bytes) -> tuple[str, str] | None:
    digest, _, key = line.decode("ascii", "replace").partition(" ")
    return (digest, key) if len(digest) == HEX_DIGITS and len(key) == 64 else None


def _hash(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _note(workspace: Path, key: tuple[str, ...]) -> Path:
    name = _hash(json.dumps(key))
    return workspace / "known" / name[:2] / f"{name[2:]}.json"
