"""Commits written once more: the same trees, words, people and dates, on other parents, signed where that is asked for.

No ref moves.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from gitexp.git.objectreader import ObjectReader
from gitexp.git.objects import store_commit, sync_objects
from gitexp.git.repo import Repo, line

_PERSON = re.compile(rb"^(author|committer) (.*) <(.*)> (-?\d+ [+-]\d{4})$", re.MULTILINE)


class Rewritten(NamedTuple):
    """New commits, on the disk: by the ids of those that they stand for, and as they are."""

    ids: Mapping[str, str]
    contents: Sequence[bytes]
    unsigned: int = 0  # of them, whose signature had to go, because nothing is signed any more

    def store(self, repo: Repo) -> None:
        """Write them again, as they are."""
        for content in self.contents:
            line(repo, "hash-object", "-t", "commit", "-w", "--stdin", feed=content)


def rewrite(repo: Repo, commits: Sequence[str], *, without: Collection[str] = ()) -> Rewritten:
    """Write commits, each of which comes after its parents, once more: on the new ones of its parents, if they have.

    Of those of `without` the first parent stands for them. What had the tree of its first parent has it again.
    Raises GitFailed and SigningFailed.
    """
    ids: dict[str, str] = {}
    unsigned = 0
    with ObjectReader(repo) as reader:

        def read(commit: str) -> tuple[str, bytes, bytes]:
            header, _, message = (reader.read(commit) or b"").partition(b"\n\n")
            return header[5:].partition(b"\n")[0].decode(), header, message

        for commit in commits:
            tree, header, message = read(commit)
            old = [parent.decode() for parent in re.findall(rb"^parent (\w+)$", header, re.MULTILINE)]
            new = [ids.get(parent, parent) for parent in old]
            if commit in without:
                ids[commit] = new[0]
                continue
            if old != new and read(old[0])[0] == tree:
                tree = read(new[0])[0]
            args = [tree]
            for parent in dict.fromkeys(new):
                args += ["-p", parent]
            ids[commit] = store_commit(repo, args, message, env=_people(header))
            unsigned += b"\ngpgsig" in header and not repo.signs
        written = [ids[commit] for commit in commits if commit not in without]
        sync_objects(repo, written)
        return Rewritten(ids, [reader.read(one) or b"" for one in written], unsigned)


def _people(header: bytes) -> dict[str, str]:
    """Author, committer and their dates, as git takes them from its environment."""
    env: dict[str, str] = {}
    for role, name, address, date in _PERSON.findall(header):
        who = f"GIT_{role.decode().upper()}"
        told = ((f"{who}_NAME", name), (f"{who}_EMAIL", address), (f"{who}_DATE", b"@" + date))
        env |= {key: value.decode("utf-8", "surrogateescape") for key, value in told}
    return env
