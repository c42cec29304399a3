"""A branch in a file, by `git bundle`: written, and its head read as what anybody may have written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gitexp.errors import GitexpError
from gitexp.git.repo import Repo, output
from gitexp.git.standing import branch_ref, given_ref
from gitexp.regularfile import open_regular

LONGEST = 1 << 16  # bytes of a head; ours have two or three lines
_BEGINNINGS = (b"# v2 git bundle", b"# v3 git bundle")


class Head(NamedTuple):
    """What a bundle says of itself."""

    tips: dict[str, str]  # of its branches, by their names
    built_on: dict[str, str]  # commits that are not in it, with its words on each


def write_bundle(repo: Repo, file: Path, *, branch: str, without: Sequence[str]) -> str:
    """Write what the branch has and these commits have not, whole or not at all, and return its tip."""
    output(repo, "bundle", "create", "-q", str(file), branch_ref(branch), *(f"^{commit}" for commit in without))
    return read_head(file).tips[branch]


def remember_given(repo: Repo, tip: str, *, branch: str) -> None:
    """Others may have what is in a bundle from now on."""
    output(repo, "update-ref", "-m", "gitexp bundle", given_ref(branch), tip)


def read_head(file: Path) -> Head:
    """The head of a bundle. Raises GitexpError where the file is none, or one of which parts were left out."""
    try:
        with os.fdopen(open_regular(file)[0], "rb") as opened:
            beginning, end, _ = opened.read(LONGEST).partition(b"\n\n")
    except OSError as error:
        raise GitexpError(f"{file} cannot be read: {error.strerror}") from error
    first, *lines = beginning.decode("utf-8", "surrogateescape").split("\n")
    if not end or os.fsencode(first) not in _BEGINNINGS:
        raise GitexpError(f"{file} is no bundle, or broke off", fix="gitexp bundle FILE    in the lab that it is from")
    head = Head({}, {})
    for line in lines:
        commit, _, words = line.partition(" ")
        if line.startswith("@") and not line.startswith("@object-format="):
            raise GitexpError(f"{file} leaves out parts of what it holds ({line[1:80]})")
        if line.startswith("-"):
            head.built_on[commit[1:]] = words
        elif words.startswith("refs/heads/"):
            head.tips[words.removeprefix("refs/heads/")] = commit
    return head
