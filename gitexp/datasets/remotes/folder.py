"""A folder as a remote, laid out like the object store: a disk that several mount, or another clone's store."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from gitexp.datasets.digest import BLOCK
from gitexp.datasets.objects.batch import Batch
from gitexp.datasets.objects.copies import clone, write_all
from gitexp.datasets.objects.objectname import name_of
from gitexp.datasets.objects.store import ObjectStore
from gitexp.datasets.remotes.protocol import (
    Failed,
    Listed,
    Parcel,
    Present,
    Sent,
    Told,
    Trouble,
    Wanted,
    local_trouble,
)
from gitexp.errors import GitexpError


class LocalRemote:
    """See protocol.py. The folder must exist: one that is not mounted would be filled otherwise."""

    writable = True
    at_once = 4
    together = 256

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.shown = str(root)
        self._root = root
        self._store = ObjectStore(root)

    def present(self, keys: Sequence[str]) -> Present:
        if trouble := self._absent():
            return Present(frozenset(), dict.fromkeys(keys, trouble))
        there, unsure = {}, {}
        for key in keys:
            try:
                there[key] = (self._root / key).stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                pass
            except OSError as error:
                unsure[key] = _trouble(error)
        return Present(frozenset(there), unsure, there)

    def fetch(self, wanted: Sequence[Wanted], told: Told) -> list[Trouble | None]:
        return [self._fetch(one, told) for one in wanted]

    def _fetch(self, one: Wanted, told: Told) -> Trouble | None:
        try:
            reader = (self._root / one.key).open("rb", buffering=0)
        except (FileNotFoundError, NotADirectoryError):
            return self._absent() or Trouble("missing", "it is not there")
        except OSError as error:
            return _trouble(error)
        with reader, one.path.open("r+b", buffering=0) as writer:
            offset = writer.seek(0, os.SEEK_END)
            size_bytes = os.fstat(reader.fileno()).st_size
            if offset == 0 and clone(reader.fileno(), writer.fileno()):
                told(size_bytes)
                return None
            reader.seek(offset)
            while True:
                try:
                    block = reader.read(BLOCK)
                except OSError as error:
                    return _trouble(error)
                if not block:
                    return None
                write_all(writer.fileno(), block)
                told(len(block))

    def send(self, parcels: Sequence[Parcel], told: Told) -> list[Trouble | Sent]:
        if trouble := self._absent():
            return [trouble] * len(parcels)
        with Batch(self._root) as batch:
            answers = [_send(parcel, batch, told) for parcel in parcels]
            lost = batch.settle()
        for number, parcel in enumerate(parcels):
            if (error := lost.get(parcel.name.digest)) is not None:
                answers[number] = _trouble(error)
        return answers

    def listing(self) -> Iterator[Listed]:
        if trouble := self._absent():
            raise Failed(trouble)
        for held in self._store.objects():
            yield Listed(name_of(held.digest).key, held.size_bytes)

    def close(self) -> None:
        pass

    def _absent(self) -> Trouble | None:
        if self._root.is_dir():
            return None
        fix = f"mkdir -p {shlex.quote(str(self._root))}"
        return Trouble("bucket", f"the folder does not exist (is it mounted? a new one: {fix})")


def _send(parcel: Parcel, batch: Batch, told: Told) -> Trouble | Sent:
    try:
        size_bytes = parcel.path.stat().st_size
        sent = batch.put(parcel.path, digest=parcel.name.digest, lab_key=parcel.name.lab_key)
        told(size_bytes)
    except GitexpError as error:
        if isinstance(error.__cause__, OSError):
            return _trouble(error.__cause__)
        return Trouble("local", error.what)
    except OSError as error:
        return local_trouble(error)
    return "sent" if sent else "there"


def _trouble(error: OSError) -> Trouble:
    words = f"the system says: {error.strerror or error}"
    return Trouble("forbidden" if isinstance(error, PermissionError) else "other", words)
