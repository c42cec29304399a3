"""What is known of a run before it begins: its id, the code and the gitexp; and how such values become tables of TOML.

Apart from run.py, which costs more to import than all that a run needs of it before its program starts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from gitexp.record.digests import Oid

# Trailers of a run's commit message, and of what is no run. Apart from message.py, which costs more to import.
RUN_TRAILER, RECIPE_TRAILER, KIND_TRAILER, JOB_TRAILER = "Gitexp-Run", "Gitexp-Recipe", "Gitexp-Kind", "Gitexp-Job"
CODE_TRAILER, VERDICT_TRAILER = "Gitexp-Code", "Gitexp-Verdict"
VERDICT = "verdict.toml"  # the file of a rerun's record
GRADES = ("bitwise", "metrics", "tolerance", "equivalent", "inconclusive", "different", "failed")  # best first
PASSES = GRADES[:4]  # what counts as a reproduction
EVENT_TRAILER, ABOUT_TRAILER = "Gitexp-Event", "Gitexp-About"

RUN_ID_LETTERS = "klmnopqrstuvwxyz"  # no hexadecimal digit among them: a run id is never mistaken for a git hash
RUN_ID_LENGTH = 16


class RunId(str):
    """16 letters from k to z. Validates on construction; raises ValueError."""

    __slots__ = ()

    def __new__(cls, text: str) -> RunId:
        if len(text) != RUN_ID_LENGTH or text.strip(RUN_ID_LETTERS):
            raise ValueError(f"not a run id: {text!r}")
        return super().__new__(cls, text)


def new_run_id() -> RunId:
    """A fresh id: 64 random bits."""
    return RunId("".join(RUN_ID_LETTERS[b >> 4] + RUN_ID_LETTERS[b & 15] for b in os.urandom(RUN_ID_LENGTH // 2)))


class Code(NamedTuple):
    """The code that ran. `code/` of the record is the truth; commit, branch and remote are hints."""

    clean: bool
    commit: Oid | None = None  # None: the repository had no commit
    subject: str | None = None
    branch: str | None = None  # None: detached HEAD
    remote: str | None = None  # URL without credentials; None: no remote
    changed: tuple[str, ...] = ()  # at most 20 paths that differed from the commit
    changed_count: int | None = None  # None: not recorded
    edited: tuple[str, ...] = ()  # at most 20 paths that changed while the program ran
    edited_count: int | None = None  # None: recorded later, when nobody could look any more
    submodules: tuple[str, ...] = ()  # at most 20 paths in code/ that are other repositories' commits, without a file
    lfs: tuple[str, ...] = ()  # at most 20 patterns of files that code/ has as git-lfs pointers
    license: str | None = None  # SPDX; None: the root has no licence that is known by its first words

    @property
    def oid(self) -> str | None:
        """The commit's id, safe to give to git; None: there is none, or the record names what cannot be one."""
        return self.commit.digits if self.commit is not None and self.commit.right else None


class Recorder(NamedTuple):
    """The gitexp that wrote the record. None: that could not be told."""

    version: str
    commit: Oid | None = None
    changed: bool | None = None  # files of its checkout differed from that commit
    url: str | None = None  # where pip had it from, without credentials


def as_plain(value: Any) -> Any:
    """A named tuple as dicts and lists of TOML's types, without what is not recorded."""
    if hasattr(value, "_asdict"):
        plain = {name: as_plain(part) for name, part in value._asdict().items()}
        plain = {k: v for k, v in plain.items() if v is not None and v != [] and v != {}}
        return dict(sorted(plain.items(), key=lambda kv: isinstance(kv[1], dict)))
    if isinstance(value, tuple | list):
        return [as_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): as_plain(v) for k, v in value.items()}
    if isinstance(value, str):
        return visible(value)
    return value


def visible(text: str) -> str:
    """Text as TOML can hold it: what was not UTF-8 (an argument, a path) is written as `\\xff` escapes."""
    try:
        return str(text).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return str(text).encode("utf-8", "backslashreplace").decode()
