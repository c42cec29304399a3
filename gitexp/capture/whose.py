"""Whose the files of a working folder are, where several runs were at work there, or one is recorded late."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gitexp import runfolder

LATE_S = 2.0  # how much later than its program's end a file may have been written to
LATE = "it was written to after the run had ended"


class Whose(NamedTuple):
    """What is known of our run and of those beside it. Names are relative to the program's working folder."""

    argv: Sequence[str] = ()
    others: Mapping[str, Sequence[str]] = {}  # the argv of runs that were at work here at the same time, by run
    finished: float | None = None  # when the program ended; None: it is recorded at once, or nobody saw its end

    def is_late(self, info: os.stat_result) -> bool:
        """Whether a file was written to by somebody else since."""
        return self.finished is not None and info.st_mtime > self.finished + LATE_S

    def is_anothers(self, name: str) -> bool:
        """Whether a run beside ours names the folder around a file, and ours does not."""
        return any(_is_named(name, argv) for argv in self.others.values()) and not _is_named(name, self.argv)

    def other(self, name: str) -> str | None:
        """A run that may have written a file too: one beside ours, unless our command alone names the folder around."""
        ours = bool(self.others) and _is_named(name, self.argv)
        return next((run for run, argv in self.others.items() if not ours or _is_named(name, argv)), None)


def beside(folder: Path, *, argv: Sequence[str], root: str, cwd: str, finished: float | None) -> Whose:
    """As the run's folder tells it. `cwd`: where its program ran, relative to the `root` of its working tree."""
    found: dict[str, Sequence[str]] = {}
    for path in folder.glob(f"{runfolder.BESIDE}*.json"):
        with suppress(runfolder.Torn):
            word = runfolder.read_json(str(folder), path.name) or {}
            if word.get("root", root) != root:
                continue  # another working tree's
            theirs = posixpath.normpath(str(word.get("cwd", ".")))
            inner, outer = sorted((posixpath.normpath(cwd), theirs), key=len, reverse=True)
            if outer == "." or holds(outer, inner):
                found[path.stem.removeprefix(runfolder.BESIDE)] = tuple(map(str, word.get("argv", ())))
    return Whose(argv, found, finished)


def holds(outer: str, inner: str) -> bool:
    """Whether a folder is another, or around it."""
    return not outer or inner == outer or inner.startswith(f"{outer}/")


def _is_named(name: str, argv: Sequence[str]) -> bool:
    words = (part for word in argv for part in (word, word.partition("=")[2]) if part)
    folders = (posixpath.normpath(word) for word in words)
    return any(folder != "." and name.startswith(f"{folder}/") for folder in folders)
