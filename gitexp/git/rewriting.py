"""Commits written once more: the same trees, words, people and dates, on other parents, signed where that is asked for.

No ref moves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gitexp.git.objectreader import ObjectReader
from gitexp.git.objects import store_commit, sync_objects
from gitexp.git.repo import Repo, line

_PERSON = re.compile(rb"^(author|committer) (.*) <(.*)> (-?\d+ [+-]\d{4})$", re.MULTILINE)


class Rewritten(NamedTuple):
    """New commits, on the disk: by the ids of those that they stand for, and as they are."""

    ids: Mapping[str, str]
    contents: Sequence[bytes]

    def store(self, repo: Repo) -> None:
        """Write them again, as they are."""
        for content in self.contents:
            line(repo, "hash-object", "-t", "commit", "-w", "--stdin", feed=content)


def rewrite(repo: Repo, commits: Sequence[str], *, onto: Mapping[str, str]) -> Rewritten:
    """Write commits, each after its parents, with the parents that `onto` says instead of theirs. Raises GitFailed."""
    ids = dict(onto)
    with ObjectReader(repo) as reader:
        for commit in commits:
            header, _, message = (reader.read(commit) or b"").partition(b"\n\n")
            tree, parents = header[5:].split(b"\n")[0].decode(), re.findall(rb"^parent (\w+)$", header, re.MULTILINE)
            args = [tree]
            for parent in parents:
                args += ["-p", ids.get(parent.decode(), parent.decode())]
            env: dict[str, str] = {}
            for role, name, address, date in _PERSON.findall(header):
                who = f"GIT_{role.decode().upper()}"
                told = ((f"{who}_NAME", name), (f"{who}_EMAIL", address), (f"{who}_DATE", b"@" + date))
                env |= {key: value.decode("utf-8", "surrogateescape") for key, value in told}
            ids[commit] = store_commit(repo, args, message, env=env)
        written = [ids[commit] for commit in commits]
        sync_objects(repo, written)
        return Rewritten(ids, [reader.read(one) or b"" for one in written])
