"""How long work on bytes tells whoever watches how far it is. Drawn elsewhere; nothing here prints."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol


class Progress(Protocol):
    """A watcher. Both are called from any thread."""

    def expect(self, *, files: int, size_bytes: int) -> None:
        """So much there is to do in all, as far as is known by now; 0: not known."""

    def advance(self, *, files: int, size_bytes: int) -> None:
        """So much more is done."""


Watch = Callable[[str], AbstractContextManager[Progress]]  # of a phase, in words


class Unwatched:
    """Nobody looks. A context, as those are that draw."""

    def __init__(self, _what: str) -> None: ...

    def __enter__(self) -> Unwatched:
        return self

    def __exit__(self, *error: object) -> None: ...

    def expect(self, *, files: int, size_bytes: int) -> None: ...

    def advance(self, *, files: int, size_bytes: int) -> None: ...
