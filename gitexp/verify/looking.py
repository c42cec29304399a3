"""What the checks of a record ask: objects, bytes and tables, what many records share once; and what was not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from gitexp.errors import GitexpError
from gitexp.text.bounded import LARGEST, load_tables
from gitexp.verify.manifests import Bytes
from gitexp.verify.objects import Absent, Objects

T = TypeVar("T")

NOT_HERE = "file of a record that this clone does not have"
SHARED = 4096  # answers that are kept
HEAVIEST = 8 << 20  # characters of the texts that they were made of
MOST = 100  # problems of a file


class Looking:
    """What the checks of one record need beside it, and what could not be looked at, by what it is."""

    def __init__(self, objects: Objects, *, is_partial: bool, held: Bytes | None) -> None:
        self.objects, self.held = objects, held
        self.unseen = Counter[str]()
        self._partial = is_partial
        self._made: dict[tuple[str, ...], Any] = {}
        self._weight = 0  # of the texts that some of these were made of

    def once(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        """What is made of some objects, for all records that have them."""
        if key not in self._made:
            if len(self._made) > SHARED or self._weight > HEAVIEST:
                self._made.clear()
                self._weight = 0
            self._made[key] = make()
        return self._made[key]  # type: ignore[no-any-return]

    def text(self, oid: str, *, limit: int = LARGEST) -> str:
        """A file as text. Raises Absent."""
        try:
            return self.objects.read(oid, limit=limit).decode()
        except UnicodeDecodeError as error:
            raise Absent("not UTF-8") from error

    def told(self, name: str, problems: Callable[[], Iterator[str]], *, named: bool = False) -> list[str]:
        """The problems of a file, which they may name themselves, or that it cannot be had."""
        try:
            return [
                what if named else f"{name} {what}" if what[:4] == "has " else f"{name}: {what}"
                for what in islice(problems(), MOST)
            ]
        except Absent as error:
            return self.lacking(name, error)
        except GitexpError as error:
            return [error.what if error.what.startswith(name) else f"{name}: {error.what}"]

    def lacking(self, name: str, error: Absent) -> list[str]:
        """What to say of what cannot be had; nothing where the clone is a partial one, which lacks it rightly."""
        if error.missing and self._partial:
            self.unseen[NOT_HERE] += 1
            return []
        return [f"{name} is {error.what}"]

    def shared(self, name: str, problems: Callable[[], Iterator[str]], *oids: str) -> list[str]:
        """The same, once for all records that have these objects."""
        return self.once((name, *oids), lambda: self.told(name, problems))

    def table(self, name: str, oid: str) -> Mapping[str, Any]:
        """A .toml file. Raises Absent and Unreadable."""

        def load() -> Mapping[str, Any]:
            text = self.text(oid)
            self._weight += len(text)
            return load_tables(text, where=name)

        return self.once(("table", name, oid), load)

    def readable(self, name: str, files: Mapping[str, str]) -> Mapping[str, Any] | None:
        """A table; None where it is not there, or cannot be read, which its own check says."""
        try:
            return self.table(name, files[name]) if name in files else None
        except GitexpError:
            return None
